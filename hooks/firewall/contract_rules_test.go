package firewall

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"vifctl/hooks/plan"
)

func prefixes(t *testing.T, b backend) {
	m := newMachine(t)
	f := b.open(m, Options{})
	var all []plan.Rule
	for _, p := range []string{"192.0.2.0/24", "192.0.2.128/25", "198.51.100.8/29", "2001:db8::/48", "2001:db8:0:1::/64", "fe80::/10"} {
		for _, bridged := range []bool{true, false} {
			if bridged && b.routedOnly {
				continue
			}
			r := ownAddressRule("vif1.0", p)
			r.Bridged = bridged
			mustChange(t, f, []plan.Rule{r}, nil)
			all = append(all, r)
			wantInForce(t, f, true, all...)
		}
	}
	wantInForce(t, f, false, ownAddressRule("vif1.0", "192.0.2.1/32"), ownAddressRule("vif1.0", "192.0.3.0/24"),
		ownAddressRule("vif2.0", "192.0.2.0/24"), ownAddressRule("vif1.0", "192.0.0.0/16"))
	mustChange(t, f, nil, all)
	wantInForce(t, f, false, all...)
	base := b.dump(m)
	mustChange(t, f, all, nil)
	mustChange(t, f, nil, all)
	wantDump(t, base, b.dump(m))
}

func forwardsBySource(t *testing.T, b backend) {
	f := b.open(newMachine(t), Options{})
	rules := []plan.Rule{
		tcpForward("203.0.113.1", "10.0.0.1", 80, 80, 0, "192.0.2.0/24"),
		tcpForward("203.0.113.1", "10.0.0.2", 80, 80, 8080, "198.51.100.0/24"),
		tcpForward("203.0.113.1", "10.0.0.3", 80, 80, 0, "192.0.2.128/25"),
		tcpForward("203.0.113.1", "10.0.0.4", 80, 80, 0, ""),
		tcpForward("203.0.113.1", "10.0.0.5", 1000, 2000, 0, ""),
		tcpForward("2001:db8::1", "fd00::1", 1, 1024, 0, "2001:db8:7::/48"),
	}
	for i := range rules {
		mustChange(t, f, rules[i:i+1], nil)
		wantInForce(t, f, true, rules[:i+1]...)
	}
	// Everywhere, said in two ways.
	wantInForce(t, f, true, tcpForward("203.0.113.1", "10.0.0.4", 80, 80, 80, "0.0.0.0/0"))
	for i := range rules {
		mustChange(t, f, nil, rules[i:i+1])
		wantInForce(t, f, false, rules[:i+1]...)
		wantInForce(t, f, true, rules[i+1:]...)
	}
}

func badRules(t *testing.T, b backend) {
	m := newMachine(t)
	f := b.open(m, Options{})
	before := b.dump(m)
	for _, bad := range []struct {
		rule plan.Rule
		says string
	}{
		{plan.Rule{Kind: "no such"}, "no such kind"},
		{plan.Rule{Kind: plan.RuleStrict}, `"" is no name of an interface`},
		{plan.Rule{Kind: plan.RuleRouted, Dev: plan.Dev{Name: "a-name-of-16-byte"}}, "is no name of an interface"},
		{plan.Rule{Kind: plan.RuleOwnMAC, Dev: plan.Dev{Name: "vif1.0"}, MAC: "x"}, `"x" is no hardware address`},
		{ownAddressRule("vif1.0", "0.0.0.0/0"), "is no address or prefix of a guest"},
		{plan.Rule{Kind: plan.RuleOwnAddress, Dev: plan.Dev{Name: "vif1.0"}}, "is no address or prefix of a guest"},
		{plan.Rule{Kind: plan.RuleGuestAddress}, "is no address or prefix of a guest"},
		{oneToOneRule("203.0.113.1", "fd00::1"), "one is IPv4, the other IPv6"},
		{plan.Rule{Kind: plan.RuleOneToOne}, "a public and a private address"},
		{plan.Rule{Kind: plan.RuleMasquerade}, "no private address"},
		{tcpForward("203.0.113.1", "10.0.0.1", 0, 0, 0, ""), "no range of ports"},
		{tcpForward("203.0.113.1", "10.0.0.1", 2, 1, 0, ""), "no range of ports"},
		{tcpForward("203.0.113.1", "10.0.0.1", 1, 1025, 0, ""), "one rule forwards at most 1024"},
		{tcpForward("203.0.113.1", "10.0.0.1", 1, 2, 3, ""), "cannot all go to port 3"},
		{tcpForward("203.0.113.1", "10.0.0.1", 1, 2, 0, "2001:db8::/32"), "cannot come from"},
		{plan.Rule{Kind: plan.RuleForward, Public: netip.MustParseAddr("203.0.113.1"), Private: netip.MustParseAddr("10.0.0.1"), Protocol: "icmp", First: 1, Last: 1}, "has no ports"},
	} {
		require.ErrorContains(t, f.Change(background, append(b.guest(1), bad.rule), nil), bad.says)
		require.ErrorContains(t, f.Change(background, b.guest(1), []plan.Rule{bad.rule}), bad.says)
		_, err := f.InForce(background, []plan.Rule{bad.rule})
		require.ErrorContains(t, err, bad.says)
	}
	wantDump(t, before, b.dump(m))
}
