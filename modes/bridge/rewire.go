package bridge

import (
	"fmt"
	"maps"
	"slices"

	"vifctl/hooks/plan"
)

// The kernel's numbers of who made a route or an address (RTPROT_*, IFAPROT_*).
const (
	routeByKernel = 2
	routeByRA     = 9
	addressByLL   = 3
)

// rewire makes a bridge, makes the uplink, by the name it is to have, a port of
// it, and moves all that the host has on the uplink to the bridge.
func rewire(p *plan.Plan, r plan.HostRequest, s *plan.Snapshot, port plan.Dev) error {
	up := s.Uplink
	bridge := plan.Dev{Name: p.Bridge, Index: r.Index}
	routes, err := routesOf(up.Link, s)
	if err != nil {
		return err
	}
	addresses := addressesOf(p, up.Link, s)
	add := func(steps ...plan.Step) { p.Steps = append(p.Steps, steps...) }
	build := func() {
		add(plan.Bridge{Dev: bridge, MAC: up.MAC})
		// Set, since a bridge without one of its own shrinks with its ports.
		add(plan.MTU{Dev: bridge, Want: up.MTU})
		for _, name := range inherited() {
			value, ok := s.Sysctls[name.Of(up.Index)]
			if ok && value != s.Settings[name.Default()] {
				add(plan.Sysctl{Dev: bridge, Table: name.Table, Name: name.Name, Want: value})
			}
		}
		if local, ok := linkLocal(up.Link, s); ok {
			add(plan.Address{Dev: bridge, Addr: local})
		}
	}
	if port == up.Dev {
		build() // while the host is still connected
	}
	for _, route := range slices.Backward(routes) {
		if !advertised(route, s) {
			add(plan.Route{Dev: up.Dev, Route: route, Absent: true})
		}
	}
	neighbours := neighboursOf(up.Dev, s)
	for _, n := range neighbours {
		add(n.absent)
	}
	for _, a := range slices.Backward(addresses) {
		add(plan.Address{Dev: up.Dev, Addr: a, Absent: true})
	}
	// A bridge's port needs no addresses of its own.
	add(plan.Sysctl{Dev: up.Dev, Table: "ipv6/conf", Name: "disable_ipv6", Want: "1", Optional: true})
	if port != up.Dev {
		add(plan.Name{Dev: up.Dev, Want: port.Name})
		build()
	}
	add(plan.Master{Dev: port, Bridge: bridge}, plan.Up{Dev: port, Want: true}, plan.Up{Dev: bridge, Want: true})
	for _, a := range addresses {
		add(plan.Address{Dev: bridge, Addr: onBridge(a, up.Name, bridge.Name)})
	}
	for _, route := range routes {
		if advertised(route, s) {
			// The kernel learns it again, on the bridge, from the next
			// advertisement; this one is for until then, and must not be in
			// its way.
			route.Metric++
		}
		route.Attrs.Hops = slices.Clone(route.Attrs.Hops)
		for i, h := range route.Attrs.Hops {
			if h.Dev.Index == up.Index {
				route.Attrs.Hops[i].Dev = bridge
			}
		}
		add(plan.Route{Dev: bridge, Route: route})
	}
	for _, n := range neighbours {
		add(n.on(bridge))
	}
	for _, gateway := range s.Answering {
		add(plan.Reachable{Dev: bridge, IP: gateway})
	}
	return nil
}

// addressesOf are the addresses that move, in the order in which they are to be
// added: IPv4's first is the primary one, and IPv6's newest is listed first. Not
// among them are those that the kernel makes itself on the bridge, too.
func addressesOf(p *plan.Plan, up plan.Link, s *plan.Snapshot) []plan.Addr {
	var list, list6 []plan.Addr
	leased := false
	for _, a := range s.Addresses[up.Index] {
		ip := a.Prefix.Addr()
		own, _ := plan.EUI64(up.MAC)
		if ip.Is6() && (a.Secondary || a.Origin == addressByLL || ip == own) {
			continue
		}
		leased = leased || ip.Is4() && a.Valid != 0
		if ip.Is4() {
			list = append(list, a)
			continue
		}
		a.Proven = !a.NoDAD
		list6 = append(list6, a)
	}
	slices.Reverse(list6)
	if leased && p.Bridge != up.Name {
		p.Warn("%s has an address for a time only: tell its DHCP client that it is %s's from now on", up.Name, p.Bridge)
	}
	return append(list, list6...)
}

// linkLocal is the address that the kernel made of the uplink's hardware
// address, and will make of the bridge's, which is the same. Given beforehand,
// it is usable at once: without one the kernel asks for no neighbour.
func linkLocal(up plan.Link, s *plan.Snapshot) (plan.Addr, bool) {
	own, _ := plan.EUI64(up.MAC)
	for _, a := range s.Addresses[up.Index] {
		if a.Prefix.Addr() == own && !a.NoDAD {
			a.Proven = true
			return a, true
		}
	}
	return plan.Addr{}, false
}

// neighbour is an entry that an administrator or a program made.
type neighbour struct {
	absent plan.Step
	on     func(plan.Dev) plan.Step
}

// neighboursOf are those of the uplink: the permanent ones, then those that it
// answers for.
func neighboursOf(up plan.Dev, s *plan.Snapshot) (list []neighbour) {
	byAddress := func(a, b plan.NeighbourKey) int { return a.IP.Compare(b.IP) }
	for _, key := range slices.SortedFunc(maps.Keys(s.Permanent), byAddress) {
		if mac := s.Permanent[key]; key.Index == up.Index && mac != "" {
			list = append(list, neighbour{
				plan.Neighbour{Dev: up, IP: key.IP, MAC: mac, Absent: true},
				func(d plan.Dev) plan.Step { return plan.Neighbour{Dev: d, IP: key.IP, MAC: mac} },
			})
		}
	}
	for _, key := range slices.SortedFunc(maps.Keys(s.Neighbours), byAddress) {
		if key.Index == up.Index && s.Neighbours[key] {
			list = append(list, neighbour{
				plan.ProxyNeighbour{Dev: up, IP: key.IP, Absent: true},
				func(d plan.Dev) plan.Step { return plan.ProxyNeighbour{Dev: d, IP: key.IP} },
			})
		}
	}
	return list
}

// onBridge is an address as the bridge has it: a label begins with the name of
// its interface.
func onBridge(a plan.Addr, uplink, bridge string) plan.Addr {
	const longest = 15
	if rest, ok := cutLabel(a.Label, uplink); !ok || len(bridge+rest) > longest {
		a.Label = ""
	} else {
		a.Label = bridge + rest
	}
	return a
}

func cutLabel(label, uplink string) (rest string, ok bool) {
	if len(label) < len(uplink) || label[:len(uplink)] != uplink {
		return "", false
	}
	return label[len(uplink):], true
}

// routesOf are the routes that move, the direct ones first, since the others
// rely on them. The kernel makes those itself that come with an address.
func routesOf(up plan.Link, s *plan.Snapshot) ([]plan.RouteEntry, error) {
	var list []plan.RouteEntry
	for _, r := range s.Routes[up.Index] {
		if r.Protocol == routeByKernel && comesAlong(r, s.Addresses[up.Index]) {
			continue
		}
		if r.Attrs.Strange != "" {
			return nil, fmt.Errorf("%s: move its routes: the one to %s %s, which cannot be moved: take it away first", up.Name, r.Dst, r.Attrs.Strange)
		}
		list = append(list, r)
	}
	slices.SortStableFunc(list, func(a, b plan.RouteEntry) int { return direct(b) - direct(a) })
	return list, nil
}

func direct(r plan.RouteEntry) int {
	if r.Attrs.Gateway.IsValid() || len(r.Attrs.Hops) > 0 {
		return 0
	}
	return 1
}

// comesAlong reports whether the kernel makes a route for one of the addresses,
// or for IPv6 as such.
func comesAlong(r plan.RouteEntry, addresses []plan.Addr) bool {
	if a := r.Dst.Addr(); a.Is6() && (a.IsLinkLocalUnicast() || a.IsMulticast()) && !r.Attrs.Gateway.IsValid() {
		return true
	}
	return slices.ContainsFunc(addresses, func(a plan.Addr) bool {
		far := a.Prefix
		if a.Peer.IsValid() {
			far = a.Peer
		}
		return !a.NoPrefixRoute && far.Masked() == r.Dst.Masked()
	})
}

// advertised: the kernel learnt the route from a router's advertisement, and
// will again.
func advertised(r plan.RouteEntry, s *plan.Snapshot) bool {
	accept := s.Sysctls[plan.SysctlKey{Index: s.Uplink.Index, Table: "ipv6/conf", Name: "accept_ra"}]
	return r.Protocol == routeByRA && accept != "0" && accept != ""
}
