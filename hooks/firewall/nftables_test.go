package firewall

import (
	"errors"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"testing"

	"github.com/google/nftables/expr"
	"github.com/mdlayher/netlink"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"vifctl/hooks/plan"
)

// foreignRules are of everybody who could be about: in our families, at our
// priorities, with names like ours.
const foreignRules = `
table bridge foreign {
	set strict_ports { type ifname; elements = { "vif1.0" }; }
	chain prerouting { type filter hook prerouting priority -310; iifname @strict_ports counter; }
}
table inet vifctl_ {
	map dnat4 { type ipv4_addr : ipv4_addr; elements = { 203.0.113.1 : 10.0.0.9 }; }
	chain nat_pre { type nat hook prerouting priority -101; dnat ip to ip daddr map @dnat4; }
}
table arp filter {
	chain input { type filter hook input priority 0; arp operation request accept; }
}
table ip vifctl {
	chain forward { type filter hook forward priority 0; policy drop; ip saddr 10.0.0.1 accept; }
}
`

func TestForeignTablesStay(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	f := m.open(Options{})
	m.feed(foreignRules, "nft", "-f", "-")
	foreign := func() (all string) {
		for _, table := range [][2]string{{"bridge", "foreign"}, {"inet", "vifctl_"}, {"arp", "filter"}, {"ip", "vifctl"}} {
			all += m.run("nft", "-a", "list", "table", table[0], table[1])
		}
		return all
	}
	before := foreign()
	for range 2 {
		mustChange(t, f, guest(1), nil)
		require.True(t, before == foreign(), "a foreign table has changed")
		mustChange(t, f, nil, guest(1))
		require.True(t, before == foreign(), "a foreign table has changed")
		for _, family := range []string{"bridge", "inet", "arp"} {
			m.run("nft", "delete", "table", family, TableName)
		}
	}
}

func TestTablesAreMadeWhenNeeded(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		rules  []plan.Rule
		tables string
		hooks  []string
	}{
		{"a bridge", bridgedGuest(1), "table bridge vifctl\ntable inet vifctl\ntable arp vifctl\n", []string{"raw_below"}},
		{"routed, unfiltered", []plan.Rule{{Kind: plan.RuleRouted, Dev: portOf(1)}}, "table inet vifctl\n", []string{"forward"}},
		{"routed", portRules(1, false), "table arp vifctl\ntable inet vifctl\n", []string{"raw_pre"}},
		{"a public address", []plan.Rule{oneToOneRule("203.0.113.1", "10.0.0.1")}, "table inet vifctl\n", []string{"forward", "nat_last", "nat_out", "nat_post", "nat_pre"}},
	} {
		m := newMachine(t)
		mustChange(t, m.open(Options{}), c.rules, nil)
		require.ElementsMatch(t, lines(c.tables), lines(m.run("nft", "list", "tables")), c.name)
		have, err := m.open(Options{}).readTable(inetTable)
		require.NoError(t, err)
		for _, p := range parts {
			for _, chain := range p.chains(Options{}, nil) {
				if p.table == inetTable && chain.kind != "" {
					_, there := have.uses[chain.name]
					require.Equal(t, slices.Contains(c.hooks, chain.name), there, "%s: %s", c.name, chain.name)
				}
			}
		}
	}
}

// TestDamageIsSeenAndRepaired: elements without the rules that look at them
// protect no guest.
func TestDamageIsSeenAndRepaired(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	f := m.open(Options{})
	prefix := ownAddressRule("vif1.0", "198.51.100.0/24")
	rules := append(guest(1), prefix)
	mustChange(t, f, rules, nil)
	// Where a chain is listed depends on when it was made.
	list := func() []string { return slices.Sorted(slices.Values(lines(m.run("nft", "list", "ruleset")))) }
	whole := list()
	for _, damage := range [][]string{
		{"flush", "table", "bridge", TableName},
		{"flush", "table", "inet", TableName},
		{"flush", "table", "arp", TableName},
		{"flush", "chain", "inet", TableName, "from_guest"},
		{"insert", "rule", "bridge", TableName, "strict", "accept"},
		{"add", "rule", "inet", TableName, "raw_pre", "accept"},
		{"flush", "set", "bridge", TableName, "fixed_bridge"},
		{"flush", "set", "inet", TableName, "gports"},
		{"delete", "element", "inet", TableName, "net4_24", `{ "vif1.0" . 198.51.100.0 }`},
		{"delete", "table", "arp", TableName},
	} {
		m.run("nft", damage...)
		got, err := f.InForce(background, rules)
		require.NoError(t, err)
		require.Contains(t, slices.Collect(maps.Values(got)), false, damage)
		mustChange(t, f, rules, nil)
		wantInForce(t, f, true, rules...)
		require.True(t, slices.Equal(whole, list()), "%v: not as before", damage)
	}
}

// TestAnotherBase: other settings, or another version's chains, are replaced,
// and no guest loses an element.
func TestAnotherBase(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.feed(`
table inet vifctl {
	chain forward { type filter hook forward priority 5; drop; }
	chain raw_pre { type filter hook prerouting priority -300; policy accept; }
	set stale { type mark; }
}
`, "nft", "-f", "-")
	older := m.open(Options{Mark: 4, Uplinks: []string{"eth7"}})
	mustChange(t, older, guest(1), nil)
	wantInForce(t, older, true, guest(1)...)
	require.Contains(t, m.run("nft", "list", "chain", "inet", TableName, "forward"), "hook forward priority filter - 10")
	newer := m.open(Options{Mark: 8})
	wantInForce(t, newer, false, plan.Rule{Kind: plan.RuleRouted, Dev: portOf(1)})
	mustChange(t, newer, guest(2), nil)
	wantInForce(t, newer, true, append(guest(1), guest(2)...)...)
	require.Contains(t, m.run("nft", "list", "chain", "inet", TableName, "forward"), "0x00000008")
}

// TestNothingIsSentTwice: the kernel counts its generations, one a transaction.
func TestNothingIsSentTwice(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	n := m.open(Options{})
	generation := func() (id uint32) {
		ask, err := question(0, unix.NFT_MSG_GETGEN, 0, func(*netlink.AttributeEncoder) {})
		require.NoError(t, err)
		answers, err := n.socket.Execute(ask)
		require.NoError(t, err)
		require.NoError(t, answer(answers[0], func(d *netlink.AttributeDecoder) {
			if d.Type() == unix.NFTA_GEN_ID {
				id = d.Uint32()
			}
		}))
		return id
	}
	mustChange(t, n, guest(1), nil)
	once := generation()
	mustChange(t, n, guest(1), guest(2))
	require.Equal(t, once, generation())
	mustChange(t, n, guest(2), nil)
	require.Equal(t, once+1, generation(), "one change is one transaction")
}

// TestLittleRoom: with the room that the kernel gives in a user namespace, a big
// change is made all the same: ENOBUFS says nothing about whether it was.
func TestLittleRoom(t *testing.T) {
	t.Parallel()
	n := newMachine(t).open(Options{})
	require.NoError(t, n.socket.SetReadBuffer(212992/2)) // the kernel doubles it
	var rules []plan.Rule
	for i := range 40 {
		rules = append(rules, guest(i+1)...)
	}
	mustChange(t, n, rules, nil)
	wantInForce(t, n, true, rules...)
	mustChange(t, n, nil, rules)
	wantInForce(t, n, false, rules...)
}

// TestManyAtOnce: past 64 KiB in one message the kernel would take the first few
// elements and say nothing.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	n := newMachine(t).open(Options{})
	var rules []plan.Rule
	for i := range 5 {
		rules = append(rules, tcpForward(fmt.Sprintf("2001:db8::%d", i+1), "fd00::1", 1, 1024, 0, "2001:db8:7::/48"))
	}
	mustChange(t, n, rules, nil)
	wantInForce(t, n, true, rules...)
	mustChange(t, n, nil, rules)
	wantInForce(t, n, false, rules...)
}

// TestNamesAreBytes: the kernel allows interfaces to be called all sorts of
// things, and none of them is ever read as anything but a name.
func TestNamesAreBytes(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	n := m.open(Options{})
	for _, name := range []string{"a;flush ruleset", "\" }\n#", "-x", "$(id)", "\xff\xfe", "*", "vif*", "a b"} {
		r := plan.Rule{Kind: plan.RuleStrict, Dev: plan.Dev{Name: name}, Bridged: true}
		mustChange(t, n, []plan.Rule{r}, nil)
		wantInForce(t, n, true, r)
		wantInForce(t, n, false, plan.Rule{Kind: plan.RuleStrict, Dev: plan.Dev{Name: "vif1.0"}, Bridged: true})
		mustChange(t, n, nil, []plan.Rule{r})
		wantInForce(t, n, false, r)
	}
}

// TestFormerChains: what an older version had besides goes when a part is made anew, also
// where it leads to what stays.
func TestFormerChains(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	f := m.open(Options{})
	rules := append(bridgedGuest(1), routedGuest(2)...)
	mustChange(t, f, rules, nil)
	for _, family := range []string{"bridge", "inet"} {
		m.feed(`add chain `+family+` vifctl older { type filter hook input priority 0; }
			add rule `+family+` vifctl older goto strict
			add rule `+family+` vifctl older iifname "x" goto s4
			flush set `+family+` vifctl fixed_`+map[string]string{"bridge": "bridge", "inet": "routed"}[family], "nft", "-f", "-")
	}
	m.feed("flush set inet vifctl fixed_nat", "nft", "-f", "-")
	mustChange(t, f, rules, nil)
	require.NotContains(t, m.run("nft", "list", "ruleset"), "older")
	wantInForce(t, f, true, rules...)
}

// TestNewerTables: tables of a newer version, to whose own chains those lead that this one has as well, are made this one's as a
// whole, whichever part is needed first, and no guest loses an element.
func TestNewerTables(t *testing.T) {
	t.Parallel()
	for name, needed := range map[string]plan.Rule{
		"marks": {Kind: plan.RuleRouted, Dev: portOf(7)}, "private": {Kind: plan.RulePrivate, Dev: portOf(7)},
		"translation": oneToOneRule("203.0.113.7", "10.0.0.7"), "a prefix": ownAddressRule("vif7.0", "198.51.100.0/25"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMachine(t)
			f := m.open(Options{})
			rules := append(guest(1), plan.Rule{Kind: plan.RulePrivate, Dev: portOf(1)})
			mustChange(t, f, rules, nil)
			for _, mark := range []string{"mark", "private", "nat", "routed"} {
				m.feed("add chain inet vifctl newer_"+mark+`
					add rule inet vifctl newer_`+mark+` accept
					flush set inet vifctl fixed_`+mark+`
					add element inet vifctl fixed_`+mark+` { 0x1234 }`, "nft", "-f", "-")
			}
			m.feed(`add rule inet vifctl forward iifname "x" jump newer_mark
				add rule inet vifctl forward iifname "x" jump newer_private
				add rule inet vifctl raw_pre iifname "x" jump newer_routed
				add rule inet vifctl newer_routed jump newer_nat
				add rule inet vifctl nat_last iifname "x" jump newer_nat`, "nft", "-f", "-")
			mustChange(t, f, []plan.Rule{needed}, nil)
			require.NotContains(t, m.run("nft", "list", "ruleset"), "newer")
			wantInForce(t, f, true, append(rules, needed)...)
		})
	}
}

// TestUnlikeTables: a table of another version whose sets are of another kind is told in a sentence, and stays as it is.
func TestUnlikeTables(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	m.feed(`table inet vifctl {
		set fixed_mark { type mark; elements = { 0x1234 }; }
		set gports { type ipv4_addr; elements = { 10.0.0.1 }; }
	}`, "nft", "-f", "-")
	before := m.run("nft", "list", "ruleset")
	err := m.open(Options{}).Change(background, []plan.Rule{{Kind: plan.RuleRouted, Dev: portOf(1)}}, nil)
	require.ErrorContains(t, err, "another version of vifctl has made the table inet vifctl, which this one cannot change to its own: go back to that version, or say `nft delete table inet vifctl`, then `vifctl repair`")
	require.Equal(t, before, m.run("nft", "list", "ruleset"))
}

// TestVersions: whoever changes what a part is made of gives it a new version,
// so that it is made anew on hosts that have the older one.
func TestVersions(t *testing.T) {
	want := map[string]string{
		"bridge":    "4 7cd1a59c",
		"below":     "3 09dcec61",
		"below_arp": "3 88c38cf5",
		"arp":       "4 d1680cc5",
		"routed":    "5 c8acfc96",
		"mark":      "1 42617917",
		"private":   "2 85af6337",
		"nat":       "7 fd5f21cc",
	}
	for _, p := range parts {
		sum := fnv.New32a()
		inUse := lengths{}
		for _, d := range p.byLength() {
			inUse[d.name] = []int{24}
		}
		for _, d := range p.allSets(inUse) {
			fmt.Fprintf(sum, "%+v", d)
		}
		fmt.Fprint(sum, p.counters)
		for _, uplinks := range [][]string{nil, {"eth0"}} {
			for _, c := range p.chains(Options{Mark: DefaultMark, Uplinks: uplinks}, inUse) {
				fmt.Fprintf(sum, "%s %s %d %d", c.name, c.kind, c.hook, c.priority)
				for _, r := range c.rules {
					for _, word := range r {
						fmt.Fprint(sum, word.oneOf, word.kind.Name)
						for _, e := range word.exprs {
							bytes, err := expr.Marshal(byte(p.table.Family), e)
							require.NoError(t, err)
							fmt.Fprintf(sum, "%x", bytes)
						}
					}
				}
			}
		}
		assert.Equal(t, want[p.name], fmt.Sprintf("%d %08x", p.version, sum.Sum32()),
			"%s has changed: give it a new version, and write the sum here", p.name)
	}
}

func TestClosedIsAnError(t *testing.T) {
	t.Parallel()
	n := newMachine(t).open(Options{})
	require.NoError(t, n.Close())
	require.NoError(t, n.Close())
	require.Error(t, n.Change(background, guest(1), nil))
	_, err := n.InForce(background, guest(1))
	require.Error(t, errors.Unwrap(err))
}

func TestSecondPublicAddress(t *testing.T) {
	t.Parallel()
	for _, b := range []backend{nftablesBackend, iptablesOn(VariantNFT)} {
		f := b.open(newMachine(t), Options{})
		both := []plan.Rule{oneToOneRule("203.0.113.1", "10.0.0.1"), oneToOneRule("203.0.113.2", "10.0.0.1")}
		require.ErrorContains(t, f.Change(background, append(guest(7), both...), nil), "203.0.113.2 cannot stand for 10.0.0.1: 203.0.113.1 does already")
		wantInForce(t, f, false, append(guest(7), both...)...)
	}
}
