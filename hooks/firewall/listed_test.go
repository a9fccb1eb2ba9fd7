package firewall

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"vifctl/hooks/limit"
	"vifctl/hooks/plan"
)

// reload does what many do with a whole ruleset: list it into a file and load that.
func (m *machine) reload() {
	m.t.Helper()
	before := m.run("nft", "list", "ruleset")
	m.feed("flush ruleset\n"+before, "nft", "-f", "-")
	wantDump(m.t, before, m.run("nft", "list", "ruleset"))
}

// everyKind is a guest of every mode and level, with all that it can have.
func everyKind() []plan.Rule {
	rules := append(guest(1), ownRules(plan.RuleMAC, true)[:2]...)
	rules = append(append(rules, ownRules(plan.RuleMAC, false)[:2]...), natRules(families[0])...)
	rules = append(rules, natRules(families[1])...)
	for _, prefix := range []string{"198.51.100.0/24", "192.0.2.8/29", "2001:db8:1::/64", "fe80::/10"} {
		for _, bridged := range []bool{true, false} {
			r := ownAddressRule("vif2.0", prefix)
			r.Bridged = bridged
			rules = append(rules, r, plan.Rule{Kind: plan.RuleGuestAddress, Prefix: r.Prefix})
		}
	}
	for _, role := range plan.Roles() {
		rules = append(rules, plan.Rule{Kind: plan.RuleRole, Dev: portOf(2), Role: role},
			plan.Rule{Kind: plan.RuleRole, Dev: portOf(2), Role: role, Bridged: true})
	}
	return append(rules,
		plan.Rule{Kind: plan.RuleLeaves, Dev: plan.Dev{Name: "eth2"}, Private: netip.MustParseAddr("10.0.0.1")},
		plan.Rule{Kind: plan.RuleLeaves, Dev: plan.Dev{Name: "eth2"}, Private: netip.MustParseAddr("fd00::1"), Public: netip.MustParseAddr("2001:db8::9")},
		plan.Rule{Kind: plan.RuleMasquerade, Private: netip.MustParseAddr("10.0.0.77"), Public: netip.MustParseAddr("192.0.2.77")},
		plan.Rule{Kind: plan.RuleMasquerade, Private: netip.MustParseAddr("fd00::77"), Public: netip.MustParseAddr("2001:db8::77")},
		plan.Rule{Kind: plan.RuleMasqueradeAll, Dev: plan.Dev{Name: "eth3"}},
		plan.Rule{Kind: plan.RuleMasqueradeAll, Dev: plan.Dev{Name: "eth4"}, Public: netip.MustParseAddr("192.0.2.78")},
		plan.Rule{Kind: plan.RulePrivate4, Dev: portOf(2)},
		tcpForward("203.0.113.1", "10.0.0.1", 1, 3, 0, "0.0.0.0/1"),
		tcpForward("2001:db8::1", "fd00::1", 1, 3, 0, "2001:db8:7::/48"),
	)
}

// TestListedLoads: what nft lists of ours it can load again, with guests up and
// without, also where their interfaces are not there yet, and it is in force then.
func TestListedLoads(t *testing.T) {
	t.Parallel()
	for _, o := range []Options{{}, {Uplinks: []string{"eth0", "eth1"}, Mark: 4}} {
		m := newMachine(t)
		f := m.open(o)
		rules := everyKind()
		mustChange(t, f, rules, nil)
		wantInForce(t, f, true, rules...)
		for _, table := range []string{"bridge", "inet", "arp"} {
			m.feed("add element "+table+` vifctl drops { "vif1.0" counter packets 3 bytes 4 }`, "nft", "-f", "-")
		}
		m.reload()
		wantInForce(t, f, true, rules...)
		chains, err := f.Tampered(background)
		require.NoError(t, err)
		require.Empty(t, chains)

		// All else works on it as before.
		base := m.run("nft", "list", "ruleset")
		mustChange(t, f, guest(7), nil)
		mustChange(t, f, nil, guest(7))
		wantDump(t, base, m.run("nft", "list", "ruleset"))
		// So does what makes parts of the base anew: a prefix of another length.
		mustChange(t, f, []plan.Rule{
			ownAddressRule("vif9.0", "198.51.100.0/27"), tcpForward("203.0.113.1", "10.0.0.1", 9, 9, 0, "0.0.0.0/7"),
		}, nil)
		mustChange(t, f, nil, rules)
		m.reload()
		mustChange(t, f, rules, nil)
		wantInForce(t, f, true, rules...)
	}
}

// TestListedLimitLoads: a limit is at an interface, which has to be there.
func TestListedLimitLoads(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.run("ip", "link", "add", "vif1.0-emu", "type", "veth", "peer", "name", "guest")
	dev := plan.Dev{Name: "vif1.0-emu", Index: 7}
	m.do(func() {
		require.NoError(t, limit.Host{}.SetLimit(background, plan.Limit{Dev: dev, Rate: plan.Rate{BytesPerSecond: 1_250_000, Burst: 5000}}))
	})
	m.reload()
}
