package firewall

import (
	"testing"

	"github.com/stretchr/testify/require"

	"vifctl/hooks/plan"
)

// TestGlance: however many guests there are, a call looks at what it is about,
// and sees all the same what somebody has done to that.
func TestGlance(t *testing.T) {
	for _, v := range []Variant{VariantNFT, VariantLegacy} {
		t.Run(string(v), func(t *testing.T) {
			t.Parallel()
			m := newMachine(t)
			o := Options{Uplinks: []string{"eth0"}}
			f := m.openIPTables(v, o, true)
			iptables := func(args ...string) { m.run("iptables-"+string(v), append([]string{"-w", "-t", "nat"}, args...)...) }
			glances := func(number int) (all bool) {
				m.visit(func() {
					x := f.(inside).f
					s, err := x.see(routedGuest(number), nil)
					require.NoError(t, err)
					all = s.glanced[ipv4]["nat"] && s.glanced[ipv6]["nat"]
				})
				return all
			}
			for number := range 4 {
				mustChange(t, f, routedGuest(number+1), nil)
			}
			require.True(t, glances(1))
			require.True(t, glances(9), "a guest that is not there")

			// A rule of somebody else's.
			iptables("-A", "PREROUTING", "-i", "eth9", "-j", "RETURN")
			wantInForce(t, f, true, routedGuest(1)...)
			mustChange(t, f, routedGuest(5), nil)
			require.True(t, glances(1))
			require.True(t, glances(5))

			// Guest 2's public address, and whatever ends as it does, has gone.
			iptables("-F", "VIFCTL-D-02")
			require.False(t, glances(2))
			wantInForce(t, f, false, oneToOneOf(2))
			wantInForce(t, f, true, oneToOneOf(1))
			mustChange(t, f, routedGuest(6), nil)
			wantInForce(t, f, false, oneToOneOf(2))
			mustChange(t, f, nil, routedGuest(6))
			mustChange(t, f, routedGuest(2), nil)
			wantInForce(t, f, true, routedGuest(2)...)
			require.True(t, glances(2))

			// A bucket has gone altogether.
			iptables("-D", "VIFCTL-DNAT", "-d", "0.0.0.3/0.0.0.255", "-j", "VIFCTL-D-03")
			iptables("-F", "VIFCTL-D-03")
			iptables("-X", "VIFCTL-D-03")
			wantInForce(t, f, false, oneToOneOf(3))
			mustChange(t, f, routedGuest(3), nil)
			for number := range 5 {
				wantInForce(t, f, true, routedGuest(number+1)...)
			}
			require.True(t, glances(3))
		})
	}
}

// TestVariantStays: rules stay in the iptables that they are in, whatever others
// do with the other one.
func TestVariantStays(t *testing.T) {
	for v, other := range map[Variant]Variant{VariantNFT: VariantLegacy, VariantLegacy: VariantNFT} {
		t.Run(string(v), func(t *testing.T) {
			t.Parallel()
			m := newMachine(t)
			chosen := func() (v Variant) {
				m.visit(func() {
					x, err := OpenIPTables(Options{Book: m.book})
					require.NoError(t, err)
					v = x.variant
					require.NoError(t, x.Close())
				})
				return v
			}
			mustChange(t, m.openIPTables(v, Options{}, true), routedGuest(1), nil)
			m.feed(others, "iptables-"+string(other)+"-restore", "-w")
			require.Equal(t, v, chosen())
			m.flush(v)
			require.Equal(t, other, chosen())
		})
	}
}

// oneToOneOf is the rule of a guest's public IPv4 address.
func oneToOneOf(number int) plan.Rule {
	return routedGuest(number)[len(portRules(number, false))+2]
}
