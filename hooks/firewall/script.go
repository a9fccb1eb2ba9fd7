package firewall

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/google/nftables"

	"vifctl/hooks/plan"
)

// A Script tells, as lines of a POSIX shell, what changes of a firewall come to: commands
// of its backend. It looks at the host, where it needs the rights that a change needs, and
// changes nothing. Each change is told as if those before had been made.
type Script struct {
	accept *ForwardAccept
	// accepted: the rule that lets the mark pass others' filters has been told.
	accepted bool

	tables map[*nftables.Table]present
	values map[entry]*string // by what has been told; nil has gone
	xt     map[*xtFamily]map[string]*xtTable
}

// NewScript begins a script for a firewall, which must stay open as long.
func NewScript(f *ForwardAccept) *Script {
	return &Script{accept: f, tables: map[*nftables.Table]present{}, values: map[entry]*string{}, xt: map[*xtFamily]map[string]*xtTable{}}
}

// Change tells what the firewall's Change would do, in its order; no line where it would
// do nothing.
func (s *Script) Change(ctx context.Context, add, remove []plan.Rule) (lines []string, err error) {
	switch f := s.accept.Firewall.(type) {
	case *NFTables:
		lines, err = s.nftables(ctx, f, add, remove)
	case *IPTables:
		lines, err = s.iptables(ctx, f, add, remove)
	default:
		err = fmt.Errorf("no commands for a firewall %T", f)
	}
	if err != nil || s.accepted || !slices.ContainsFunc(add, isRouted) {
		return lines, err
	}
	s.accepted = true
	closed, err := s.accept.cutOff(ctx)
	if err != nil {
		return nil, err
	}
	for _, d := range closed {
		told, err := s.accept.lines(d)
		if err != nil {
			return nil, err
		}
		lines = append(lines, told...)
	}
	return lines, nil
}

// lines are what accept does, whatever is there.
func (a *ForwardAccept) lines(d dropping) ([]string, error) {
	command := func(words ...string) string {
		line, _ := d.family.command(d.variant, "filter", words...) // asked for below
		return line
	}
	if _, err := d.family.command(d.variant, "filter"); err != nil {
		return nil, err
	}
	mark := fmt.Sprintf("0x%x/0x%[1]x", a.options.Mark)
	return []string{
		command("-N", a.chain()) + " 2>/dev/null || " + command("-F", a.chain()),
		command("-A", a.chain(), "-m", "mark", "--mark", mark, "-j", "ACCEPT"),
		command("-C", d.chain, "-j", a.chain()) + " 2>/dev/null || " + command("-I", d.chain, "1", "-j", a.chain()),
	}, nil
}

// command is a line that calls the family's program of a variant.
func (f *xtFamily) command(v Variant, table string, words ...string) (string, error) {
	program, err := f.programFor(v, "")
	if err != nil {
		return "", err
	}
	return plan.Command(append([]string{filepath.Base(program), "-w", strconv.Itoa(lockWait), "-t", table}, words...)...), nil
}

// nftables tells a change of nf_tables.
func (s *Script) nftables(ctx context.Context, n *NFTables, add, remove []plan.Rule) (lines []string, err error) {
	toAdd, toRemove, err := n.elementsFor(add, remove)
	if err != nil {
		return nil, err
	}
	release, err := n.hold(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	v, err := n.look(slices.Concat(toAdd, toRemove))
	if err != nil {
		return nil, fmt.Errorf("look at the firewall: %w", err)
	}
	s.overlay(&v)
	t := difference(v, toAdd, toRemove)
	var raw, base []string
	for _, c := range outdated(v, t) {
		base = append(base, "flush chain "+inTable(c.Table, c.Name))
	}
	for _, p := range parts {
		inUse, ok := t.build[p]
		if !ok {
			continue
		}
		part, err := baseLines(v, p, inUse)
		if err != nil {
			return nil, err
		}
		raw, base = append(raw, rawLines(v, p, inUse)...), append(base, part...)
		s.made(v, p, inUse)
	}
	if len(base) > 0 {
		lines = append(lines, "# The fixed rules, which are made once for all guests:", "nft -f - <<'END'")
		lines = append(append(append(lines, raw...), base...), "END")
	}
	for _, e := range t.bySet() {
		words, err := e.words()
		if err != nil {
			return nil, err
		}
		if words != "" {
			lines = append(lines, plan.Command("nft", words))
		}
	}
	for e := range t.was {
		s.values[e] = nil
	}
	for e, value := range t.now {
		s.values[e] = &value
	}
	return lines, nil
}

// overlay lays what has been told over what is there.
func (s *Script) overlay(v *view) {
	for t := range v.tables {
		if told, ok := s.tables[t]; ok {
			v.tables[t] = told
		}
	}
	for e, value := range s.values {
		if value == nil {
			delete(v.there, e)
		} else {
			v.there[e] = *value
		}
	}
}

// made notes that a part of the base has been told.
func (s *Script) made(v view, p *part, inUse lengths) {
	now := present{sets: maps.Clone(v.tables[p.table].sets), uses: maps.Clone(v.tables[p.table].uses)}
	if told, ok := s.tables[p.table]; ok {
		now = told
	}
	for _, d := range p.allSets(inUse) {
		now.sets[d.name] = true
	}
	maps.Copy(now.uses, uses(p.chains(v.options, inUse)))
	s.tables[p.table] = now
	there := ""
	s.values[v.mark(p)] = &there
}

// words are one set's changes, in one transaction.
func (e *edits) words() (string, error) {
	shape, ok := shapeOf(e.set.set)
	switch {
	case e.set.set == "uplinks" || e.set.set == dropsSet:
		shape = setOf(ifname)
	case !ok:
		return "", nil // a marker, which goes with its part
	}
	var all []string
	for _, step := range []struct {
		verb    string
		changes []change
	}{{"add", e.before}, {"delete", e.remove}, {"add", e.add}} {
		slices.SortFunc(step.changes, func(a, b change) int { return cmp.Compare(a.key, b.key) })
		var elements []string
		for _, c := range step.changes {
			words, err := elementWords(shape, c.key, c.value)
			if err != nil {
				return "", err
			}
			elements = append(elements, words)
		}
		if len(elements) > 0 {
			all = append(all, fmt.Sprintf("%s element %s { %s }", step.verb, inTable(e.set.table, e.set.set), strings.Join(elements, ", ")))
		}
	}
	return strings.Join(all, "; "), nil
}

// iptables tells a change of iptables: what nf_tables checks for it first and last, as
// Change does.
func (s *Script) iptables(ctx context.Context, x *IPTables, add, remove []plan.Rule) (lines []string, err error) {
	guardAdd, add, err := x.split(add)
	if err != nil {
		return nil, err
	}
	guardRemove, remove, err := x.split(remove)
	if err != nil {
		return nil, err
	}
	guard := func(add, remove []plan.Rule) error {
		if x.guard == nil || len(add)+len(remove) == 0 {
			return nil
		}
		told, err := s.nftables(ctx, x.guard, add, remove)
		lines = append(lines, told...)
		return err
	}
	if err := guard(guardAdd, nil); err != nil {
		return nil, err
	}
	if len(add)+len(remove) > 0 {
		changes, err := x.plan(ctx, edit{add: add, remove: remove, told: s.xt})
		if err != nil {
			return nil, err
		}
		for _, c := range changes {
			told, err := c.lines(x.variant)
			if err != nil {
				return nil, err
			}
			lines = append(lines, told...)
		}
	}
	if len(guardRemove)+len(remove) == 0 {
		return lines, nil
	}
	err = guard(guardAdd, append(guardRemove, remove...))
	return lines, err
}

// lines are what apply does, and are noted in the tables that were read.
func (c *xtChange) lines(v Variant) (lines []string, err error) {
	var text strings.Builder
	for _, t := range c.tables {
		t.write(&text)
	}
	if text.Len() > 0 {
		program, err := c.family.programFor(v, "-restore")
		if err != nil {
			return nil, err
		}
		lines = append(lines, filepath.Base(program)+" -w "+strconv.Itoa(lockWait)+" --noflush <<'END'")
		lines = append(append(lines, strings.Split(strings.TrimSuffix(text.String(), "\n"), "\n")...), "END")
	}
	for _, t := range c.tables {
		for _, chain := range t.leads {
			for _, step := range leading(t.was, chain) {
				words := []string{step.verb, step.hook}
				if step.verb == "-I" {
					words = append(words, "1")
				}
				line, err := c.family.command(v, chain.table, append(words, strings.Fields(chain.jump())...)...)
				if err != nil {
					return nil, err
				}
				lines = append(lines, line)
			}
		}
		t.note()
	}
	return lines, nil
}

// note makes the change in the table that was read.
func (t tableChange) note() {
	if t.was.rules == nil {
		t.was.rules = map[string][]string{}
	}
	for chain, now := range t.now {
		t.was.rules[chain] = now
	}
	for _, stray := range t.strays {
		delete(t.was.rules, stray)
		for chain, rules := range t.was.rules {
			t.was.rules[chain] = slices.DeleteFunc(slices.Clone(rules), func(words string) bool { return words == "-j "+stray })
		}
	}
	for _, c := range t.leads {
		for _, hook := range c.hooks {
			rest := slices.DeleteFunc(slices.Clone(t.was.rules[hook]), func(words string) bool { return words == c.jump() })
			if c.last {
				t.was.rules[hook] = append(rest, c.jump())
			} else {
				t.was.rules[hook] = append([]string{c.jump()}, rest...)
			}
		}
	}
}

// Words are one rule's, as commands that put it in force where the fixed tables are: of
// nf_tables the elements, of iptables the rules.
func (a *ForwardAccept) Words(r plan.Rule) (lines []string, err error) {
	switch f := a.Firewall.(type) {
	case *NFTables:
		return elementLines(r)
	case *IPTables:
		guard, rest, err := f.split([]plan.Rule{r})
		if err != nil {
			return nil, err
		}
		for _, r := range guard {
			told, err := elementLines(r)
			if err != nil {
				return nil, err
			}
			lines = append(lines, told...)
		}
		for _, r := range rest {
			for _, family := range f.families {
				for _, l := range f.lines(family, r) {
					told, err := family.command(f.variant, l.table, append([]string{"-A", l.chain}, strings.Fields(l.words)...)...)
					if err != nil {
						return nil, err
					}
					lines = append(lines, told)
				}
			}
		}
		return lines, nil
	}
	return nil, fmt.Errorf("no commands for a firewall %T", a.Firewall)
}

func elementLines(r plan.Rule) (lines []string, err error) {
	elements, err := elementsOf(r)
	for _, e := range elements {
		words, err := (&edits{set: e.entry(), add: []change{{e.key, e.value}}}).words()
		if err != nil {
			return nil, err
		}
		lines = append(lines, plan.Command("nft", words))
	}
	return lines, err
}
