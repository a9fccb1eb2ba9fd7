package firewall

import (
	"bytes"
	"slices"

	"github.com/google/nftables"
)

// unread is what a glance tells of buckets that it did not look at.
const unread = -1

// glance looks at no more of a table than what these buckets need, with as
// little work for 5,000 guests as for one. Which other buckets there are the
// book knows. ok is false where it takes a whole look.
func (s *sight) glance(f *xtFamily, table string, buckets []bucket) (c tally, ok bool, err error) {
	booked, err := s.booked(f, table)
	if err != nil {
		return tally{}, false, err
	}
	fixed := s.x.fixed(f, table, booked)
	if s.x.variant == VariantLegacy {
		c, ok, err = s.glanceLegacy(f, table, fixed)
	} else {
		c, err = s.glanceXT(f, table, fixed, buckets)
		ok = true
	}
	for _, b := range booked {
		if _, seen := c.uses[b.chain()]; !seen && !slices.Contains(buckets, b) {
			c.uses[b.chain()] = unread
		}
	}
	return c, ok && err == nil, err
}

// booked are the buckets of a table that the book has something in.
func (s *sight) booked(f *xtFamily, table string) (all []bucket, err error) {
	if s.inBook == nil {
		if s.inBook, err = s.x.book.buckets(); err != nil {
			return nil, err
		}
	}
	for _, b := range s.inBook {
		if b.family == f && b.kind().table == table {
			all = append(all, b)
		}
	}
	return all, nil
}

// glanceXT asks for some chains of a table of iptables-nft's.
func (s *sight) glanceXT(f *xtFamily, table string, fixed []xtChain, buckets []bucket) (tally, error) {
	var chains []string
	for _, chain := range fixed {
		chains = append(chains, chain.name)
	}
	for _, b := range buckets {
		chains = append(chains, b.chain())
	}
	return s.x.chains.someChains(&nftables.Table{Name: table, Family: f.table}, chains...)
}

// glanceLegacy asks for a table's head alone: the kernel tells all of its rules
// or none. Where the head is as our last change left it, the rest is as the book
// says.
func (s *sight) glanceLegacy(f *xtFamily, table string, fixed []xtChain) (c tally, ok bool, err error) {
	c = emptyTally()
	if there, err := f.legacy.there(table); err != nil || !there {
		return c, false, err
	}
	if c.head, err = f.legacy.head(table); err != nil || !bytes.Equal(c.head, s.x.book.head(f, table)) {
		return c, false, err
	}
	rules := map[string]int{}
	leads := led(fixed)
	for _, chain := range fixed {
		rules[chain.name] = len(chain.lines)
		c.uses[chain.name] = len(chain.lines) + leads[chain.name]
	}
	for b, held := range s.buckets {
		if b.family == f && b.kind().table == table && len(held) > 0 {
			rules[b.chain()] = b.kind().count(b, held)
			c.uses[b.chain()] = rules[b.chain()] + 1
		}
	}
	c.rules = func(chain string) (int, error) { return rules[chain], nil }
	return c, true, nil
}

// forgetHeads: what the book says of tables that are about to change will not
// be so.
func (s *sight) forgetHeads(now *sight) error {
	for f, tables := range now.grown {
		for table := range tables {
			if err := s.x.book.setHead(f, table, nil); err != nil {
				return err
			}
		}
	}
	return nil
}

// noteHeads writes down the heads of iptables-legacy's tables after a change:
// of those that are as the book says in all their chains, and that nobody else
// has changed meanwhile.
func (s *sight) noteHeads(now *sight) error {
	for f, tables := range s.kernel {
		for table, c := range tables {
			grown, changed := now.grown[f][table]
			if c.head == nil || s.glanced[f][table] && !changed {
				continue
			}
			head, err := s.headAfter(f, table, c, now)
			if err == nil && head != nil && head.entries() != c.head.entries()+grown {
				head = nil
			}
			if err == nil {
				err = s.x.book.setHead(f, table, head)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// headAfter is the head of a table that is as the book says; nil of another.
func (s *sight) headAfter(f *xtFamily, table string, c tally, now *sight) (legacyHead, error) {
	if !s.whole[f][table] && !slices.Contains(now.built[f], table) {
		return nil, nil
	}
	if good, err := s.isAsBooked(f, table, c, now); err != nil || !good {
		return nil, err
	}
	if _, changed := now.grown[f][table]; !changed {
		return c.head, nil
	}
	return f.legacy.head(table)
}

// isAsBooked reports whether the buckets that a change was not about are as the
// book says.
func (s *sight) isAsBooked(f *xtFamily, table string, c tally, now *sight) (bool, error) {
	if s.glanced[f][table] {
		return true, nil
	}
	booked, err := s.booked(f, table)
	if err != nil {
		return false, err
	}
	for _, b := range booked {
		if _, about := now.buckets[b]; about {
			continue
		}
		held, err := s.x.book.read(b)
		if err != nil || c.uses[b.chain()] != b.kind().count(b, held)+1 {
			return false, err
		}
	}
	for _, b := range inUse(f, c) {
		if _, about := now.buckets[b]; !about && !slices.Contains(booked, b) {
			return false, nil
		}
	}
	return true, nil
}
