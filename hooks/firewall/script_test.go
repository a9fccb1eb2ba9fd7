package firewall

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"vifctl/hooks/plan"
)

// script is what a change comes to as a script.
func (m *machine) script(f Firewall, o Options, add, remove []plan.Rule) (text string) {
	m.t.Helper()
	var lines []string
	var err error
	if i, ok := f.(inside); ok {
		m.records.add(add)
		m.visit(func() { lines, err = NewScript(WithForwardAccept(i.f, i.f.options)).Change(background, add, remove) })
		m.records.remove(withoutRules(remove, add))
	} else {
		m.do(func() { lines, err = NewScript(WithForwardAccept(f, o)).Change(background, add, remove) })
	}
	require.NoError(m.t, err)
	return strings.Join(lines, "\n")
}

// scriptPasted: a script that is pasted leaves the rules that the change leaves, whatever
// was there before, and there is nothing left to change.
func scriptPasted(t *testing.T, b backend) {
	rules := everyKind()
	if b.routedOnly {
		rules = slices.DeleteFunc(rules, func(r plan.Rule) bool { return r.Bridged })
	}
	half := rules[:len(rules)/2]
	o := Options{Uplinks: []string{"eth0", "eth1"}, Mark: 4}
	ours, pasted := newMachine(t), newMachine(t)
	f, g := b.open(ours, o), b.open(pasted, o)
	paste := func(add, remove []plan.Rule) {
		t.Helper()
		mustChange(t, f, add, remove)
		pasted.feed(pasted.script(g, o, add, remove)+"\n", "sh", "-e")
		wantDump(t, b.dump(ours), b.dump(pasted))
		require.Empty(t, pasted.script(g, o, add, remove), "what is left to change")
	}
	paste(half, nil)
	paste(rules, nil)
	wantInForce(t, g, true, rules...)
	// One guest in the place of another.
	paste(b.guest(7), half)
	b.flush(ours)
	b.flush(pasted)
	paste(rules, nil)
}

// TestScriptRepairs: the script makes whole what another program has been at.
func TestScriptRepairs(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	f := m.open(Options{})
	mustChange(t, f, everyKind(), nil)
	before := m.run("nft", "list", "ruleset")
	m.run("nft", "flush", "chain", "inet", "vifctl", "nat_pre")
	m.run("nft", "delete", "element", "inet", "vifctl", "g4", "{ 10.0.0.1 }")
	m.feed(m.script(f, Options{}, everyKind(), nil)+"\n", "sh", "-e")
	wantDump(t, before, m.run("nft", "list", "ruleset"))
}

// TestScriptName: nft takes some names of interfaces for patterns, or cannot be told them.
func TestScriptName(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	f := m.open(Options{})
	for _, name := range []string{`a"b`, "web*", `a\b`, "a\nb", "a'b", "büro"} {
		m.do(func() {
			_, err := NewScript(WithForwardAccept(f, Options{})).Change(background, []plan.Rule{{Kind: plan.RuleRouted, Dev: plan.Dev{Name: name, Index: 7}}}, nil)
			require.ErrorContains(t, err, "nft cannot be told the interface's name")
		})
	}
}
