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
	// many guests are more than a few, and not more than a test has time for.
	many int
	// routedOnly: ports of bridges cannot be checked.
	routedOnly bool
	// listed: all of it is in what the nft program lists.
	listed bool
}

var nftablesBackend = backend{
	open:   func(m *machine, o Options) Firewall { return m.open(o) },
	dump:   func(m *machine) string { return m.run("nft", "list", "ruleset") },
	flush:  func(m *machine) { m.run("nft", "flush", "ruleset") },
	many:   5000,
	listed: true,
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
		"another public address":             anotherPublic,
		"prefixes":                           prefixes,
		"forwards by source":                 forwardsBySource,
		"a bad rule changes nothing":         badRules,
		"all at the same time":               together,
		"one of many":                        oneOfMany,
		"a context that is over":             contextOver,
		"a script that is pasted":            scriptPasted,
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

// guest is as much of a guest as the backend can do.
func (b backend) guest(number int) []plan.Rule {
	if b.routedOnly {
		return routedGuest(number)
	}
	return guest(number)
}

func goesWithoutTrace(t *testing.T, b backend) {
	m := newMachine(t)
	f := b.open(m, Options{Uplinks: []string{"eth0"}})
	mustChange(t, f, b.guest(1), nil)
	base := b.dump(m)
	mustChange(t, f, b.guest(2), nil)
	require.False(t, base == b.dump(m), "nothing has been added")
	mustChange(t, f, nil, b.guest(2))
	wantDump(t, base, b.dump(m))
}

func twiceIsOnce(t *testing.T, b backend) {
	m := newMachine(t)
	f := b.open(m, Options{})
	mustChange(t, f, b.guest(1), nil)
	once := b.dump(m)
	mustChange(t, f, b.guest(1), nil)
	// Another process knows as much.
	mustChange(t, b.open(m, Options{}), b.guest(1), nil)
	wantDump(t, once, b.dump(m))
	mustChange(t, f, nil, b.guest(1))
	gone := b.dump(m)
	mustChange(t, f, nil, b.guest(1))
	wantDump(t, gone, b.dump(m))
}

func removeWhatIsNot(t *testing.T, b backend) {
	m := newMachine(t)
	f := b.open(m, Options{})
	before := b.dump(m)
	mustChange(t, f, nil, b.guest(1))
	mustChange(t, f, nil, nil)
	wantInForce(t, f, false, b.guest(1)...)
	wantDump(t, before, b.dump(m))
}

func inBoth(t *testing.T, b backend) {
	f := b.open(newMachine(t), Options{})
	mustChange(t, f, b.guest(1), b.guest(1))
	wantInForce(t, f, true, b.guest(1)...)
	mustChange(t, f, b.guest(1), b.guest(1))
	wantInForce(t, f, true, b.guest(1)...)
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
	mustChange(t, f, b.guest(1), nil)
	whole := b.dump(m)
	b.flush(m)
	wantInForce(t, f, false, b.guest(1)...)
	mustChange(t, f, nil, b.guest(1))
	mustChange(t, f, b.guest(1), nil)
	wantInForce(t, f, true, b.guest(1)...)
	wantDump(t, whole, b.dump(m))
	b.flush(m)
	mustChange(t, f, nil, b.guest(1))
}

func ruleByRule(t *testing.T, b backend) {
	f := b.open(newMachine(t), Options{})
	for _, r := range b.guest(1) {
		wantInForce(t, f, false, r)
		mustChange(t, f, []plan.Rule{r}, nil)
		wantInForce(t, f, true, r)
		wantInForce(t, f, false, b.guest(2)...)
	}
	for _, r := range b.guest(1) {
		wantInForce(t, f, true, r)
		mustChange(t, f, nil, []plan.Rule{r})
		wantInForce(t, f, false, r)
	}
}

func ownAddressRule(dev, prefix string) plan.Rule {
	return plan.Rule{Kind: plan.RuleOwnAddress, Dev: plan.Dev{Name: dev}, Prefix: netip.MustParsePrefix(prefix)}
}

// sharedAddress: who of several wants it the journal knows.
func sharedAddress(t *testing.T, b backend) {
	m := newMachine(t)
	f := b.open(m, Options{})
	for _, address := range []string{"192.0.2.1/32", "2001:db8::1/128", "192.0.2.64/26", "2001:db8:1::/64"} {
		vif, tap := ownAddressRule("vif1.0", address), ownAddressRule("vif1.0-emu", address)
		both := plan.Rule{Kind: plan.RuleGuestAddress, Prefix: vif.Prefix}
		mustChange(t, f, []plan.Rule{vif, both}, nil)
		base := b.dump(m)
		mustChange(t, f, []plan.Rule{tap, both}, nil)
		mustChange(t, f, nil, []plan.Rule{tap})
		wantDump(t, base, b.dump(m))
		mustChange(t, f, []plan.Rule{tap, both}, nil)
		mustChange(t, f, nil, []plan.Rule{vif})
		wantInForce(t, f, true, tap, both)
		wantInForce(t, f, false, vif)
		mustChange(t, f, []plan.Rule{vif}, []plan.Rule{tap})
		wantInForce(t, f, true, vif, both)
		mustChange(t, f, nil, []plan.Rule{vif, both})
		wantInForce(t, f, false, vif, tap, both)
	}
}

// anotherPublic: a private address goes out by the public one that was added last.
func anotherPublic(t *testing.T, b backend) {
	f := b.open(newMachine(t), Options{})
	older, newer := oneToOneRule("203.0.113.1", "10.0.0.1"), oneToOneRule("203.0.113.2", "10.0.0.1")
	mustChange(t, f, []plan.Rule{older}, nil)
	mustChange(t, f, []plan.Rule{newer}, nil)
	wantInForce(t, f, false, older)
	wantInForce(t, f, true, newer)
	mustChange(t, f, nil, []plan.Rule{older})
	wantInForce(t, f, true, newer)
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
	errs, mine := make([]error, 2*guests), make([][]plan.Rule, guests)
	for i := range guests {
		vif, emu := b.open(m, Options{}), b.open(m, Options{})
		length := plan.Rule{
			Kind: plan.RuleOwnAddress, Dev: portOf(i + 1), Prefix: netip.PrefixFrom(netip.MustParseAddr("198.51.100.0"), 24+i),
		}
		wg.Go(func() {
			mine[i] = append(b.guest(i+1), length)
			errs[2*i] = vif.Change(background, mine[i], nil)
		})
		wg.Go(func() {
			errs[2*i+1] = emu.Change(background, []plan.Rule{tap(i + 1)}, nil)
		})
	}
	wg.Wait()
	f := b.open(m, Options{})
	for i := range guests {
		require.NoError(t, errs[2*i])
		require.NoError(t, errs[2*i+1])
		all := append(mine[i], tap(i+1))
		wantInForce(t, f, true, all...)
		mustChange(t, f, nil, all)
		wantInForce(t, f, false, all...)
	}
}

// oneOfMany tells the times, which are the machine's; that they stay flat is
// the benchmark's to say.
func oneOfMany(t *testing.T, b backend) {
	f := b.open(newMachine(t), Options{})
	one := routedGuest(6000)
	for _, others := range []int{0, b.many} {
		fill(t, f, routedGuest, others)
		began := time.Now()
		mustChange(t, f, one, nil)
		added := time.Now()
		mustChange(t, f, nil, one)
		t.Logf("with %d guests there: %v to add one, %v to remove it", others, added.Sub(began), time.Since(added))
		wantInForce(t, f, false, one...)
	}
	wantInForce(t, f, true, routedGuest(b.many)...)
}

func contextOver(t *testing.T, b backend) {
	f := b.open(newMachine(t), Options{})
	ctx, cancel := context.WithCancel(background)
	cancel()
	require.ErrorIs(t, f.Change(ctx, b.guest(1), nil), context.Canceled)
	_, err := f.InForce(ctx, b.guest(1))
	require.ErrorIs(t, err, context.Canceled)
	wantInForce(t, f, false, b.guest(1)...)
}
