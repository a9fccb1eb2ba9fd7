package firewall

import (
	"context"
	"errors"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"vifctl/hooks/plan"
)

// iptablesOn is a machine that uses one of the two iptables.
func iptablesOn(v Variant) backend {
	return backend{
		open: func(m *machine, o Options) Firewall { return m.openIPTables(v, o, true) },
		dump: func(m *machine) string { return m.saved(v) + m.run("nft", "list", "ruleset") },
		flush: func(m *machine) {
			m.flush(v)
			m.run("nft", "flush", "ruleset")
		},
		many: 250,
	}
}

func TestIPTablesNFT(t *testing.T)    { contract(t, iptablesOn(VariantNFT)) }
func TestIPTablesLegacy(t *testing.T) { contract(t, iptablesOn(VariantLegacy)) }

// A kernel without nf_tables: nothing of ours is there.
var withoutNFTables = backend{
	open:       func(m *machine, o Options) Firewall { return m.openIPTables(VariantLegacy, o, false) },
	dump:       func(m *machine) string { return m.saved(VariantLegacy) },
	flush:      func(m *machine) { m.flush(VariantLegacy) },
	many:       250,
	routedOnly: true,
}

func TestIPTablesAlone(t *testing.T) { contract(t, withoutNFTables) }

// openIPTables opens the backend as on a host that uses one variant.
func (m *machine) openIPTables(v Variant, o Options, nftables bool) Firewall {
	m.t.Helper()
	need(m.t, "iptables-"+string(v)+"-restore", "ip6tables-"+string(v)+"-restore")
	o.Wanted, o.Lock = m.records.wanted, m.records.lock
	var x *IPTables
	var err error
	m.visit(func() { x, err = OpenIPTables(o) })
	require.NoError(m.t, err)
	x.variant = v
	if !nftables {
		x.guard = nil
	}
	m.t.Cleanup(func() { _ = x.Close() })
	return inside{m, x}
}

// inside calls a firewall from inside its machine, where its processes are to
// be.
type inside struct {
	m *machine
	f *IPTables
}

// Change does as a call: what a port wants is in its record before it is in force,
// and until it is not.
func (i inside) Change(ctx context.Context, add, remove []plan.Rule) (err error) {
	fresh := i.m.records.add(add)
	i.m.visit(func() { err = i.f.Change(ctx, add, remove) })
	if err != nil {
		i.m.records.remove(fresh)
	} else {
		i.m.records.remove(withoutRules(remove, add))
	}
	return err
}

// records are what the ports of a machine want.
type records struct {
	mu, held sync.Mutex
	rules    []plan.Rule
	// damaged: they cannot be read.
	damaged bool
}

func (r *records) wanted() ([]plan.Rule, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.damaged {
		return nil, errors.New("a record is damaged")
	}
	return slices.Clone(r.rules), nil
}

func (r *records) lock(context.Context) (release func(), err error) {
	r.held.Lock()
	return r.held.Unlock, nil
}

// add returns what was not there.
func (r *records) add(rules []plan.Rule) (fresh []plan.Rule) {
	r.mu.Lock()
	defer r.mu.Unlock()
	fresh = withoutRules(rules, r.rules)
	r.rules = append(r.rules, fresh...)
	return fresh
}

func (r *records) remove(rules []plan.Rule) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rules = withoutRules(r.rules, rules)
}

func (i inside) InForce(ctx context.Context, rules []plan.Rule) (all map[string]bool, err error) {
	i.m.visit(func() { all, err = i.f.InForce(ctx, rules) })
	return all, err
}

func (i inside) Close() error { return i.f.Close() }

// ofTheMoment is what a dump says of the moment.
var ofTheMoment = regexp.MustCompile(`(?m)^#.*\n| \[\d+:\d+\]`)

// saved are all the rules of one variant.
func (m *machine) saved(v Variant) string {
	m.t.Helper()
	return ofTheMoment.ReplaceAllString(m.run("iptables-"+string(v)+"-save")+m.run("ip6tables-"+string(v)+"-save"), "")
}

// flush empties the tables there are.
func (m *machine) flush(v Variant) {
	for _, program := range []string{"iptables", "ip6tables"} {
		for _, line := range lines(m.run(program + "-" + string(v) + "-save")) {
			if table, ok := strings.CutPrefix(line, "*"); ok {
				m.run(program+"-"+string(v), "-w", "-t", table, "-F")
				m.run(program+"-"+string(v), "-w", "-t", table, "-X")
			}
		}
	}
}

// TestOddNames: iptables reads words, so that a name that is none is refused.
func TestOddNames(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	f := m.openIPTables(VariantNFT, Options{}, true)
	before := m.saved(VariantNFT)
	for _, name := range []string{"vif+", "a b", "-x", "a\nCOMMIT", "\"", "$(id)", "\xff"} {
		err := f.Change(background, []plan.Rule{{Kind: plan.RuleRouted, Dev: plan.Dev{Name: name}}}, nil)
		require.ErrorContains(t, err, "iptables cannot be told the interface's name")
	}
	wantDump(t, before, m.saved(VariantNFT))
}

// TestSpelling: what iptables-save writes of an address is what we write.
func TestSpelling(t *testing.T) {
	for name, b := range map[string]backend{"nft": iptablesOn(VariantNFT), "legacy": iptablesOn(VariantLegacy), "alone": withoutNFTables} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := b.open(newMachine(t), Options{Uplinks: []string{"eth0"}})
			var rules []plan.Rule
			for i, a := range []string{
				"2001:db8:0:0:1::", "2001:db8:0:1:0:0:0:1", "64:ff9b::102:304", "fd00::1:0:0:1", "2001:db8::a:0:0", "2001:0db8:0001::ABCD", "fe80::1", "10.0.0.255",
			} {
				private := netip.MustParseAddr(a)
				from := netip.PrefixFrom(private, private.BitLen()/2+1)
				forward := plan.Rule{Kind: plan.RuleForward, Protocol: "udp", First: 7, Last: 7, To: 8, Public: private.Next(), Private: private, From: from}
				rules = append(rules, forward,
					plan.Rule{Kind: plan.RuleOneToOne, Public: private.Next(), Private: private},
					plan.Rule{Kind: plan.RuleMasquerade, Private: private},
					plan.Rule{Kind: plan.RuleOwnMAC, Dev: portOf(i), MAC: "00:16:3E:0A:00:0B"},
					plan.Rule{Kind: plan.RuleOwnAddress, Dev: portOf(i), Prefix: from},
					plan.Rule{Kind: plan.RuleGuestAddress, Prefix: from},
				)
			}
			for _, a := range []string{"10.9.0.1", "fd00::9"} {
				rules = append(rules,
					plan.Rule{Kind: plan.RuleLeaves, Dev: plan.Dev{Name: "eth2"}, Private: netip.MustParseAddr(a)},
					plan.Rule{Kind: plan.RuleLeaves, Dev: plan.Dev{Name: "eth2"}, Private: netip.MustParseAddr(a).Next(), Public: netip.MustParseAddr(a).Prev()},
				)
			}
			for _, role := range plan.Roles() {
				rules = append(rules, plan.Rule{Kind: plan.RuleRole, Dev: portOf(1), Role: role})
			}
			mustChange(t, f, rules, nil)
			wantInForce(t, f, true, rules...)
		})
	}
}

// TestBridgeWithoutNFTables: what cannot be checked is refused, in a sentence.
func TestBridgeWithoutNFTables(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	f := withoutNFTables.open(m, Options{})
	err := f.Change(background, bridgedGuest(1), nil)
	require.ErrorIs(t, err, errWithoutNFTables)
	require.NotContains(t, strings.TrimSpace(err.Error()), "\n")
}

// others are the rules of an administrator who uses iptables for all there is.
const others = `*raw
:VIFCTLX - [0:0]
-A PREROUTING -i eth9 -j VIFCTLX
COMMIT
*mangle
-A FORWARD -j MARK --or-mark 0x1
COMMIT
*nat
:DOCKER - [0:0]
-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
-A POSTROUTING -o eth9 -j MASQUERADE
COMMIT
*filter
:DOCKER-USER - [0:0]
-A FORWARD -j DOCKER-USER
-A FORWARD -i eth9 -j DROP
COMMIT
`

// TestForeignIPTablesStay: whatever backend is at work, and whatever is called,
// the rules of others are what they were, in both variants.
func TestForeignIPTablesStay(t *testing.T) {
	for name, b := range map[string]backend{
		"nftables": nftablesBackend, "iptables-nft": iptablesOn(VariantNFT), "iptables-legacy": iptablesOn(VariantLegacy), "iptables alone": withoutNFTables,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMachine(t)
			for _, v := range []Variant{VariantNFT, VariantLegacy} {
				for _, program := range []string{"iptables", "ip6tables"} {
					m.feed(others, program+"-"+string(v)+"-restore", "-w")
				}
			}
			m.feed(foreignRules, "nft", "-f", "-")
			foreign := func() string {
				kept := ours.ReplaceAllString(m.saved(VariantNFT)+m.saved(VariantLegacy), "")
				for _, table := range [][2]string{{"bridge", "foreign"}, {"inet", "vifctl_"}, {"arp", "filter"}, {"ip", "vifctl"}} {
					kept += m.run("nft", "list", "table", table[0], table[1])
				}
				return kept
			}
			f := b.open(m, Options{})
			before := foreign()
			for range 2 {
				mustChange(t, f, b.guest(1), nil)
				wantDump(t, before, foreign())
				mustChange(t, f, b.guest(2), b.guest(1))
				wantInForce(t, f, true, b.guest(2)...)
				wantDump(t, before, foreign())
				mustChange(t, f, nil, b.guest(2))
				wantDump(t, before, foreign())
			}
		})
	}
}

// ours are the lines of a dump that speak of our chains.
var ours = regexp.MustCompile(`(?m)^.*VIFCTL-.*\n`)

// TestVariant: the one that has rules; where neither has, what iptables is.
func TestVariant(t *testing.T) {
	t.Parallel()
	for _, v := range []Variant{VariantNFT, VariantLegacy} {
		m := newMachine(t)
		// Looking at the other one makes tables, which are no rules.
		for _, both := range []Variant{VariantNFT, VariantLegacy} {
			m.run("iptables-"+string(both), "-w", "-L")
		}
		m.run("ip6tables-"+string(v), "-w", "-P", "FORWARD", "DROP")
		var x *IPTables
		var err error
		m.visit(func() { x, err = OpenIPTables(Options{}) })
		require.NoError(t, err)
		require.Equal(t, v, x.variant)
		require.NoError(t, x.Close())
	}
}

// TestFailure: where iptables cannot be asked nothing is changed, and what it
// refuses is taken out again by whoever wanted it.
func TestFailure(t *testing.T) {
	for _, v := range []Variant{VariantNFT, VariantLegacy} {
		t.Run(string(v), func(t *testing.T) {
			t.Parallel()
			m := newMachine(t)
			b := iptablesOn(v)
			f := b.open(m, Options{})
			mustChange(t, f, guest(1), nil)
			before := b.dump(m)
			absent := *ipv6
			absent.program = "ip6tables-is-not-installed"
			f.(inside).f.families[1] = &absent
			require.ErrorContains(t, f.Change(background, guest(2), nil), "ip6tables-is-not-installed")
			f.(inside).f.families[1] = ipv6
			wantDump(t, before, b.dump(m))
			wantInForce(t, f, true, guest(1)...)

			m = newMachine(t)
			f = b.open(m, Options{Uplinks: []string{"longer-than-any-interface"}})
			require.ErrorContains(t, f.Change(background, guest(2), nil), "-restore failed")
			wantInForce(t, f, false, guest(2)[len(guest(2))-1])
			mustChange(t, f, nil, guest(2))
			require.NotContains(t, b.dump(m), "vif2.0")
		})
	}
}
