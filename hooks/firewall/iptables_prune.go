package firewall

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"vifctl/hooks/plan"
)

// Prune removes what none of the rules that keep returns comes to, in nf_tables
// and in iptables, and tells what it was. What is about a port stays as long as
// there is an interface of that name (there). As with NFTables, whoever puts
// rules in force must be known to keep beforehand.
func (x *IPTables) Prune(ctx context.Context, keep func() ([]plan.Rule, error), there func(port string) bool) (removed []string, err error) {
	if x.guard != nil {
		if removed, err = x.guard.Prune(ctx, keep, there); err != nil {
			return removed, err
		}
	}
	gone, err := x.prune(ctx, keep, there)
	if err != nil {
		return removed, fmt.Errorf("prune the firewall: %w", err)
	}
	if len(gone) == 0 {
		return removed, nil
	}
	wanted, err := keep()
	var again []plan.Rule
	for _, r := range wanted {
		if slices.ContainsFunc(x.pieces(r), func(p piece) bool { return slices.Contains(gone, p) }) {
			again = append(again, r)
		}
	}
	if len(again) > 0 {
		err = errors.Join(err, x.Change(ctx, again, nil))
	}
	for _, p := range gone {
		removed = append(removed, p.String())
	}
	slices.Sort(removed)
	return slices.Compact(removed), err
}

// String tells of a piece, for a log. A piece without a rule is a whole bucket.
func (p piece) String() string {
	switch {
	case p.rule.Dev.Name != "":
		return fmt.Sprintf("rule about %s in the chain %s", p.rule.Dev.Name, p.chain())
	case p.rule.Public.IsValid():
		return fmt.Sprintf("rule about %s in the chain %s", p.rule.Public, p.chain())
	case p.rule.Private.IsValid():
		return fmt.Sprintf("rule about %s in the chain %s", p.rule.Private, p.chain())
	}
	return "chain " + p.chain()
}

// prune lists first and asks then who wants what: a rule is in the journal
// before it is here.
func (x *IPTables) prune(ctx context.Context, keep func() ([]plan.Rule, error), there func(port string) bool) ([]piece, error) {
	booked, err := x.book.buckets()
	if err != nil {
		return nil, err
	}
	held := map[bucket][]plan.Rule{}
	for _, b := range booked {
		if held[b], err = x.book.read(b); err != nil {
			return nil, err
		}
	}
	wanted, err := keep()
	if err != nil {
		return nil, err
	}
	wants := map[bucket][]piece{}
	for _, r := range wanted {
		for _, p := range x.pieces(r) {
			wants[p.bucket] = append(wants[p.bucket], p)
		}
	}
	var orphans []piece
	for _, b := range booked {
		left := held[b]
		for _, p := range wants[b] {
			left = without(left, p)
		}
		for _, r := range left {
			if r.Dev.Name == "" || !there(r.Dev.Name) {
				orphans = append(orphans, piece{b, r})
			}
		}
	}
	release, err := x.book.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	strays, err := x.strays(wants)
	if err != nil || len(orphans)+len(strays) == 0 {
		return nil, err
	}
	orphans = append(orphans, strays...)
	var asked []bucket
	for _, p := range orphans {
		asked = append(asked, p.bucket)
	}
	s, err := x.look(asked)
	if err != nil {
		return nil, err
	}
	now := s.clone()
	for _, p := range orphans {
		now.buckets[p.bucket] = without(now.buckets[p.bucket], p)
	}
	return orphans, x.carryOut(ctx, s, now)
}

// strays are the buckets that the kernel has and the book does not know, but for
// those that somebody wants: these are made anew when their rules are.
func (x *IPTables) strays(wants map[bucket][]piece) (all []piece, err error) {
	booked, err := x.book.buckets()
	if err != nil {
		return nil, err
	}
	var known chainList
	for _, f := range x.families {
		for _, table := range []string{"raw", "mangle", "nat"} {
			c, err := x.count(f, table, &known)
			if err != nil {
				return nil, err
			}
			for _, b := range inUse(f, c) {
				if b.kind().table != table || slices.Contains(booked, b) || len(wants[b]) > 0 {
					continue
				}
				all = append(all, piece{bucket: b})
				// Whoever goes by the head goes by the book.
				if err := x.book.setHead(f, table, nil); err != nil {
					return nil, err
				}
			}
		}
	}
	return all, nil
}
