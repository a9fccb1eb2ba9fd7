package firewall

import (
	"context"
	"fmt"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"vifctl/hooks/plan"
)

// bridged and routed are all the rules of one guest's port, the number-th.
func bridgedGuest(number int) []plan.Rule { return portRules(number, true) }

// routedGuest also has two public addresses, of either family, and forwards.
func routedGuest(number int) []plan.Rule {
	dev := portOf(number)
	private4, private6 := netip.AddrFrom4([4]byte{10, 0, byte(number >> 8), byte(number)}), numbered("fd00::", number)
	public4 := netip.AddrFrom4([4]byte{203, 1, byte(number >> 8), byte(number)})
	return append(portRules(number, false),
		plan.Rule{Kind: plan.RuleRouted, Dev: dev},
		plan.Rule{Kind: plan.RulePrivate, Dev: dev},
		plan.Rule{Kind: plan.RuleOneToOne, Public: public4, Private: private4},
		plan.Rule{Kind: plan.RuleOneToOne, Public: numbered("2001:db8:1::", number), Private: private6},
		plan.Rule{
			Kind: plan.RuleForward, Public: netip.MustParseAddr("203.0.113.1"), Private: private4,
			Protocol: "tcp", First: uint16(10000 + number), Last: uint16(10000 + number), To: 22,
		},
		plan.Rule{
			Kind: plan.RuleForward, Public: netip.MustParseAddr("203.0.113.2"), Private: private4,
			Protocol: "tcp", First: uint16(10000 + number), Last: uint16(10000 + number), To: 22,
			From: netip.MustParsePrefix("198.51.100.0/24"),
		},
	)
}

func portOf(number int) plan.Dev {
	return plan.Dev{Name: fmt.Sprintf("vif%d.0", number), Index: number}
}

func numbered(base string, number int) netip.Addr {
	a := netip.MustParseAddr(base).As16()
	a[14], a[15] = byte(number>>8), byte(number)
	return netip.AddrFrom16(a)
}

func portRules(number int, bridged bool) []plan.Rule {
	dev := portOf(number)
	mac := fmt.Sprintf("00:16:3e:00:%02x:%02x", number>>8, number&0xff)
	rules := []plan.Rule{
		{Kind: plan.RuleOwnMAC, Dev: dev, Bridged: bridged, MAC: mac},
		{Kind: plan.RuleStrict, Dev: dev, Bridged: bridged},
	}
	for _, a := range []netip.Addr{
		netip.AddrFrom4([4]byte{10, 0, byte(number >> 8), byte(number)}), numbered("fd00::", number), numbered("fe80::", number),
	} {
		own := netip.PrefixFrom(a, a.BitLen())
		rules = append(rules, plan.Rule{Kind: plan.RuleOwnAddress, Dev: dev, Bridged: bridged, Prefix: own})
		if !bridged && !a.IsLinkLocalUnicast() {
			rules = append(rules, plan.Rule{Kind: plan.RuleGuestAddress, Prefix: own})
		}
	}
	return rules
}

// BenchmarkGuest adds and removes one guest's rules with others there; the
// figures are of one call each.
func BenchmarkGuest(b *testing.B) {
	for _, kind := range []struct {
		name  string
		rules func(int) []plan.Rule
	}{{"bridged", bridgedGuest}, {"routed+nat", routedGuest}} {
		for _, others := range []int{0, 5000} {
			m := newMachine(b)
			n := m.open(Options{})
			ctx := context.Background()
			fill(b, n, kind.rules, others)
			one := kind.rules(others + 1)
			require.NoError(b, n.Change(ctx, one, nil))
			run := func(name string, timed, after func() error) {
				b.Run(fmt.Sprintf("%s/%d/%s", kind.name, others, name), func(b *testing.B) {
					for b.Loop() {
						require.NoError(b, timed())
						b.StopTimer()
						require.NoError(b, after())
						b.StartTimer()
					}
				})
			}
			add := func() error { return n.Change(ctx, one, nil) }
			remove := func() error { return n.Change(ctx, nil, one) }
			look := func() error { _, err := n.InForce(ctx, one); return err }
			run("look", look, func() error { return nil })
			run("again", add, func() error { return nil })
			run("remove", remove, add)
			require.NoError(b, remove())
			run("add", add, remove)
		}
	}
}

func fill(t testing.TB, f Firewall, rules func(int) []plan.Rule, guests int) {
	t.Helper()
	for number := 1; number <= guests; number += 250 {
		var some []plan.Rule
		for i := range min(250, guests-number+1) {
			some = append(some, rules(number+i)...)
		}
		require.NoError(t, f.Change(context.Background(), some, nil))
	}
}
