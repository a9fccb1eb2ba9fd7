package firewall

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
)

// commit sends a transaction.
func (n *NFTables) commit(v view, t *transaction) error {
	for _, p := range parts {
		if inUse, ok := t.build[p]; ok {
			if err := n.makeRaw(v, p, inUse); err != nil {
				return err
			}
		}
	}
	if err := n.write(v, t); err != nil {
		// What has been written cannot be taken back, and must not go out with
		// another transaction.
		return errors.Join(err, n.batch.CloseLasting())
	}
	err := n.batch.Flush()
	if errors.Is(err, os.ErrDeadlineExceeded) {
		// The library says so for every message of the transaction.
		return fmt.Errorf("the kernel's answer: %w", os.ErrDeadlineExceeded)
	}
	return err
}

func (n *NFTables) write(v view, t *transaction) error {
	ids := uint32(0)
	for _, c := range outdated(v, t) {
		n.batch.FlushChain(&c)
	}
	for _, p := range parts {
		if inUse, ok := t.build[p]; ok {
			if err := n.build(v, p, inUse, &ids); err != nil {
				return fmt.Errorf("the base %s: %w", p.name, err)
			}
		}
	}
	return n.edit(t)
}

// build makes one part of the base, as it should be whatever is there. Rules
// and chains are made anew, which no packet sees: the kernel changes over at
// once. Sets stay, and so do the elements in them. That makes two builders at
// the same time one after the other.
func (n *NFTables) build(v view, p *part, inUse lengths, ids *uint32) error {
	b := n.batch
	b.AddTable(p.table)
	for _, c := range p.counters {
		b.AddObj(&nftables.NamedObj{Table: p.table, Name: c, Type: nftables.ObjTypeCounter, Obj: &expr.Counter{}})
	}
	for _, d := range p.allSets(inUse) {
		// One that nft has made is not the same to the kernel: it says more of its key.
		if d.shape.raw() || v.tables[p.table].sets[d.name] {
			continue
		}
		s, err := d.define(p.table)
		if err != nil {
			return err
		}
		// The library's own numbers cannot be taken by two goroutines at a time.
		*ids++
		s.ID = *ids
		if err := b.AddSet(s, nil); err != nil {
			return err
		}
	}
	chains := p.chains(n.options, inUse)
	here := func(c chain) *nftables.Chain { return &nftables.Chain{Table: p.table, Name: c.name} }
	there := v.tables[p.table].uses
	var old []chain
	for _, c := range chains {
		if _, ok := there[c.name]; ok {
			old = append(old, c)
		}
	}
	old = append(old, formerChains(p.table, there, n.options)...)
	for _, c := range old {
		b.FlushChain(here(c))
	}
	// An older one may have had another priority, which cannot be changed.
	for _, c := range old {
		b.DelChain(here(c))
	}
	for _, c := range chains {
		made := here(c)
		if c.kind != "" {
			made.Type, made.Hooknum, made.Priority = c.kind, nftables.ChainHookRef(nftables.ChainHook(c.hook)), &c.priority
		}
		b.AddChain(made)
		b.FlushChain(made)
	}
	for _, c := range chains {
		for _, r := range c.rules {
			if err := n.rule(here(c), r, ids); err != nil {
				return err
			}
		}
	}
	marker := &nftables.Set{Table: p.table, Name: p.marker().name}
	b.FlushSet(marker)
	return b.SetAddElements(marker, []nftables.SetElement{{Key: host(p.stamp(n.options))}})
}

// outdated are the chains that are there of the parts to be made, and those of no part. They
// are emptied before any of them is deleted, since one may lead to another.
func outdated(v view, t *transaction) (all []nftables.Chain) {
	swept := map[*nftables.Table]bool{}
	for _, p := range parts {
		inUse, ok := t.build[p]
		if !ok {
			continue
		}
		there := v.tables[p.table].uses
		old := slices.DeleteFunc(p.chains(v.options, inUse), func(c chain) bool { _, ok := there[c.name]; return !ok })
		if !swept[p.table] {
			swept[p.table] = true
			old = append(old, formerChains(p.table, maps.Clone(there), v.options)...)
		}
		for _, c := range old {
			all = append(all, nftables.Chain{Table: p.table, Name: c.name})
		}
	}
	return all
}

// formerChains takes out of there the chains of a table that no part has any more.
func formerChains(t *nftables.Table, there map[string]int, o Options) (all []chain) {
	known := map[string]bool{}
	for _, p := range parts {
		if p.table == t {
			for _, c := range p.chains(o, nil) {
				known[c.name] = true
			}
		}
	}
	for name := range there {
		if !known[name] {
			all = append(all, chain{name: name})
			delete(there, name) // once a transaction
		}
	}
	return all
}

// allSets are a part's sets: the marker, the fixed ones, and one for each prefix
// length in use.
func (p *part) allSets(inUse lengths) []setDef {
	all := append([]setDef{p.marker()}, p.sets()...)
	for _, s := range p.byLength() {
		for _, length := range inUse[s.name] {
			all = append(all, setDef{of(s.name, length), s.shape})
		}
	}
	return all
}

// rule adds one rule at the end of a chain, after the anonymous sets it looks
// into.
func (n *NFTables) rule(c *nftables.Chain, r rule, ids *uint32) error {
	var exprs []expr.Any
	for _, word := range r {
		if word.oneOf == nil {
			exprs = append(exprs, word.exprs...)
			continue
		}
		*ids++
		s := &nftables.Set{Table: c.Table, Name: anonymous, ID: *ids, Anonymous: true, Constant: true, KeyType: word.kind}
		var elements []nftables.SetElement
		for _, key := range word.oneOf {
			elements = append(elements, nftables.SetElement{Key: key})
		}
		if err := n.batch.AddSet(s, elements); err != nil {
			return err
		}
		last := len(word.exprs) - 1
		lookup := *word.exprs[last].(*expr.Lookup)
		lookup.SetID = s.ID
		exprs = append(append(exprs, word.exprs[:last]...), &lookup)
	}
	n.batch.AddRule(&nftables.Rule{Table: c.Table, Chain: c, Exprs: exprs})
	return nil
}

// perMessage is how many elements one message carries: past 64 KiB the kernel
// sees the first few only, and reports no error. The longest take 90 bytes.
const perMessage = 500

// edits are the changes to one set, by the elements' keys and values.
type edits struct {
	set                 entry // without a key
	before, remove, add []change
}

// A change is of one element; with a value, of a map's.
type change struct{ key, value string }

// bySet are the changes to elements, set by set.
func (t *transaction) bySet() []*edits {
	sets := map[entry]*edits{}
	at := func(e entry) *edits {
		e.key = ""
		if sets[e] == nil {
			sets[e] = &edits{set: e}
		}
		return sets[e]
	}
	for e, value := range t.was {
		wanted, stays := t.now[e]
		switch {
		case !stays:
			// Adding it first makes its removal no error where it has gone
			// meanwhile, and one where it says something else by now.
			at(e).before = append(at(e).before, change{e.key, value})
			at(e).remove = append(at(e).remove, change{key: e.key})
		case wanted != value:
			at(e).remove = append(at(e).remove, change{key: e.key})
			at(e).add = append(at(e).add, change{e.key, wanted})
		}
	}
	for e, value := range t.now {
		if _, was := t.was[e]; !was {
			at(e).add = append(at(e).add, change{e.key, value})
		}
	}
	return slices.SortedFunc(maps.Values(sets), func(a, b *edits) int {
		return cmp.Or(cmp.Compare(a.set.table.Family, b.set.table.Family), cmp.Compare(a.set.set, b.set.set))
	})
}

// edit changes elements, set by set.
func (n *NFTables) edit(t *transaction) error {
	for _, e := range t.bySet() {
		s := &nftables.Set{Table: e.set.table, Name: e.set.set}
		for _, step := range []struct {
			send    func(*nftables.Set, []nftables.SetElement) error
			changes []change
		}{
			{n.batch.SetAddElements, e.before},
			{n.batch.SetDeleteElements, e.remove},
			{n.batch.SetAddElements, e.add},
		} {
			for some := range slices.Chunk(step.changes, perMessage) {
				elements := make([]nftables.SetElement, len(some))
				for i, c := range some {
					elements[i] = nftables.SetElement{Key: []byte(c.key), Val: []byte(c.value)}
				}
				if err := step.send(s, elements); err != nil {
					return fmt.Errorf("the elements of %s: %w", e.set.set, err)
				}
			}
		}
	}
	return nil
}
