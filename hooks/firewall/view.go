package firewall

import (
	"maps"
	"slices"

	"github.com/google/nftables"
)

// A view is what the kernel has of what some rules are about.
type view struct {
	options Options
	tables  map[*nftables.Table]present
	// there are the elements that were asked for and are there, with their
	// values.
	there map[entry]string
	// known are the parts that whole has been asked about.
	known map[*part]bool
}

// entry is where the element is in the kernel.
func (e element) entry() entry {
	set := e.set
	if e.length >= 0 {
		set = of(set, e.length)
	}
	return entry{e.part.table, set, e.key}
}

// look reads all those of elements that are there, and the state of the parts of
// the base they lean on.
func (n *NFTables) look(elements []element) (view, error) {
	v := view{options: n.options, tables: map[*nftables.Table]present{}, known: map[*part]bool{}}
	asked := map[entry]bool{}
	for _, e := range elements {
		asked[e.entry()] = true
		for _, p := range append(slices.Clone(e.part.needs), e.part) {
			asked[v.mark(p)] = true
			if _, ok := v.tables[p.table]; ok {
				continue
			}
			var err error
			if v.tables[p.table], err = n.readTable(p.table); err != nil {
				return view{}, err
			}
		}
	}
	var err error
	if v.there, err = n.lookup(slices.Collect(maps.Keys(asked))); err != nil {
		return v, n.explain(v, err)
	}
	return v, nil
}

// mark is the element that says which version of a part is there.
func (v view) mark(p *part) entry {
	return entry{p.table, p.marker().name, string(host(p.stamp(v.options)))}
}

// whole reports whether a part, and those it needs, are there as this vifctl
// makes them, with all their rules: `nft flush table` leaves sets and elements
// and takes the rules.
func (v view) whole(p *part) bool {
	if _, ok := v.known[p]; !ok {
		v.known[p] = v.isWhole(p)
	}
	return v.known[p]
}

func (v view) isWhole(p *part) bool {
	have := v.tables[p.table]
	if _, ok := v.there[v.mark(p)]; !ok {
		return false
	}
	for _, s := range p.sets() {
		if !have.sets[s.name] {
			return false
		}
	}
	for chain, n := range uses(p.chains(v.options, have.inUse(p))) {
		if have.uses[chain] != n {
			return false
		}
	}
	return !slices.ContainsFunc(p.needs, func(needed *part) bool { return !v.whole(needed) })
}

// holds reports whether all elements of a rule are there.
func (v view) holds(elements []element) bool {
	return !slices.ContainsFunc(elements, func(e element) bool {
		value, ok := v.there[e.entry()]
		return !ok || value != e.value
	})
}
