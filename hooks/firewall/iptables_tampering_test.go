package firewall

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"vifctl/hooks/plan"
)

// oneToOneOf is the rule of a guest's public IPv4 address.
func oneToOneOf(number int) plan.Rule {
	rules := routedGuest(number)
	return rules[slices.IndexFunc(rules, func(r plan.Rule) bool { return r.Kind == plan.RuleOneToOne && r.Public.Is4() })]
}

// TestTampering: what an administrator does to our chains is seen, and put right
// by the call that notices; what another guest lost is that guest's to put back,
// unless the chains have been flushed.
func TestTampering(t *testing.T) {
	for _, v := range []Variant{VariantNFT, VariantLegacy} {
		for name, c := range map[string]struct {
			damage [][]string
			// one: it is guest 2's alone.
			one bool
		}{
			"a rule has gone":             {[][]string{{"-D", "VIFCTL-DNAT", "-d", "203.1.0.2/32", "-j", "DNAT", "--to-destination", "10.0.0.2"}}, true},
			"a rule in front":             {[][]string{{"-I", "VIFCTL-DNAT", "1", "-j", "RETURN"}}, false},
			"a rule behind":               {[][]string{{"-A", "VIFCTL-SNAT", "-j", "RETURN"}}, false},
			"a fixed rule has gone":       {[][]string{{"-D", "VIFCTL-POSTROUTING", "1"}}, false},
			"rules in another order":      {[][]string{{"-D", "VIFCTL-DNAT", "-d", "203.1.0.1/32", "-j", "DNAT", "--to-destination", "10.0.0.1"}, {"-I", "VIFCTL-DNAT", "1", "-d", "203.1.0.1/32", "-j", "DNAT", "--to-destination", "10.0.0.1"}}, false},
			"nothing leads there":         {[][]string{{"-D", "PREROUTING", "-j", "VIFCTL-DNAT"}}, false},
			"another's rule in front":     {[][]string{{"-I", "POSTROUTING", "1", "-s", "10.0.0.0/24", "-j", "MASQUERADE"}}, false},
			"another's translation after": {[][]string{{"-A", "POSTROUTING", "-s", "10.0.0.9/32", "-j", "SNAT", "--to-source", "192.0.2.9"}}, false},
			"all flushed":                 {[][]string{{"-F"}}, false},
		} {
			t.Run(string(v)+"/"+name, func(t *testing.T) {
				t.Parallel()
				m := newMachine(t)
				f := m.openIPTables(v, Options{}, true)
				for number := range 3 {
					mustChange(t, f, routedGuest(number+1), nil)
				}
				before := m.saved(v)
				foreign := func() string { return ours.ReplaceAllString(m.saved(v), "") }
				for _, damage := range c.damage {
					m.run("iptables-"+string(v), append([]string{"-w", "-t", "nat"}, damage...)...)
				}
				theirs := foreign()
				wantInForce(t, f, false, oneToOneOf(2))
				wantInForce(t, f, c.one, oneToOneOf(1))
				wantInForce(t, f, true, routedGuest(1)[:4]...) // nf_tables has these
				mustChange(t, f, nil, routedGuest(3))
				wantInForce(t, f, !c.one, oneToOneOf(2))
				mustChange(t, f, routedGuest(2), nil)
				mustChange(t, f, routedGuest(3), nil)
				for number := range 3 {
					wantInForce(t, f, true, routedGuest(number+1)...)
				}
				wantDump(t, theirs, foreign())
				if theirs == ours.ReplaceAllString(before, "") {
					wantDump(t, before, m.saved(v))
				}
			})
		}
	}
}

// TestDamagedRecord: where a record cannot be read, what is in our chains stays.
func TestDamagedRecord(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	f := m.openIPTables(VariantNFT, Options{}, true)
	mustChange(t, f, routedGuest(1), nil)
	mustChange(t, f, routedGuest(2), nil)
	m.records.damaged = true
	mustChange(t, f, routedGuest(3), nil)
	mustChange(t, f, nil, routedGuest(2))
	wantInForce(t, f, true, append(routedGuest(1), routedGuest(3)...)...)
	wantInForce(t, f, false, routedGuest(2)...)
	m.records.damaged = false
	wantInForce(t, f, true, append(routedGuest(1), routedGuest(3)...)...)
}

// TestWhoGoesStaysAway: a call that takes a port's rules away deletes its record a
// moment later, and another one comes in between.
func TestWhoGoesStaysAway(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	f := m.openIPTables(VariantNFT, Options{}, true)
	mustChange(t, f, routedGuest(1), nil)
	mustChange(t, f, nil, routedGuest(1))
	m.records.add(routedGuest(1))
	mustChange(t, f, routedGuest(2), nil)
	require.NotContains(t, m.saved(VariantNFT), "10.0.0.1")
}

// TestLeftovers: what iptables-persistent brought back for guests that are gone goes
// with the next event.
func TestLeftovers(t *testing.T) {
	for _, v := range []Variant{VariantNFT, VariantLegacy} {
		t.Run(string(v), func(t *testing.T) {
			t.Parallel()
			m := newMachine(t)
			f := m.openIPTables(v, Options{}, true)
			mustChange(t, f, append(routedGuest(1), routedGuest(2)...), nil)
			saved := m.run("iptables-" + string(v) + "-save")
			mustChange(t, f, nil, append(routedGuest(1), routedGuest(2)...))
			m.flush(v)
			m.feed(saved, "iptables-"+string(v)+"-restore", "-w")
			require.Contains(t, m.saved(v), "203.1.0.2")
			mustChange(t, f, routedGuest(3), nil)
			wantInForce(t, f, true, routedGuest(3)...)
			require.NotContains(t, m.saved(v), "203.1.0.1")
			require.NotContains(t, m.saved(v), "203.1.0.2")
		})
	}
}

// TestGarbage: what no port wants goes from iptables, and nothing else does.
func TestGarbage(t *testing.T) {
	for name, b := range map[string]backend{
		"iptables-nft": iptablesOn(VariantNFT), "iptables-legacy": iptablesOn(VariantLegacy), "iptables alone": withoutNFTables,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			garbage(t, b)
		})
	}
}

func garbage(t *testing.T, b backend) {
	m := newMachine(t)
	f := b.open(m, Options{})
	prune := func(ports ...string) (removed []string) {
		t.Helper()
		m.visit(func() {
			var err error
			removed, err = f.(inside).f.Prune(background, m.records.wanted, func(port string) bool { return slices.Contains(ports, port) })
			require.NoError(t, err)
		})
		return removed
	}
	require.Empty(t, prune())
	wanted := slices.Concat(b.guest(1), b.guest(3))
	mustChange(t, f, wanted, nil)
	require.Empty(t, prune())
	without := b.dump(m)

	gone := append(b.guest(257), tcpForward("203.0.113.9", "10.0.0.9", 1000, 1300, 0, ""))
	mustChange(t, f, gone, nil)
	require.Empty(t, prune())
	m.records.remove(gone)

	// While its port is there it stays checked; what leads to it goes.
	removed := prune("vif257.0")
	require.Contains(t, removed, `rule "-d 203.1.1.1/32 -j DNAT --to-destination 10.0.1.1" of the chain VIFCTL-DNAT`)
	require.NotContains(t, strings.Join(removed, "\n"), "vif257.0")
	wantInForce(t, f, true, wanted...)
	require.NotEmpty(t, prune())
	wantDump(t, without, b.dump(m))
	require.Empty(t, prune())

	// What an older vifctl, or iptables-persistent, has left.
	program := "iptables-" + string(f.(inside).f.variant)
	m.run(program, "-w", "-t", "nat", "-N", "VIFCTL-D-02")
	m.run(program, "-w", "-t", "nat", "-A", "VIFCTL-D-02", "-d", "203.1.0.2", "-j", "DNAT", "--to-destination", "10.0.0.2")
	m.run(program, "-w", "-t", "nat", "-A", "VIFCTL-DNAT", "-j", "VIFCTL-D-02")
	m.run(program, "-w", "-t", "nat", "-A", "PREROUTING", "-j", "VIFCTL-D-02")
	require.Contains(t, prune(), "chain VIFCTL-D-02")
	wantDump(t, without, b.dump(m))
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
					x, err := OpenIPTables(Options{})
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
