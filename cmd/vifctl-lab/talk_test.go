package main

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"vifctl/tests/dom0"
)

// That no peer hears a word must be told apart from that there is no way.
func TestHearsOnly(t *testing.T) {
	d := dom0.New(t, dom0.Options{Scripts: func() (map[string]string, error) { return nil, nil }})
	require.NoError(t, d.Client.Configure("eth0", "10.0.0.3/24"))
	address := netip.MustParseAddr
	one, two, there, nowhere := address(dom0.ClientAddress), address("10.0.0.3"), address(dom0.HostAddress), address("10.0.0.9")
	arrives, arrivesToo := word{"one", d.Client, one, there}, word{"two", d.Client, two, there}
	lost := word{"lost", d.Client, one, nowhere}
	require.NoError(t, hearsOnly(d.Namespace, lost, arrives))
	require.EqualError(t, hearsOnly(d.Namespace, arrivesToo, arrives), `dom0 heard "two"`)
	require.ErrorContains(t, hearsOnly(d.Namespace, arrives, lost), `nothing arrived, not even "lost"`)
	require.ErrorContains(t, hearsOnly(d.Namespace, arrives, word{"not mine", d.Client, nowhere, there}), "cannot assign")
}
