package firewall

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"golang.org/x/sys/unix"

	"vifctl/hooks/plan"
)

// attempts is how often a change begins anew because another call changed what
// it was about to: all guests of a host may start at once.
const attempts = 10

// Change implements Firewall. It looks first, and sends only what is missing:
// what is as it should be costs no write, and nothing is removed, which the
// process would wait for at its end, that need not be.
func (n *NFTables) Change(ctx context.Context, add, remove []plan.Rule) error {
	toAdd, toRemove, err := n.elementsFor(add, remove)
	if err != nil {
		return err
	}
	release, err := n.hold(ctx)
	if err != nil {
		return fmt.Errorf("change the firewall: %w", err)
	}
	defer release()
	done := false
	for i := 0; i < attempts && !done && (err == nil || worthAnother(err)); i++ {
		done, err = n.attempt(toAdd, toRemove)
	}
	switch {
	case err != nil:
		return fmt.Errorf("change the firewall: %w", err)
	case !done:
		return errors.New("change the firewall: another program keeps changing the table " + TableName)
	}
	return nil
}

// elementsFor are what a change of rules comes to.
func (n *NFTables) elementsFor(add, remove []plan.Rule) (toAdd, toRemove []element, err error) {
	if toAdd, err = elementsToAdd(add); err != nil {
		return nil, nil, err
	}
	toRemove = counted(remove)
	for _, r := range remove {
		elements, err := elementsOf(r)
		if err != nil {
			return nil, nil, err
		}
		toRemove = append(toRemove, elements...)
	}
	return n.withUplinks(toAdd), toRemove, nil
}

// attempt looks and sends what is missing. It is done when nothing is, or when
// elements alone were: two calls that make the base at the same time for different
// prefix lengths have to look again.
func (n *NFTables) attempt(add, remove []element) (done bool, err error) {
	v, err := n.look(slices.Concat(add, remove))
	if err != nil {
		return false, err
	}
	t := difference(v, add, remove)
	if t.empty() {
		return true, nil
	}
	if err := n.commit(v, t); err != nil {
		n.drain()
		return false, n.explain(v, err)
	}
	return len(t.build) == 0, nil
}

// explain says of a table that another version of vifctl has made, and that cannot be changed
// to this one's, what helps.
func (n *NFTables) explain(v view, err error) error {
	if !slices.ContainsFunc([]error{unix.EBUSY, unix.EINVAL, unix.EEXIST, unix.EOPNOTSUPP}, func(e error) bool { return errors.Is(err, e) }) {
		return err
	}
	for _, p := range parts {
		have, looked := v.tables[p.table]
		if !looked || !have.sets[p.marker().name] {
			continue
		}
		n.drain()
		mark := v.mark(p)
		there, lost := n.lookup([]entry{mark})
		if _, ours := there[mark]; !ours && lost == nil {
			return fmt.Errorf("another version of vifctl has made the table %s %s, which this one cannot change to its own: go back to that version, or say `nft delete table %[1]s %[2]s`, then `vifctl repair`: %w",
				familyNames[p.table.Family], p.table.Name, err)
		}
	}
	return err
}

// worthAnother: what was there has gone, what was not has come, or it is not known
// whether the change has been made (ENOBUFS).
func worthAnother(err error) bool {
	return slices.ContainsFunc([]error{unix.ENOENT, unix.EEXIST, unix.ENOBUFS, unix.EAGAIN, unix.EINTR},
		func(e error) bool { return errors.Is(err, e) })
}

// withUplinks adds the uplinks themselves where a rule leans on them. They are
// the host's: no rule's end takes them away.
func (n *NFTables) withUplinks(elements []element) []element {
	if !slices.ContainsFunc(elements, func(e element) bool { return e.part == natPart }) {
		return elements
	}
	for _, name := range n.options.Uplinks {
		if key, err := portKey(name); err == nil {
			elements = append(elements, single(natPart, "uplinks", key, ""))
		}
	}
	return elements
}

// transaction is one change, made at once or not at all.
type transaction struct {
	// build are the parts of the base that are to be made, anew or for the
	// first time, for these prefix lengths.
	build map[*part]lengths
	// was and now are the values of the elements that the change is about.
	was, now map[entry]string
}

func (t *transaction) empty() bool { return len(t.build) == 0 && maps.Equal(t.was, t.now) }

// difference tells what must change: what is to go goes first, so that what is
// in both stays. What says something else by now stays, too.
func difference(v view, add, remove []element) *transaction {
	t := &transaction{build: map[*part]lengths{}, was: v.there, now: maps.Clone(v.there)}
	for _, e := range remove {
		if value, ok := t.now[e.entry()]; ok && value == e.value {
			delete(t.now, e.entry())
		}
	}
	for _, e := range add {
		t.now[e.entry()] = e.value
	}
	// Parts in the order in which they can be made.
	for _, p := range parts {
		wanted, ok := wantedLengths(p, add)
		if !ok {
			continue
		}
		for _, needed := range append(slices.Clone(p.needs), p) {
			inUse := v.tables[needed.table].inUse(needed)
			grown := false
			if needed == p {
				grown = inUse.grow(wanted)
			}
			if grown || !v.whole(needed) {
				t.build[needed] = inUse
			}
		}
	}
	t.buildWhole(v)
	return t
}

// buildWhole has all parts of a table made anew that are there, where one of them is and the
// table has chains that no part has: another version's, to which the chains of any part may
// lead.
func (t *transaction) buildWhole(v view) {
	for table, have := range v.tables {
		one := slices.ContainsFunc(parts, func(p *part) bool { _, ok := t.build[p]; return ok && p.table == table })
		if !one || len(formerChains(table, maps.Clone(have.uses), v.options)) == 0 {
			continue
		}
		for _, p := range parts {
			if _, ok := t.build[p]; !ok && p.table == table && have.sets[p.marker().name] {
				t.build[p] = have.inUse(p)
			}
		}
	}
}

// wantedLengths are the prefix lengths that elements need of a part; ok is false
// where they need nothing of it.
func wantedLengths(p *part, elements []element) (wanted lengths, ok bool) {
	wanted = lengths{}
	for _, e := range elements {
		ok = ok || e.part == p
		if e.part == p && e.length >= 0 {
			wanted[e.set] = append(wanted[e.set], e.length)
		}
	}
	return wanted, ok
}

// grow adds lengths, the longest first, and reports whether any was new.
func (l lengths) grow(more lengths) bool {
	grown := false
	for stem, wanted := range more {
		for _, n := range wanted {
			if !slices.Contains(l[stem], n) {
				l[stem] = append(l[stem], n)
				grown = true
			}
		}
		slices.SortFunc(l[stem], func(a, b int) int { return b - a })
	}
	return grown
}
