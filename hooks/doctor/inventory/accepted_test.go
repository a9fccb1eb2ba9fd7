package inventory

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOnes(t *testing.T) {
	t.Parallel()
	for want, masks := range map[int][][]byte{
		0:  {{}, {0}, {0, 0}},
		9:  {{0xff, 0x80}, {0xff, 0x80, 0, 0}},
		24: {{0xff, 0xff, 0xff}, {0xff, 0xff, 0xff, 0}},
		-1: {{0xff, 0, 0xff}, {0xa0}, {0xff, 0x7f}},
	} {
		for _, mask := range masks {
			require.Equal(t, want, ones(mask), "%x", mask)
		}
	}
}

// All of a guest's addresses have to be accepted, and all of a prefix.
func TestAccepted(t *testing.T) {
	t.Parallel()
	prefixes := func(words ...string) (all []netip.Prefix) {
		for _, w := range words {
			all = append(all, netip.MustParsePrefix(w))
		}
		return all
	}
	a := Accepted{Ports: []PortName{{"vif", true}, {"web0", false}}, Networks: prefixes("10.0.0.0/24", "2001:db8::/64")}
	require.True(t, a.Has("vif7.0-emu", nil))
	require.True(t, a.Has("web0", nil))
	require.False(t, a.Has("web0-emu", nil))
	require.False(t, a.Has("eth1", nil))
	require.True(t, a.Has("eth1", prefixes("10.0.0.5/32", "2001:db8::5/128")))
	require.False(t, a.Has("eth1", prefixes("10.0.0.5/32", "10.0.1.5/32")))
	require.False(t, a.Has("eth1", prefixes("2001:db8::/48")))
}
