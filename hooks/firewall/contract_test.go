package firewall

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vifctl/hooks/plan"
)

// backend is one way to put rules in force, on one machine.
type backend struct {
	open func(*machine, Options) Firewall
	// dump tells all the rules of the machine, ours and others', as the
	// backend's own program does.
	dump func(*machine) string
	// flush takes all rules away, as an administrator would.
	flush func(*machine)
}

var nftablesBackend = backend{
	open:  func(m *machine, o Options) Firewall { return m.open(o) },
	dump:  func(m *machine) string { return m.run("nft", "list", "ruleset") },
	flush: func(m *machine) { m.run("nft", "flush", "ruleset") },
}

func TestNFTables(t *testing.T) { contract(t, nftablesBackend) }

// contract is what any firewall must do, whatever it is made of.
func contract(t *testing.T, b backend) {
	for name, test := range map[string]func(*testing.T, backend){
		"what goes leaves the base alone":    goesWithoutTrace,
		"twice is once":                      twiceIsOnce,
		"removing what is not there":         removeWhatIsNot,
		"in both is added":                   inBoth,
		"the last one to be added counts":    lastCounts,
		"ruleset flushed in between":         flushedInBetween,
		"in force, rule by rule":             ruleByRule,
		"a vif and its tap share an address": sharedAddress,
		"a fifth holder is refused":          fifthHolder,
		"several public addresses":           severalPublic,
		"prefixes":                           prefixes,
		"forwards by source":                 forwardsBySource,
		"a bad rule changes nothing":         badRules,
		"all at the same time":               together,
		"one of 5,000":                       oneOfMany,
		"a context that is over":             contextOver,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, b)
		})
	}
}

var background = context.Background()

func mustChange(t testing.TB, f Firewall, add, remove []plan.Rule) {
	t.Helper()
	require.NoError(t, f.Change(background, add, remove))
}

// wantInForce wants each of rules to be in force, or not to be.
func wantInForce(t testing.TB, f Firewall, want bool, rules ...plan.Rule) {
	t.Helper()
	got, err := f.InForce(background, rules)
	require.NoError(t, err)
	for _, r := range rules {
		require.Equal(t, want, got[r.Key()], "in force: %+v", r)
	}
}

// wantDump compares dumps, and tells the lines that differ.
func wantDump(t testing.TB, want, got string) {
	t.Helper()
	only := func(a, b []string) (these []string) {
		for _, line := range a {
			if !slices.Contains(b, line) {
				these = append(these, line)
			}
		}
		return these
	}
	w, g := lines(want), lines(got)
	if want != got {
		t.Fatalf("the rules have changed\ngone: %q\nnew: %q", only(w, g), only(g, w))
	}
}

// guest is a guest of both kinds: a port on a bridge and a routed one.
func guest(number int) []plan.Rule {
	return append(bridgedGuest(number), routedGuest(number)...)
}

func goesWithoutTrace(t *testing.T, b backend) {
	m := newMachine(t)
	f := b.open(m, Options{Uplinks: []string{"eth0"}})
	mustChange(t, f, guest(1), nil)
	base := b.dump(m)
	mustChange(t, f, guest(2), nil)
	require.False(t, base == b.dump(m), "nothing has been added")
	mustChange(t, f, nil, guest(2))
	wantDump(t, base, b.dump(m))
}

func twiceIsOnce(t *testing.T, b backend) {
	m := newMachine(t)
	f := b.open(m, Options{})
	mustChange(t, f, guest(1), nil)
	once := b.dump(m)
	mustChange(t, f, guest(1), nil)
	// Another process knows as much.
	mustChange(t, b.open(m, Options{}), guest(1), nil)
	wantDump(t, once, b.dump(m))
	mustChange(t, f, nil, guest(1))
	gone := b.dump(m)
	mustChange(t, f, nil, guest(1))
	wantDump(t, gone, b.dump(m))
}

func removeWhatIsNot(t *testing.T, b backend) {
	m := newMachine(t)
	f := b.open(m, Options{})
	before := b.dump(m)
	mustChange(t, f, nil, guest(1))
	mustChange(t, f, nil, nil)
	wantInForce(t, f, false, guest(1)...)
	wantDump(t, before, b.dump(m))
}

func inBoth(t *testing.T, b backend) {
	f := b.open(newMachine(t), Options{})
	mustChange(t, f, guest(1), guest(1))
	wantInForce(t, f, true, guest(1)...)
	mustChange(t, f, guest(1), guest(1))
	wantInForce(t, f, true, guest(1)...)
}

func tcpForward(public, private string, first, last, to uint16, from string) plan.Rule {
	r := plan.Rule{
		Kind: plan.RuleForward, Protocol: "tcp", First: first, Last: last, To: to,
		Public: netip.MustParseAddr(public), Private: netip.MustParseAddr(private),
	}
	if from != "" {
		r.From = netip.MustParsePrefix(from)
	}
	return r
}

func lastCounts(t *testing.T, b backend) {
	m := newMachine(t)
	f := b.open(m, Options{})
	for _, pair := range [][2]plan.Rule{
		{tcpForward("203.0.113.1", "10.0.0.1", 80, 80, 0, ""), tcpForward("203.0.113.1", "10.0.0.2", 80, 80, 0, "")},
		{tcpForward("203.0.113.1", "10.0.0.1", 90, 90, 0, "192.0.2.0/24"), tcpForward("203.0.113.1", "10.0.0.1", 90, 90, 91, "192.0.2.0/24")},
		{tcpForward("2001:db8::1", "fd00::1", 80, 85, 0, ""), tcpForward("2001:db8::1", "fd00::2", 85, 90, 0, "")},
		{oneToOneRule("203.0.113.3", "10.0.0.3"), oneToOneRule("203.0.113.3", "10.0.0.4")},
	} {
		older, newer := pair[0], pair[1]
		mustChange(t, f, []plan.Rule{older}, nil)
		wantInForce(t, f, true, older)
		mustChange(t, f, []plan.Rule{newer}, nil)
		wantInForce(t, f, false, older)
		wantInForce(t, f, true, newer)
		mustChange(t, f, nil, []plan.Rule{older})
		wantInForce(t, f, true, newer)
		mustChange(t, f, []plan.Rule{older}, []plan.Rule{newer})
		wantInForce(t, f, true, older)
		mustChange(t, f, nil, []plan.Rule{older, newer})
		wantInForce(t, f, false, older, newer)
	}
}

func oneToOneRule(public, private string) plan.Rule {
	return plan.Rule{Kind: plan.RuleOneToOne, Public: netip.MustParseAddr(public), Private: netip.MustParseAddr(private)}
}

func flushedInBetween(t *testing.T, b backend) {
	m := newMachine(t)
	f := b.open(m, Options{})
	mustChange(t, f, guest(1), nil)
	whole := b.dump(m)
	b.flush(m)
	wantInForce(t, f, false, guest(1)...)
	mustChange(t, f, nil, guest(1))
	mustChange(t, f, guest(1), nil)
	wantInForce(t, f, true, guest(1)...)
	wantDump(t, whole, b.dump(m))
	b.flush(m)
	mustChange(t, f, nil, guest(1))
}

func ruleByRule(t *testing.T, b backend) {
	f := b.open(newMachine(t), Options{})
	for _, r := range guest(1) {
		wantInForce(t, f, false, r)
		mustChange(t, f, []plan.Rule{r}, nil)
		wantInForce(t, f, true, r)
		wantInForce(t, f, false, guest(2)...)
	}
	for _, r := range guest(1) {
		wantInForce(t, f, true, r)
		mustChange(t, f, nil, []plan.Rule{r})
		wantInForce(t, f, false, r)
	}
}

func ownAddressRule(dev, prefix string) plan.Rule {
	return plan.Rule{Kind: plan.RuleOwnAddress, Dev: plan.Dev{Name: dev}, Prefix: netip.MustParsePrefix(prefix)}
}

func sharedAddress(t *testing.T, b backend) {
	m := newMachine(t)
	f := b.open(m, Options{})
	for _, address := range []string{"192.0.2.1/32", "2001:db8::1/128", "192.0.2.64/26", "2001:db8:1::/64"} {
		vif, tap := ownAddressRule("vif1.0", address), ownAddressRule("vif1.0-emu", address)
		mustChange(t, f, []plan.Rule{vif}, nil)
		base := b.dump(m)
		mustChange(t, f, []plan.Rule{tap}, nil)
		mustChange(t, f, nil, []plan.Rule{tap})
		wantDump(t, base, b.dump(m))
		mustChange(t, f, []plan.Rule{tap}, nil)
		mustChange(t, f, nil, []plan.Rule{vif})
		wantInForce(t, f, true, tap)
		wantInForce(t, f, false, vif)
		mustChange(t, f, []plan.Rule{vif}, []plan.Rule{tap})
		wantInForce(t, f, true, vif)
		mustChange(t, f, nil, []plan.Rule{vif})
		wantInForce(t, f, false, vif, tap)
	}
}

func fifthHolder(t *testing.T, b backend) {
	m := newMachine(t)
	f := b.open(m, Options{})
	for i := range 4 {
		mustChange(t, f, []plan.Rule{ownAddressRule(fmt.Sprintf("vif%d.0", i), "192.0.2.1/32")}, nil)
	}
	full := b.dump(m)
	err := f.Change(background, append(bridgedGuest(7), ownAddressRule("vif9.0", "192.0.2.1/32")), nil)
	require.ErrorContains(t, err, "192.0.2.1/32 has 4 holders already")
	wantDump(t, full, b.dump(m))
}

func severalPublic(t *testing.T, b backend) {
	f := b.open(newMachine(t), Options{})
	one, two := oneToOneRule("203.0.113.1", "10.0.0.1"), oneToOneRule("203.0.113.2", "10.0.0.1")
	mustChange(t, f, []plan.Rule{one, two}, nil)
	wantInForce(t, f, true, one, two)
	mustChange(t, f, nil, []plan.Rule{one})
	wantInForce(t, f, false, one)
	wantInForce(t, f, true, two)
}

func prefixes(t *testing.T, b backend) {
	m := newMachine(t)
	f := b.open(m, Options{})
	var all []plan.Rule
	for _, p := range []string{"192.0.2.0/24", "192.0.2.128/25", "198.51.100.8/29", "2001:db8::/48", "2001:db8:0:1::/64", "fe80::/10"} {
		for _, bridged := range []bool{true, false} {
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
		require.ErrorContains(t, f.Change(background, append(guest(1), bad.rule), nil), bad.says)
		require.ErrorContains(t, f.Change(background, guest(1), []plan.Rule{bad.rule}), bad.says)
		_, err := f.InForce(background, []plan.Rule{bad.rule})
		require.ErrorContains(t, err, bad.says)
	}
	wantDump(t, before, b.dump(m))
}

// together: a host's guests all start at once, on a host without a base, each
// called for by a process of its own. Two hold each address.
func together(t *testing.T, b backend) {
	m := newMachine(t)
	const guests = 8
	tap := func(number int) plan.Rule {
		return ownAddressRule(fmt.Sprintf("vif%d.0-emu", number), fmt.Sprintf("10.0.0.%d/32", number))
	}
	var wg sync.WaitGroup
	errs := make([]error, 2*guests)
	for i := range guests {
		vif, emu := b.open(m, Options{}), b.open(m, Options{})
		length := netip.PrefixFrom(netip.MustParseAddr("198.51.100.0"), 24+i%4)
		wg.Go(func() {
			mine := append(guest(i+1), plan.Rule{Kind: plan.RuleOwnAddress, Dev: portOf(i + 1), Prefix: length})
			for range 3 {
				errs[2*i] = vif.Change(background, mine, nil)
			}
		})
		wg.Go(func() {
			for range 3 {
				errs[2*i+1] = emu.Change(background, []plan.Rule{tap(i + 1)}, nil)
			}
		})
	}
	wg.Wait()
	f := b.open(m, Options{})
	for i := range guests {
		require.NoError(t, errs[2*i])
		require.NoError(t, errs[2*i+1])
		wantInForce(t, f, true, append(guest(i+1), tap(i+1))...)
		mustChange(t, f, nil, append(guest(i+1), tap(i+1)))
		wantInForce(t, f, false, append(guest(i+1), tap(i+1))...)
	}
}

// oneOfMany tells the times, which are the machine's; that they stay flat is
// the benchmark's to say.
func oneOfMany(t *testing.T, b backend) {
	if testing.Short() {
		t.Skip("fills sets with 5,000 guests")
	}
	f := b.open(newMachine(t), Options{})
	one := routedGuest(6000)
	for _, others := range []int{0, 5000} {
		fill(t, f, routedGuest, others)
		began := time.Now()
		mustChange(t, f, one, nil)
		added := time.Now()
		mustChange(t, f, nil, one)
		t.Logf("with %d guests there: %v to add one, %v to remove it", others, added.Sub(began), time.Since(added))
		wantInForce(t, f, false, one...)
	}
	wantInForce(t, f, true, routedGuest(5000)...)
}

func contextOver(t *testing.T, b backend) {
	f := b.open(newMachine(t), Options{})
	ctx, cancel := context.WithCancel(background)
	cancel()
	require.ErrorIs(t, f.Change(ctx, guest(1), nil), context.Canceled)
	_, err := f.InForce(ctx, guest(1))
	require.ErrorIs(t, err, context.Canceled)
	wantInForce(t, f, false, guest(1)...)
}
