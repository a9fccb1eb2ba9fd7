package inventory

import (
	"net/netip"

	"vifctl/hooks/engine"
	"vifctl/hooks/kernel"
)

// world are addresses anywhere in the world, in both halves of each family: a VPN that takes
// all traffic often has a route for each half. Nothing is sent there.
func world(is6 bool) []netip.Addr {
	words := []string{"9.255.255.254", "193.255.255.254"}
	if is6 {
		words = []string{"2620::1", "a000::1"}
	}
	list := make([]netip.Addr, len(words))
	for i, w := range words {
		list[i] = netip.MustParseAddr(w)
	}
	return list
}

// readWays asks the kernel which routes it takes, to the guests and for them.
func (f *Facts) readWays(e *engine.Engine) {
	_, f.Reaches4, _ = e.Reader.LookUp(world(false)[0])
	_, f.Reaches6, _ = e.Reader.LookUp(world(true)[0])
	for i := range f.NICs {
		n := &f.NICs[i]
		p := n.Carrier()
		if !n.Alive || n.Mode != "route" && n.Mode != "nat" || p == nil || p.Link == nil || !p.Link.Up {
			continue
		}
		var seen [2]bool
		for _, a := range n.Addresses {
			n.Back = f.way(n.Back, a.Addr())(e.Reader.LookUp(a.Addr()))
			family := a.Addr().BitLen() / 128
			if !a.IsSingleIP() || seen[family] {
				continue
			}
			seen[family] = true
			for _, to := range world(a.Addr().Is6()) {
				n.Out = f.way(n.Out, to)(e.Reader.LookUpFrom(to, a.Addr(), p.Link.Index))
			}
		}
	}
}

// way adds an answer of the kernel's to some, if it has a route.
func (f *Facts) way(all []Way, to netip.Addr) func(kernel.Route, bool, error) []Way {
	return func(rt kernel.Route, ok bool, err error) []Way {
		if err != nil || !ok || rt.Blocked() {
			return all
		}
		return append(all, Way{To: to, Route: rt, Dev: f.Host.Links[rt.Index()].Name})
	}
}
