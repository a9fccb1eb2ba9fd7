package configs

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
)

// listener is one forward in one protocol.
type listener struct {
	by       *entry
	f        *forward
	protocol string
	order    int
}

// checkListeners looks for ports that two forwards listen on.
func (r *reader) checkListeners() {
	type where struct {
		address  netip.Addr
		protocol string
	}
	groups := map[where][]listener{}
	order := 0
	for _, e := range r.entries {
		for i := range e.forwards {
			f := &e.forwards[i]
			_, given := f.given["listen"]
			if f.First == 0 || !given {
				continue
			}
			for _, p := range f.Protocols {
				order++
				w := where{f.Listen, p}
				groups[w] = append(groups[w], listener{e, f, p, order})
			}
		}
	}
	for _, g := range groups {
		slices.SortFunc(g, func(a, b listener) int {
			return cmp.Or(cmp.Compare(a.f.First, b.f.First), cmp.Compare(a.order, b.order))
		})
		var open []listener // those whose ports go on
		for _, l := range g {
			open = slices.DeleteFunc(open, func(o listener) bool { return o.f.Last < l.f.First })
			for _, o := range open {
				if sourcesOverlap(l.f.From, o.f.From) {
					r.tellTwice(l, o)
					break
				}
			}
			open = append(open, l)
		}
	}
}

// sourcesOverlap reports whether an address is in both; no source means all.
func sourcesOverlap(a, b []netip.Prefix) bool {
	if len(a) == 0 || len(b) == 0 {
		return true
	}
	return slices.ContainsFunc(a, func(p netip.Prefix) bool { return slices.ContainsFunc(b, p.Overlaps) })
}

func (r *reader) tellTwice(l, o listener) {
	if l.order < o.order {
		l, o = o, l
	}
	first, last := max(l.f.First, o.f.First), min(l.f.Last, o.f.Last)
	ports, lead := fmt.Sprintf("%s port %d", l.protocol, first), "leads"
	if last > first {
		ports, lead = fmt.Sprintf("%s ports %d to %d", l.protocol, first, last), "lead"
	}
	address := "the uplink"
	if l.f.Listen.IsValid() {
		address = l.f.Listen.String()
	}
	r.mistakes.clash(l.f.at.at("listen"), o.f.at.at("listen"),
		"%s of %s %s to %s already, at {other}: take another port, or let each be for other sources by from", ports, address, lead, o.by.Guest)
}
