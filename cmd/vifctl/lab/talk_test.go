package lab

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"vifctl/tests/dom0"
)

// twoMachines are a, with two addresses, and b, on one cable.
func twoMachines(t *testing.T) (a, b *Machine) {
	t.Helper()
	dom0.Need(t)
	a, err := newMachine("a")
	require.NoError(t, err)
	t.Cleanup(a.close)
	b, err = newMachine("b")
	require.NoError(t, err)
	t.Cleanup(b.close)
	require.NoError(t, cable(end{a, "eth0", ""}, end{b, "eth0", ""}))
	require.NoError(t, a.configure("eth0", prefixes("192.0.2.1/24", "192.0.2.3/24")...))
	require.NoError(t, b.configure("eth0", prefixes("192.0.2.2/24")...))
	return a, b
}

var (
	addrA    = netip.MustParseAddr("192.0.2.1")
	addrAToo = netip.MustParseAddr("192.0.2.3")
	addrB    = netip.MustParseAddr("192.0.2.2")
	nobodyIs = netip.MustParseAddr("192.0.2.9")
)

func TestConnect(t *testing.T) {
	a, b := twoMachines(t)
	_, _, err := a.connect(t.Context(), connection{to: addrB})
	require.ErrorIs(t, err, unix.ECONNREFUSED)

	require.NoError(t, b.serve())
	got, took, err := a.connect(t.Context(), connection{to: addrB})
	require.NoError(t, err)
	assert.Positive(t, took)
	assert.Equal(t, answer{"b", addrA}, got)
	got, _, err = a.connect(t.Context(), connection{from: addrAToo, to: addrB})
	require.NoError(t, err)
	assert.Equal(t, answer{"b", addrAToo}, got)

	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	_, _, err = a.connect(ctx, connection{to: nobodyIs})
	require.ErrorContains(t, err, "timeout")
}

// That nobody hears a word must be told apart from that there is no way.
func TestHearsOnly(t *testing.T) {
	a, b := twoMachines(t)
	arrives, arrivesToo := word{"one", addrA, addrB}, word{"two", addrAToo, addrB}
	lost := word{"lost", addrA, nobodyIs}
	require.NoError(t, a.hearsOnly(t.Context(), b, lost, arrives))
	require.EqualError(t, a.hearsOnly(t.Context(), b, arrivesToo, arrives), `b heard "two"`)
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	require.Error(t, a.hearsOnly(ctx, b, arrives, lost))
	require.ErrorContains(t, a.hearsOnly(t.Context(), b, arrives, word{"not mine", nobodyIs, addrB}), "cannot assign")
}
