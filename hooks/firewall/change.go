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

// attempts is how often a change begins anew because somebody else changed what
// it was about to: all guests of a host may start at once.
const attempts = 10

// Change implements Firewall. It looks first, and sends only what is missing:
// what is as it should be costs no write, and nothing is removed, which the
// process would wait for at its end, that need not be.
func (n *NFTables) Change(ctx context.Context, add, remove []plan.Rule) error {
	toAdd, err := elementsOfAll(add)
	if err != nil {
		return err
	}
	toRemove, err := elementsOfAll(remove)
	if err != nil {
		return err
	}
	if c := counted(remove); len(c.elements) > 0 {
		toRemove = append(toRemove, c)
	}
	release, err := n.hold(ctx)
	if err != nil {
		return fmt.Errorf("change the firewall: %w", err)
	}
	defer release()
	toAdd = n.withUplinks(toAdd)
	done := false
	for i := 0; i < attempts && !done && (err == nil || worthAnother(err)); i++ {
		done, err = n.attempt(toAdd, toRemove)
	}
	switch {
	case err != nil:
		return fmt.Errorf("change the firewall: %w", err)
	case !done:
		return errors.New("change the firewall: somebody else keeps changing the table " + TableName)
	}
	return nil
}

// attempt looks and sends what is missing. It is done when nothing is, or when
// elements alone were: two who make the base at the same time for different
// prefix lengths have to look again.
func (n *NFTables) attempt(add, remove []needs) (done bool, err error) {
	v, err := n.look(append(slices.Clone(add), remove...))
	if err != nil {
		return false, err
	}
	t, err := difference(v, add, remove)
	if err != nil || t.empty() {
		return err == nil, err
	}
	if err := n.commit(v, t); err != nil {
		n.drain()
		return false, err
	}
	return len(t.build) == 0, nil
}

// worthAnother: what was there has gone, what was not has come, or nobody knows
// (ENOBUFS: the change may well have been made).
func worthAnother(err error) bool {
	return slices.ContainsFunc([]error{unix.ENOENT, unix.EEXIST, unix.ENOBUFS, unix.EAGAIN, unix.EINTR},
		func(e error) bool { return errors.Is(err, e) })
}

// withUplinks adds the uplinks themselves where a rule leans on them. They are
// the host's: no rule's end takes them away.
func (n *NFTables) withUplinks(rules []needs) []needs {
	if !slices.ContainsFunc(rules, func(r needs) bool { return r.parts()[natPart] }) {
		return rules
	}
	var uplinks needs
	for _, name := range n.options.Uplinks {
		if key, err := portKey(name); err == nil {
			uplinks.add(natPart, "uplinks", key, "")
		}
	}
	return append(slices.Clone(rules), uplinks)
}

// parts are those that a rule has elements in.
func (n needs) parts() map[*part]bool {
	all := map[*part]bool{}
	for _, e := range n.all() {
		all[e.part] = true
	}
	for _, c := range n.claims {
		all[c.part] = true
	}
	return all
}

// transaction is one change, made at once or not at all.
type transaction struct {
	// build are the parts of the base that are to be made, anew or for the
	// first time, for these prefix lengths.
	build map[*part]lengths
	// was and now are the values of the elements that the change is about.
	was, now map[entry]string
	// sure are to be added though they seemed to be there: somebody else may be
	// taking them away.
	sure map[entry]bool
	// free are slots that nobody may have taken meanwhile, with a value that
	// tells.
	free map[entry]string
}

func (t *transaction) empty() bool {
	return len(t.build) == 0 && len(t.free) == 0 && len(t.sure) == 0 && maps.Equal(t.was, t.now)
}

// difference tells what must change: what is to go goes first, so that what is
// in both stays.
func difference(v view, add, remove []needs) (*transaction, error) {
	t := &transaction{
		build: map[*part]lengths{}, was: v.there, now: maps.Clone(v.there),
		sure: map[entry]bool{}, free: map[entry]string{},
	}
	for _, r := range remove {
		t.remove(r)
	}
	for _, r := range add {
		if err := t.add(r); err != nil {
			return nil, err
		}
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
	return t, nil
}

// wantedLengths are the prefix lengths that rules need of a part; ok is false
// where they need nothing of it.
func wantedLengths(p *part, rules []needs) (wanted lengths, ok bool) {
	wanted = lengths{}
	for _, r := range rules {
		ok = ok || r.parts()[p]
		for _, e := range r.elements {
			if e.part == p && e.length >= 0 {
				wanted[e.set] = append(wanted[e.set], e.length)
			}
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

// remove takes a rule's elements away, but for those that say something else by
// now and those that somebody else still holds.
func (t *transaction) remove(r needs) {
	for _, e := range r.elements {
		if value, ok := t.now[e.entry()]; ok && value == e.value {
			delete(t.now, e.entry())
		}
	}
	for _, c := range r.claims {
		held := false
		for _, s := range c.slots() {
			if holder, ok := t.now[s]; ok && holder == c.value {
				delete(t.now, s)
			} else if ok {
				held = true
			}
		}
		if held {
			continue
		}
		for _, e := range c.holding {
			if _, ok := t.now[e.entry()]; !ok {
				continue
			}
			delete(t.now, e.entry())
			for _, s := range c.slots() {
				t.free[s] = c.value
			}
		}
	}
}

func (t *transaction) add(r needs) error {
	for _, e := range r.elements {
		t.now[e.entry()] = e.value
	}
	for _, c := range r.claims {
		claimed, err := t.claim(c)
		if err != nil {
			return err
		}
		for _, e := range c.holding {
			t.now[e.entry()] = e.value
			if claimed {
				t.sure[e.entry()] = true
			}
		}
	}
	return nil
}

// claim takes the first free slot, unless it has one already.
func (t *transaction) claim(c claim) (claimed bool, err error) {
	all := c.slots()
	free := -1
	for i, s := range all {
		holder, taken := t.now[s]
		if taken && holder == c.value {
			return false, nil
		}
		if !taken && free < 0 {
			free = i
		}
	}
	if free < 0 && c.full != nil {
		return false, c.full
	}
	if free < 0 {
		for i, s := range all[1:] {
			t.now[all[i]] = t.now[s]
		}
		free = len(all) - 1
	}
	t.now[all[free]] = c.value
	return true, nil
}
