package configs

import (
	"cmp"
	"net/netip"
	"slices"

	"vifctl/hooks/plan"
)

// claimKind is what an entry wants with an address. The order matters: see
// checkClaims.
type claimKind int

const (
	own claimKind = iota
	public
	listen
	// leaves is what guests are masqueraded as, which they may share.
	leaves
)

// claim is one address, or one network, that one entry speaks of.
type claim struct {
	kind   claimKind
	prefix netip.Prefix
	by     *entry
	// order is the order of the files.
	order int
	at    place
}

// claims lists every address of every entry, the wider networks first and what
// listens last.
func (r *reader) claims() []claim {
	var all []claim
	add := func(k claimKind, p netip.Prefix, e *entry, at place) {
		if p.IsValid() {
			all = append(all, claim{k, p, e, len(all), at})
		}
	}
	for _, e := range r.entries {
		for i, p := range e.Addresses {
			add(own, p, e, e.at.at("address").nth(i))
		}
		for i, a := range e.Public {
			add(public, single(a), e, e.at.at("public").nth(i))
		}
		if _, given := e.given["masquerade"]; given {
			for _, a := range e.MasqueradeAs.All() {
				add(leaves, single(a), e, e.at.at("masquerade"))
			}
		}
		for _, f := range e.forwards {
			add(listen, single(f.Listen), e, f.at.at("listen"))
		}
	}
	for _, a := range r.host.MasqueradeAs.All() {
		add(leaves, single(a), &entry{}, r.hostAt["masquerade"].at("masquerade"))
	}
	slices.SortFunc(all, func(a, b claim) int {
		return cmp.Or(a.prefix.Addr().Compare(b.prefix.Addr()), cmp.Compare(a.prefix.Bits(), b.prefix.Bits()),
			cmp.Compare(max(a.kind, public), max(b.kind, public)), cmp.Compare(a.order, b.order))
	})
	return all
}

func single(a netip.Addr) netip.Prefix { return netip.PrefixFrom(a, a.BitLen()) }

// checkClaims looks for addresses that two entries want. Two networks are apart
// or one is in the other, so all that a claim can meet are those around it.
func (r *reader) checkClaims() {
	var around []claim
	for _, c := range r.claims() {
		for len(around) > 0 && !around[len(around)-1].prefix.Overlaps(c.prefix) {
			around = around[:len(around)-1]
		}
		for _, o := range slices.Backward(around) {
			if c.meets(o) {
				r.tellClash(c, o)
				break
			}
		}
		// Many forwards may listen on one address, and many guests leave as one.
		if c.kind != listen && c.kind != leaves {
			around = append(around, c)
		}
	}
}

// meets reports whether two claims cannot both be.
func (c claim) meets(o claim) bool {
	if c.by == o.by {
		switch {
		case c.kind == listen, c.kind == leaves:
			return o.kind == own
		case c.kind == public && o.kind == public, c.kind == own && o.kind == own:
			return c.prefix == o.prefix
		}
		return c.kind != o.kind
	}
	// Guests on two bridges may well have the same addresses.
	apart := c.by.Mode == "bridge" && o.by.Mode == "bridge" && differ(c.by.Bridge, o.by.Bridge)
	return !apart && !c.shares(o)
}

// shares reports whether two guests hand an address over to each other by VRRP: what is on
// a bridge is routed to neither.
func (c claim) shares(o claim) bool {
	bridged := func(e *entry) bool { return e.Mode == "bridge" || e.Mode == "openvswitch" }
	speaks := func(e *entry) bool { return slices.Contains(e.Allow, plan.RoleVRRP) && bridged(e) }
	return c.kind == own && o.kind == own && c.prefix == o.prefix && speaks(c.by) && speaks(o.by)
}

func (r *reader) tellClash(c, o claim) {
	if c.kind != listen && c.kind != leaves && c.order < o.order {
		c, o = o, c
	}
	whose := "an address"
	if o.kind == public {
		whose = "a public address"
	}
	if !o.prefix.IsSingleIP() {
		whose = "in " + o.prefix.String()
	}
	if !c.prefix.IsSingleIP() && o.prefix.IsSingleIP() {
		whose = "around " + o.prefix.Addr().String() + ", " + whose
	}
	what := c.prefix.String()
	if c.prefix.IsSingleIP() {
		what = c.prefix.Addr().String()
	}
	switch {
	case c.kind == leaves:
		r.mistakes.clash(c.at, o.at, "%s is %s of %s, at {other}: what this guest sends cannot leave as it; take an address of the host's", what, whose, o.by.Guest)
	case c.by == o.by && c.kind == o.kind:
		r.mistakes.clash(c.at, o.at, "%s is written twice, first at {other}: take one out", what)
	case c.kind == listen:
		r.mistakes.clash(c.at, o.at, "%s is %s of %s, at {other}, which gets all of its ports: listen on an address that is no guest's", what, whose, o.by.Guest)
	case c.by == o.by:
		r.mistakes.clash(c.at, o.at, "%s is both the guest's own, in address, and its public one, at {other}: a public address stands for another", what)
	default:
		r.mistakes.clash(c.at, o.at, "%s is %s of %s already, at {other}: every guest needs its own", what, whose, o.by.Guest)
	}
}
