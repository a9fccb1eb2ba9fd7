package firewall

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/coreos/go-iptables/iptables"

	"vifctl/hooks/plan"
	"vifctl/hooks/process"
)

// lockWait is how long iptables waits for another program's iptables, in
// seconds.
const lockWait = 5

// An xtTable is a table of iptables as iptables-save writes it.
type xtTable struct {
	// policy is what the kernel's own chains do with what no rule decides.
	policy map[string]string
	// rules are the words of each rule, by the chain, in order. A chain without
	// rules is in it.
	rules map[string][]string
}

// readTables asks a variant's iptables for the tables that there are; the others
// are empty, and stay what they are.
func readTables(ctx context.Context, v Variant, f *xtFamily) (map[string]*xtTable, error) {
	program, err := f.programFor(v, "-save")
	if err != nil {
		return nil, err
	}
	text, err := process.Output(ctx, []string{program}, "")
	if err != nil {
		return nil, err
	}
	tables := map[string]*xtTable{}
	var t *xtTable
	for l := range strings.Lines(text) {
		first, rest, _ := strings.Cut(strings.TrimSuffix(l, "\n"), " ")
		switch {
		case strings.HasPrefix(first, "*"):
			t = &xtTable{policy: map[string]string{}, rules: map[string][]string{}}
			tables[first[1:]] = t
		case first == "COMMIT":
			t = nil
		case first == "-A" && t != nil:
			chain, words, _ := strings.Cut(rest, " ")
			t.rules[chain] = append(t.rules[chain], words)
		case strings.HasPrefix(first, ":") && t != nil:
			t.rules[first[1:]] = nil
			t.policy[first[1:]], _, _ = strings.Cut(rest, " ")
		}
	}
	if t != nil {
		return nil, fmt.Errorf("what %s says has no end", program)
	}
	for _, name := range xtTables {
		if strings.Contains(text, "# Table `"+name+"' is incompatible") {
			return nil, fmt.Errorf("%s cannot read its table %s: nft has written rules into it that it does not know", program, name)
		}
		if tables[name] == nil {
			tables[name] = &xtTable{}
		}
	}
	return tables, nil
}

// ours are the chains of ours, by their names.
func (t *xtTable) ours() (chains []string) {
	for _, chain := range slices.Sorted(maps.Keys(t.rules)) {
		if strings.HasPrefix(chain, chainPrefix) {
			chains = append(chains, chain)
		}
	}
	return chains
}

func (c xtChain) jump() string { return "-j " + c.name }

// leadsFrom reports whether one of the kernel's chains leads to one of ours, once,
// from where it should.
func (t *xtTable) leadsFrom(hook string, c xtChain) bool {
	rules := t.rules[hook]
	at := slices.Index(rules, c.jump())
	return at >= 0 && !slices.Contains(rules[at+1:], c.jump()) && (!c.last && at == 0 || c.last && at == len(rules)-1)
}

// flushed: a chain of ours is missing, or nothing leads to it.
func (t *xtTable) flushed(c xtChain) bool {
	_, there := t.rules[c.name]
	return !there || slices.ContainsFunc(c.hooks, func(hook string) bool { return !slices.Contains(t.rules[hook], c.jump()) })
}

// An edit is what a call wants: rules that are to be in force, or not to be, or
// that it merely asks about.
type edit struct {
	add, remove, asked []plan.Rule
	// there tells, where garbage is to go, which ports are there; else nil.
	there func(port string) bool
	// told are, for a script, the tables as they will be by then; what is not in it is
	// read and put there. nil where a change is made.
	told map[*xtFamily]map[string]*xtTable
}

// wishes are an edit's lines, and those that the records want.
type wishes struct {
	add, remove, keep map[line]bool
	// flushed: keep is to be put back, too. all: what looks as if it were ours stays,
	// since the records are not asked, or not all can be read.
	flushed, all bool
	there        func(port string) bool
}

// content is what a chain is to hold. A line about a port stays until it is taken
// away for that port, or the port has gone: without it the port might be open.
func (w wishes) content(c xtChain, was []string) []string {
	lines := map[string]bool{}
	had := map[string]bool{}
	for _, words := range was {
		had[words] = true
		fields := strings.Fields(words)
		if fields[0] == "-j" || !slices.Contains(c.guests, after(fields, "-j")+after(fields, "-g")) || w.remove[line{c.table, c.name, words}] {
			continue
		}
		port := after(fields, "-i") + after(fields, "-o")
		if w.all || port != "" && (w.there == nil || w.there(port)) {
			lines[words] = true
		}
	}
	for l := range w.keep {
		if l.chain == c.name && l.table == c.table && (w.flushed || had[l.words]) {
			lines[l.words] = true
		}
	}
	for l := range w.add {
		if l.chain == c.name && l.table == c.table {
			lines[l.words] = true
		}
	}
	return slices.Concat(c.head, inOrder(lines), c.tail)
}

// An xtChange is what becomes of a family's tables.
type xtChange struct {
	family *xtFamily
	tables []tableChange
}

// A tableChange is what becomes of one table.
type tableChange struct {
	table string
	was   *xtTable
	// now are the chains that change, or come.
	now map[string][]string
	// strays are chains that no vifctl of today makes.
	strays []string
	// leads are chains that the kernel does not lead to from where it should.
	leads []xtChain
}

// plan looks at the tables of all families that an edit is about, and tells what is
// to change. It reads the records where something is added, has been flushed, or is
// to be found garbage.
func (x *IPTables) plan(ctx context.Context, e edit) (all []*xtChange, err error) {
	records := sync.OnceValues(func() ([]plan.Rule, error) {
		wanted, err := x.options.wanted()
		return givingWay(withoutRules(wanted, e.remove), e.add), err
	})
	for _, f := range x.families {
		change := &xtChange{family: f}
		all = append(all, change)
		w := wishes{add: x.linesOf(f, e.add), remove: x.linesOf(f, e.remove), there: e.there, all: true}
		if len(w.add)+len(w.remove)+len(x.linesOf(f, e.asked)) == 0 && e.there == nil {
			continue
		}
		tables := e.told[f]
		if tables == nil {
			if tables, err = readTables(ctx, x.variant, f); err != nil {
				return nil, err
			}
		}
		if e.told != nil {
			e.told[f] = tables
		}
		layout := x.layout(f)
		flushed := slices.ContainsFunc(layout, func(c xtChain) bool { return tables[c.table].flushed(c) })
		if len(e.asked) == 0 && (len(w.add) > 0 || e.there != nil || flushed) {
			wanted, unknown := records()
			w.keep, w.all = x.linesOf(f, wanted), unknown != nil
		}
		change.tables = w.changes(layout, tables)
	}
	return all, nil
}

// changes tells what is to change. A table without any chain of ours gets none
// unless there is a line for it.
func (w wishes) changes(layout []xtChain, tables map[string]*xtTable) (all []tableChange) {
	for _, table := range []string{"nat", "mangle", "raw"} {
		chains := slices.DeleteFunc(slices.Clone(layout), func(c xtChain) bool { return c.table != table })
		c := tableChange{table: table, was: tables[table], now: map[string][]string{}, strays: tables[table].ours()}
		if len(c.strays) == 0 && !w.addTo(table) {
			continue
		}
		w.flushed = slices.ContainsFunc(chains, c.was.flushed)
		for _, chain := range chains {
			had, there := c.was.rules[chain.name]
			if now := w.content(chain, had); !there || !slices.Equal(had, now) {
				c.now[chain.name] = now
			}
			if slices.ContainsFunc(chain.hooks, func(hook string) bool { return !c.was.leadsFrom(hook, chain) }) {
				c.leads = append(c.leads, chain)
			}
			c.strays = slices.DeleteFunc(c.strays, func(name string) bool { return name == chain.name })
		}
		all = append(all, c)
	}
	return all
}

func (w wishes) addTo(table string) bool {
	for l := range w.add {
		if l.table == table {
			return true
		}
	}
	return false
}

// holds reports whether lines are there, in tables that are as they should be.
func (c *xtChange) holds(lines []line) bool {
	return !slices.ContainsFunc(lines, func(l line) bool {
		return !slices.ContainsFunc(c.tables, func(t tableChange) bool {
			return t.table == l.table && len(t.now)+len(t.leads) == 0 && slices.Contains(t.was.rules[l.chain], l.words)
		})
	})
}

// gone tells what goes, for a log.
func (c *xtChange) gone() (all []string) {
	for _, t := range c.tables {
		for _, stray := range t.strays {
			all = append(all, "chain "+stray)
		}
		for chain, now := range t.now {
			for _, words := range t.was.rules[chain] {
				if !slices.Contains(now, words) {
					all = append(all, fmt.Sprintf("rule %q of the chain %s", words, chain))
				}
			}
		}
	}
	return all
}

// apply fills the chains that change, all of a table at once or none, and has the
// kernel lead to them.
func (x *IPTables) apply(ctx context.Context, c *xtChange) error {
	var text strings.Builder
	for _, t := range c.tables {
		t.write(&text)
	}
	if text.Len() > 0 {
		program, err := c.family.programFor(x.variant, "-restore")
		if err != nil {
			return err
		}
		if _, err := process.Output(ctx, []string{program, "-w", strconv.Itoa(lockWait), "--noflush"}, text.String()); err != nil {
			return err
		}
	}
	if !slices.ContainsFunc(c.tables, func(t tableChange) bool { return len(t.leads) > 0 }) {
		return nil
	}
	ipt, err := c.family.library(x.variant)
	if err != nil {
		return err
	}
	for _, t := range c.tables {
		for _, chain := range t.leads {
			if err := lead(ipt, t.was, chain); err != nil {
				return err
			}
		}
	}
	return nil
}

// write writes what makes a table's chains anew and takes the strays away.
func (t tableChange) write(text *strings.Builder) {
	if len(t.now)+len(t.strays) == 0 {
		return
	}
	fmt.Fprintf(text, "*%s\n", t.table)
	chains := slices.Sorted(maps.Keys(t.now))
	// A chain that is declared is made, or emptied.
	for _, chain := range slices.Concat(chains, t.strays) {
		fmt.Fprintf(text, ":%s - [0:0]\n", chain)
	}
	for _, chain := range chains {
		for _, words := range t.now[chain] {
			fmt.Fprintf(text, "-A %s %s\n", chain, words)
		}
	}
	for _, stray := range t.strays {
		for chain, rules := range t.was.rules {
			if slices.Contains(rules, "-j "+stray) && !strings.HasPrefix(chain, chainPrefix) {
				fmt.Fprintf(text, "-D %s -j %s\n", chain, stray)
			}
		}
	}
	for _, stray := range t.strays {
		fmt.Fprintf(text, "-X %s\n", stray)
	}
	fmt.Fprintln(text, "COMMIT")
}

// A leadStep is one change of one of the kernel's own chains: -A, -D or -I at the top.
type leadStep struct{ verb, hook string }

// leading are the steps that have the kernel lead to a chain of ours, from the top of its
// own chains or from their end, whatever else has led there.
func leading(was *xtTable, c xtChain) (steps []leadStep) {
	for _, hook := range c.hooks {
		if was.leadsFrom(hook, c) {
			continue
		}
		if c.last {
			steps = append(steps, leadStep{"-A", hook})
		}
		for _, words := range was.rules[hook] {
			if words == c.jump() {
				steps = append(steps, leadStep{"-D", hook}) // the first
			}
		}
		if !c.last {
			steps = append(steps, leadStep{"-I", hook})
		}
	}
	return steps
}

func lead(ipt *iptables.IPTables, was *xtTable, c xtChain) (err error) {
	jump := strings.Fields(c.jump())
	for _, step := range leading(was, c) {
		switch step.verb {
		case "-A":
			err = ipt.Append(c.table, step.hook, jump...)
		case "-D":
			err = ipt.Delete(c.table, step.hook, jump...)
		default:
			err = ipt.Insert(c.table, step.hook, 1, jump...)
		}
		if err != nil {
			return fmt.Errorf("lead from %s to %s: %w", step.hook, c.name, err)
		}
	}
	return nil
}

// library is go-iptables on a variant's program. What it runs waits for the lock
// of iptables no longer than it is told here, and inherits our environment, of
// which clearEnvironment takes what would change what it does. What remains: no
// deadline of a call's ends it, and it outlives a call that is killed. So the rules
// themselves go by hooks/process.
func (f *xtFamily) library(v Variant) (*iptables.IPTables, error) {
	program, err := f.programFor(v, "")
	if err != nil {
		return nil, err
	}
	clearEnvironment()
	family := iptables.ProtocolIPv4
	if f.is6 {
		family = iptables.ProtocolIPv6
	}
	return iptables.New(iptables.IPFamily(family), iptables.Timeout(lockWait), iptables.Path(program))
}
