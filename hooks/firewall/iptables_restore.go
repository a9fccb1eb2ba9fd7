package firewall

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"vifctl/hooks/plan"
	"vifctl/hooks/process"
)

// sight is what is known of the buckets that some rules are in.
type sight struct {
	x       *IPTables
	buckets map[bucket][]plan.Rule
	// kernel is what the kernel counts, table by table; an absent family's is
	// to be made anew.
	kernel map[*xtFamily]map[string]tally
	chains chainList
	whole  map[*xtFamily]map[string]bool
	// base are the tables that need their fixed chains.
	base map[*xtFamily]map[string]bool
	// inBook are all buckets that the book had something in.
	inBook []bucket
	// glanced are the tables of which no more was looked at than these buckets
	// need, which are as the book says.
	glanced map[*xtFamily]map[string]bool
	// built are the tables whose fixed chains are being made.
	built map[*xtFamily][]string
	// grown is by how many entries a table changes, of those that do, and only
	// where that is known.
	grown map[*xtFamily]map[string]int
}

// see reads the book and the kernel's counts of all that the rules are about.
func (x *IPTables) see(add, remove []plan.Rule) (*sight, error) {
	var asked []bucket
	for _, r := range append(slices.Clone(add), remove...) {
		for _, p := range x.pieces(r) {
			asked = append(asked, p.bucket)
		}
	}
	s, err := x.look(asked)
	if err != nil {
		return nil, err
	}
	for _, r := range add {
		for _, p := range x.pieces(r) {
			s.base[p.family][p.kind().table] = true
		}
	}
	return s, nil
}

// look looks at buckets.
func (x *IPTables) look(asked []bucket) (*sight, error) {
	s := &sight{
		x: x, buckets: map[bucket][]plan.Rule{}, kernel: map[*xtFamily]map[string]tally{},
		whole: map[*xtFamily]map[string]bool{}, base: map[*xtFamily]map[string]bool{}, glanced: map[*xtFamily]map[string]bool{},
	}
	for _, f := range x.families {
		s.kernel[f], s.whole[f], s.base[f], s.glanced[f] = map[string]tally{}, map[string]bool{}, map[string]bool{}, map[string]bool{}
	}
	var err error
	for _, b := range asked {
		if _, ok := s.buckets[b]; ok {
			continue
		}
		if s.buckets[b], err = x.book.read(b); err != nil {
			return nil, err
		}
	}
	for _, b := range asked {
		if err := s.open(b.family, b.kind().table, asked); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// open looks at a table, and at those of the buckets that are in it.
func (s *sight) open(f *xtFamily, table string, buckets []bucket) error {
	if _, ok := s.kernel[f][table]; ok {
		return nil
	}
	buckets = slices.DeleteFunc(slices.Clone(buckets), func(b bucket) bool { return b.family != f || b.kind().table != table })
	look := func(c tally, err error) (good bool, _ error) {
		if err != nil {
			return false, err
		}
		s.kernel[f][table] = c
		s.whole[f][table], err = s.isWhole(f, table, c)
		return s.whole[f][table] && !slices.ContainsFunc(buckets, func(b bucket) bool { return !s.intact(b) }), err
	}
	c, ok, err := s.glance(f, table, buckets)
	if err != nil {
		return err
	}
	if ok {
		if s.glanced[f][table], err = look(c, nil); err != nil || s.glanced[f][table] {
			return err
		}
	}
	_, err = look(s.x.count(f, table, &s.chains))
	return err
}

// isWhole: a table's fixed chains are there, with their rules, and the kernel
// leads to them.
func (s *sight) isWhole(f *xtFamily, table string, c tally) (bool, error) {
	if s.x.book.stamp(f, table) != s.x.stamp(f, table) {
		return false, nil
	}
	chains := s.x.fixed(f, table, inUse(f, c))
	leads := led(chains)
	for _, chain := range chains {
		uses, ok := c.uses[chain.name]
		want := len(chain.lines)
		if chain.shared && ok {
			var err error
			if uses, err = c.rules(chain.name); err != nil {
				return false, err
			}
		} else {
			want += leads[chain.name]
		}
		if !ok || uses != want {
			return false, nil
		}
	}
	return true, nil
}

// inUse are the buckets that the kernel has, in order.
func inUse(f *xtFamily, c tally) []bucket {
	var all []bucket
	for chain := range c.uses {
		if b, ok := bucketOf(f, chain); ok {
			all = append(all, b)
		}
	}
	return inOrder(all)
}

func inOrder(all []bucket) []bucket {
	slices.SortFunc(all, func(a, b bucket) int { return cmp.Or(cmp.Compare(a.stem, b.stem), cmp.Compare(a.key, b.key)) })
	return all
}

// intact: the kernel has as many rules in a bucket as the book says, and one
// that leads to it.
func (s *sight) intact(b bucket) bool {
	uses, there := s.kernel[b.family][b.kind().table].uses[b.chain()]
	if len(s.buckets[b]) == 0 {
		return !there
	}
	return there && uses == b.kind().count(b, s.buckets[b])+1
}

// holds reports whether a rule is in force.
func (s *sight) holds(r plan.Rule) bool {
	for _, p := range s.x.pieces(r) {
		if !s.whole[p.family][p.kind().table] || !s.intact(p.bucket) || !contains(s.buckets[p.bucket], p) {
			return false
		}
	}
	return true
}

// after is what the buckets are to hold: what is to go goes first, so that what
// is in both stays.
func (s *sight) after(add, remove []plan.Rule) *sight {
	now := s.clone()
	for _, r := range remove {
		for _, p := range s.x.pieces(r) {
			now.buckets[p.bucket] = without(now.buckets[p.bucket], p)
		}
	}
	for _, r := range add {
		for _, p := range s.x.pieces(r) {
			now.buckets[p.bucket] = with(now.buckets[p.bucket], p)
		}
	}
	return now
}

// clone is a sight that will be another.
func (s *sight) clone() *sight {
	now := *s
	now.built, now.grown = map[*xtFamily][]string{}, map[*xtFamily]map[string]int{}
	now.buckets, now.kernel = maps.Clone(s.buckets), maps.Clone(s.kernel)
	return &now
}

// restoreText is what iptables-restore is given to get a family from one sight
// to another; "" where nothing is to be done.
func (x *IPTables) restoreText(ctx context.Context, f *xtFamily, was, now *sight) (string, error) {
	var text bytes.Buffer
	for _, table := range []string{"raw", "mangle", "nat"} {
		if err := x.restoreTable(ctx, &text, f, table, was, now); err != nil {
			return "", err
		}
	}
	return text.String(), nil
}

func (x *IPTables) restoreTable(ctx context.Context, text *bytes.Buffer, f *xtFamily, table string, was, now *sight) error {
	known := was.kernel[f] != nil
	c, looked := was.kernel[f][table]
	if known && !looked {
		return nil
	}
	if !known {
		var err error
		if c, err = x.count(f, table, &chainList{}); err != nil {
			return err
		}
	}
	before := inUse(f, c)
	there := slices.Clone(before)
	var all []edit
	var gone []bucket
	for b, held := range now.buckets {
		if b.family != f || b.kind().table != table {
			continue
		}
		old := slices.Contains(before, b)
		switch {
		case len(held) == 0 && old:
			gone = append(gone, b)
			there = slices.DeleteFunc(there, func(a bucket) bool { return a == b })
		case len(held) > 0:
			e := edit{chain: b.chain(), anew: !known || !old || !was.intact(b), lines: b.kind().lines(b, held)}
			if !e.anew {
				e.was = b.kind().lines(b, was.buckets[b])
			}
			all = append(all, e)
			if !old {
				there = append(there, b)
			}
		}
	}
	whole := known && was.whole[f][table]
	if now.base[f][table] || len(all)+len(gone) > 0 {
		had := x.fixed(f, table, before)
		for i, chain := range x.fixed(f, table, inOrder(there)) {
			e := edit{chain: chain.name, anew: !whole, lines: chain.lines, was: had[i].lines}
			if !whole && chain.hook != "" && !x.hooked(ctx, f, table, chain, c) {
				e.hook = chain.hook
			}
			all = append(all, e)
		}
	}
	all = slices.DeleteFunc(all, func(e edit) bool { return !e.anew && slices.Equal(e.was, e.lines) })
	if len(all)+len(gone) == 0 {
		return nil
	}
	slices.SortFunc(all, func(a, b edit) int { return cmp.Compare(a.chain, b.chain) })
	fmt.Fprintf(text, "*%s\n", table)
	for _, e := range all {
		e.declare(text)
	}
	for _, b := range gone {
		fmt.Fprintf(text, ":%s - [0:0]\n", b.chain())
	}
	for _, e := range all {
		e.write(text)
	}
	for _, b := range gone {
		fmt.Fprintf(text, "-X %s\n", b.chain())
	}
	fmt.Fprintln(text, "COMMIT")
	if !whole && now.built != nil {
		now.built[f] = append(now.built[f], table)
	}
	return now.grow(f, table, c, all, gone)
}

// grow reckons by how many entries a table of iptables-legacy's grows.
func (s *sight) grow(f *xtFamily, table string, c tally, all []edit, gone []bucket) error {
	if c.head == nil || s.grown == nil {
		return nil
	}
	grown := 0
	for _, b := range gone {
		rules, err := c.rules(b.chain())
		if err != nil {
			return err
		}
		grown -= legacyChain + rules
	}
	for _, e := range all {
		rules, err := c.rules(e.chain)
		if err != nil {
			return err
		}
		grown += len(e.lines) - rules
		if _, there := c.uses[e.chain]; !there {
			grown += legacyChain
		}
		if e.hook != "" {
			grown++
		}
	}
	if s.grown[f] == nil {
		s.grown[f] = map[string]int{}
	}
	s.grown[f][table] = grown
	return nil
}

// edit gets one chain from what it was to what it is to be.
type edit struct {
	chain string
	// anew: what is there now is not known, or is no chain at all.
	anew       bool
	was, lines []string
	hook       string
}

// grows: lines only come. nf_tables makes whoever takes a rule away wait until
// no processor can be looking at it any more, and nobody else.
func (e edit) grows() bool {
	next := 0
	for _, line := range e.lines {
		if next < len(e.was) && e.was[next] == line {
			next++
		}
	}
	return !e.anew && next == len(e.was)
}

// declare makes the chain, empty: if it is there, its rules go.
func (e edit) declare(text *bytes.Buffer) {
	if !e.grows() {
		fmt.Fprintf(text, ":%s - [0:0]\n", e.chain)
	}
}

func (e edit) write(text *bytes.Buffer) {
	next := 0
	for i, line := range e.lines {
		switch {
		case !e.grows() || next == len(e.was):
			fmt.Fprintf(text, "-A %s %s\n", e.chain, line)
		case e.was[next] == line:
			next++
		default:
			fmt.Fprintf(text, "-I %s %d %s\n", e.chain, i+1, line)
		}
	}
	if e.hook != "" {
		fmt.Fprintf(text, "-I %s 1 -j %s\n", e.hook, e.chain)
	}
}

// hooked reports whether the kernel's chain leads to ours. Only where somebody
// has been at ours does it take a process to know.
func (x *IPTables) hooked(ctx context.Context, f *xtFamily, table string, chain xtChain, c tally) bool {
	uses, there := c.uses[chain.name]
	if !there {
		return false
	}
	if rules, err := c.rules(chain.name); err == nil {
		return uses > rules
	}
	program, err := x.restoreProgram(f, "")
	return err == nil && process.Run(ctx, []string{program, "-w", strconv.Itoa(lockWait), "-t", table, "-C", chain.hook, "-j", chain.name}, nil) == nil
}

// restore gives text to iptables-restore, which changes a table at once or not
// at all.
func (x *IPTables) restore(ctx context.Context, f *xtFamily, text string) error {
	program, err := x.restoreProgram(f, "-restore")
	if err != nil {
		return err
	}
	_, err = process.Output(ctx, []string{program, "-w", strconv.Itoa(lockWait), "--noflush"}, text)
	return err
}
