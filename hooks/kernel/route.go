package kernel

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"vifctl/hooks/plan"
)

// Route is one route as the kernel tells of it, with all that is needed to put it
// back.
type Route struct {
	plan.RouteEntry
	// Through are the ifindexes that it leads through, the first next hop's first;
	// none where it leads nowhere.
	Through []int
}

// Index is the ifindex that the route leads through, 0 where it leads nowhere.
func (r Route) Index() int {
	if len(r.Through) == 0 {
		return 0
	}
	return r.Through[0]
}

// Gateway is the first next hop's, zero for what is reached without one.
func (r Route) Gateway() netip.Addr {
	if len(r.Attrs.Hops) > 0 {
		return r.Attrs.Hops[0].Gateway
	}
	return r.Attrs.Gateway
}

// Blocked reports whether the route is unreachable, prohibited or thrown away.
func (r Route) Blocked() bool { return r.Attrs.Type >= unix.RTN_BLACKHOLE }

// rtaNextHopID is RTA_NH_ID of linux/rtnetlink.h, since Linux 5.3.
const rtaNextHopID = 30

// parseRoute reads the body of an RTM_NEWROUTE message; ok is false for an entry of
// the kernel's cache.
func parseRoute(m []byte) (rt Route, ok bool, err error) {
	msg := nl.DeserializeRtMsg(m)
	if msg.Flags&unix.RTM_F_CLONED != 0 {
		return rt, false, nil
	}
	rt.Protocol = int(msg.Protocol)
	rt.Attrs = plan.RouteAttrs{
		Table: int(msg.Table), Type: int(msg.Type), Scope: int(msg.Scope), TOS: int(msg.Tos), OnLink: msg.Flags&unix.RTNH_F_ONLINK != 0,
	}
	dst := netip.IPv4Unspecified()
	if msg.Family == unix.AF_INET6 {
		dst = netip.IPv6Unspecified()
	}
	w := &rt.Attrs
	err = Attributes(m[msg.Len():], func(kind uint16, value []byte) (err error) {
		switch kind {
		case unix.RTA_DST:
			dst, _ = netip.AddrFromSlice(value)
		case unix.RTA_PREFSRC:
			rt.Source, _ = netip.AddrFromSlice(value)
		case unix.RTA_PRIORITY:
			rt.Metric = word(value)
		case unix.RTA_TABLE:
			w.Table = word(value)
		case unix.RTA_OIF:
			rt.Through = append(rt.Through, word(value))
		case unix.RTA_GATEWAY:
			w.Gateway, _ = netip.AddrFromSlice(value)
		case unix.RTA_VIA:
			w.Gateway = parseVia(value)
		case unix.RTA_PREF:
			w.Preference = int(value[0])
		case unix.RTA_CACHEINFO:
			// struct rta_cacheinfo: the third member is when it expires, in
			// hundredths of a second.
			if len(value) >= 12 {
				w.Lifetime = uint32(max(0, int32(binary.NativeEndian.Uint32(value[8:])))) / 100
			}
		case unix.RTA_METRICS:
			err = Attributes(value, func(kind uint16, value []byte) error {
				w.Metrics = append(w.Metrics, plan.RouteMetric{Kind: int(kind), Value: slices.Clone(value)})
				return nil
			})
		case unix.RTA_MULTIPATH:
			w.Hops, err = parseHops(value)
			for _, h := range w.Hops {
				rt.Through = append(rt.Through, h.Dev.Index)
			}
		case rtaNextHopID:
			w.Strange = "uses a next-hop object"
		case unix.RTA_ENCAP:
			w.Strange = "is encapsulated"
		case unix.RTA_SRC:
			w.Strange = "depends on the source"
		}
		return err
	})
	if err != nil {
		return rt, false, fmt.Errorf("a route the kernel reported: %w", err)
	}
	rt.Dst = netip.PrefixFrom(dst, int(msg.Dst_len))
	return rt, true, nil
}

// parseHops reads a list of struct rtnexthop.
func parseHops(data []byte) (list []plan.Hop, err error) {
	for len(data) >= unix.SizeofRtNexthop {
		length := int(binary.NativeEndian.Uint16(data))
		if length < unix.SizeofRtNexthop || length > len(data) {
			return nil, errors.New("its next hops are cut off")
		}
		h := plan.Hop{
			OnLink: data[2]&unix.RTNH_F_ONLINK != 0, Weight: int(data[3]) + 1,
			Dev: plan.Dev{Index: word(data[4:])},
		}
		err := Attributes(data[unix.SizeofRtNexthop:length], func(kind uint16, value []byte) error {
			switch kind {
			case unix.RTA_GATEWAY:
				h.Gateway, _ = netip.AddrFromSlice(value)
			case unix.RTA_VIA:
				h.Gateway = parseVia(value)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		list = append(list, h)
		data = data[min(len(data), (length+3)&^3):]
	}
	return list, nil
}

// parseVia reads a gateway of another family than the route's: two bytes of
// family, then the address.
func parseVia(data []byte) netip.Addr {
	if len(data) < 2 {
		return netip.Addr{}
	}
	a, _ := netip.AddrFromSlice(data[2:])
	return a
}

// routeFilter is what the kernel is to leave out of a list of routes.
type routeFilter struct {
	family int
	// table and through, an ifindex, are 0 for all.
	table, through int
}

// routes hands those that a filter leaves to take, in the kernel's order.
func (k *Kernel) routes(f routeFilter, take func(Route) error) error {
	return listRoutes(k.conn, f, take)
}

func listRoutes(c *conn, f routeFilter, take func(Route) error) error {
	req := nl.NewNetlinkRequest(unix.RTM_GETROUTE, unix.NLM_F_DUMP)
	msg := unix.RtMsg{Family: uint8(f.family)}
	if f.table < 256 {
		msg.Table = uint8(f.table)
	}
	req.AddData(&nl.RtMsg{RtMsg: msg})
	if f.table != 0 {
		req.AddData(attr(unix.RTA_TABLE, number(f.table)))
	}
	if f.through != 0 {
		req.AddData(attr(unix.RTA_OIF, number(f.through)))
	}
	err := c.ask(req, unix.RTM_NEWROUTE, func(m []byte) error {
		rt, ok, err := parseRoute(m)
		// An old kernel tells all it has.
		if err != nil || !ok || f.table != 0 && rt.Attrs.Table != f.table {
			return err
		}
		return take(rt)
	})
	if errors.Is(err, unix.ENODEV) || errors.Is(err, unix.ENOENT) {
		return nil // the device or the whole table is not there
	}
	if err != nil {
		return fmt.Errorf("list the routes: %w", err)
	}
	return nil
}

// RoutesOf hands the routes of a family to take, those of every table: through an
// interface, or all of them where index is 0.
func (k *Kernel) RoutesOf(is6 bool, index int, take func(Route)) error {
	f := routeFilter{family: unix.AF_INET, through: index}
	if is6 {
		f.family = unix.AF_INET6
	}
	return k.routes(f, func(rt Route) error {
		if index == 0 || slices.Contains(rt.Through, index) {
			take(rt)
		}
		return nil
	})
}

// readRoutes reads what a port may have: plain routes of the main table.
func (k *Kernel) readRoutes(q plan.Query, s *plan.Snapshot) error {
	for _, index := range q.Routes {
		if _, known := s.Routes[index]; known {
			continue
		}
		list := []plan.RouteEntry{}
		if l, known := s.Links[index]; known && !l.Up {
			// The kernel keeps no route through an interface that is down, and
			// looking through a full table would be half of a call's time.
			s.Routes[index] = list
			continue
		}
		for _, family := range []int{unix.AF_INET, unix.AF_INET6} {
			err := k.routes(routeFilter{family: family, table: unix.RT_TABLE_MAIN, through: index}, func(rt Route) error {
				if rt.Attrs.Type != unix.RTN_UNICAST || rt.Index() != index {
					return nil
				}
				rt.Attrs = plan.RouteAttrs{}
				if !slices.ContainsFunc(list, rt.Same) {
					list = append(list, rt.RouteEntry)
				}
				return nil
			})
			if err != nil {
				return err
			}
		}
		s.Routes[index] = list
	}
	return nil
}

// AllRoutes lists the routes through an interface, of both families and every
// table but the kernel's own (local), each with all that is needed to put it
// back.
func (k *Kernel) AllRoutes(index int) ([]plan.RouteEntry, error) {
	list := []plan.RouteEntry{}
	for _, family := range []int{unix.AF_INET, unix.AF_INET6} {
		err := k.routes(routeFilter{family: family, through: index}, func(rt Route) error {
			if rt.Attrs.Table != plan.LocalTable && slices.Contains(rt.Through, index) && !slices.ContainsFunc(list, rt.Same) {
				list = append(list, rt.RouteEntry)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return list, nil
}

// SetRoute adds a route or removes it. It never replaces: a route to the same place
// with the same metric through another device is another program's.
func (k *Kernel) SetRoute(s plan.Route) error {
	if s.Absent {
		err := k.conn.ask(routeRequest(s, unix.RTM_DELROUTE, 0), 0, nil)
		if errors.Is(err, unix.ESRCH) {
			err = nil
		}
		return say(s.Dev, "remove the route to "+s.Route.Dst.String(), err)
	}
	err := k.addRoute(s)
	if s.Route.Attrs.Gateway.IsValid() && (errors.Is(err, unix.ENETUNREACH) || errors.Is(err, unix.EHOSTUNREACH)) {
		// What led to the gateway when the route was made may have gone since,
		// which the kernel only minds now.
		s.Route.Attrs.OnLink = true
		err = k.addRoute(s)
	}
	return say(s.Dev, "add the route to "+s.Route.Dst.String(), err)
}

func (k *Kernel) addRoute(s plan.Route) error {
	if !s.Route.Attrs.Plain() && s.Route.Dst.Addr().Is6() {
		// Several gateways may have one metric: each is added to the others.
		err := k.conn.ask(routeRequest(s, unix.RTM_NEWROUTE, unix.NLM_F_CREATE|unix.NLM_F_APPEND), 0, nil)
		if errors.Is(err, unix.EEXIST) {
			err = nil
		}
		return err
	}
	err := k.conn.ask(routeRequest(s, unix.RTM_NEWROUTE, unix.NLM_F_CREATE|unix.NLM_F_EXCL), 0, nil)
	if !errors.Is(err, unix.EEXIST) {
		return err
	}
	if index := k.holder(s); index != 0 && index != s.Dev.Index {
		return &RouteTakenError{Metric: s.Route.Metric, Index: index, Name: k.nameOf(index)}
	}
	// Ours, but with another source or protocol: take its place.
	return k.conn.ask(routeRequest(s, unix.RTM_NEWROUTE, unix.NLM_F_CREATE|unix.NLM_F_REPLACE), 0, nil)
}

// RouteTakenError says that there is a route to the same place, with the same
// metric, through another interface.
type RouteTakenError struct {
	Metric int
	// Index and Name are the interface's.
	Index int
	Name  string
}

// Error implements error.
func (e *RouteTakenError) Error() string {
	return fmt.Sprintf("there is one with metric %d through %s: %v", e.Metric, e.Name, unix.EEXIST)
}

// Unwrap lets errors.Is see the kernel's answer.
func (*RouteTakenError) Unwrap() error { return unix.EEXIST }

// attrsOf are a route's attributes with those filled in that a plain one leaves to us.
func attrsOf(r plan.RouteEntry) plan.RouteAttrs {
	w := r.Attrs
	if w.Plain() {
		w.Table, w.Type = unix.RT_TABLE_MAIN, unix.RTN_UNICAST
		if r.Dst.Addr().Is4() {
			w.Scope = unix.RT_SCOPE_LINK
		}
	}
	return w
}

// routeRequest is the message that adds a route or, without what does not tell routes
// apart, removes it.
func routeRequest(s plan.Route, kind, flags int) *nl.NetlinkRequest {
	r, w := s.Route, attrsOf(s.Route)
	is6 := r.Dst.Addr().Is6()
	req := nl.NewNetlinkRequest(kind, flags|unix.NLM_F_ACK)
	msg := &nl.RtMsg{RtMsg: unix.RtMsg{
		Family: uint8(family(r.Dst.Addr())), Dst_len: uint8(r.Dst.Bits()), Tos: uint8(w.TOS), Type: uint8(w.Type), Scope: uint8(w.Scope),
	}}
	req.AddData(msg)
	add := func(kind int, value []byte) { req.AddData(attr(kind, value)) }
	add(unix.RTA_TABLE, number(w.Table))
	add(unix.RTA_PRIORITY, number(r.Metric))
	if r.Dst.Bits() > 0 {
		add(unix.RTA_DST, r.Dst.Addr().AsSlice())
	}
	if w.Gateway.IsValid() {
		add(gatewayAttr(w.Gateway, is6))
	}
	if len(w.Hops) == 0 {
		add(unix.RTA_OIF, number(s.Dev.Index))
	}
	if s.Absent {
		return req
	}
	msg.Protocol = uint8(r.Protocol)
	if w.OnLink {
		msg.Flags |= unix.RTNH_F_ONLINK
	}
	if r.Source.IsValid() {
		add(unix.RTA_PREFSRC, r.Source.AsSlice())
	}
	if w.Lifetime != 0 {
		add(unix.RTA_EXPIRES, number(int(w.Lifetime)))
	}
	if w.Preference != 0 {
		add(unix.RTA_PREF, []byte{byte(w.Preference)})
	}
	if len(w.Metrics) > 0 {
		metrics := attr(unix.RTA_METRICS, nil)
		for _, m := range w.Metrics {
			metrics.AddRtAttr(m.Kind, m.Value)
		}
		req.AddData(metrics)
	}
	if len(w.Hops) > 0 {
		var hops []byte
		for _, h := range w.Hops {
			hops = append(hops, hopBytes(h, is6)...)
		}
		add(unix.RTA_MULTIPATH, hops)
	}
	return req
}

// hopBytes is a struct rtnexthop with its attributes.
func hopBytes(h plan.Hop, is6 bool) []byte {
	head := make([]byte, unix.SizeofRtNexthop)
	if h.OnLink {
		head[2] = unix.RTNH_F_ONLINK
	}
	head[3] = byte(h.Weight - 1)
	binary.NativeEndian.PutUint32(head[4:], uint32(h.Dev.Index))
	if h.Gateway.IsValid() {
		head = slices.Concat(head, attr(gatewayAttr(h.Gateway, is6)).Serialize())
	}
	binary.NativeEndian.PutUint16(head, uint16(len(head)))
	return head
}

// gatewayAttr is RTA_GATEWAY, or RTA_VIA for a gateway of another family than
// the route's.
func gatewayAttr(gateway netip.Addr, is6 bool) (kind int, value []byte) {
	if gateway.Is6() == is6 {
		return unix.RTA_GATEWAY, gateway.AsSlice()
	}
	via := binary.NativeEndian.AppendUint16(nil, uint16(family(gateway)))
	return unix.RTA_VIA, append(via, gateway.AsSlice()...)
}

// holder returns the device of the route that stands in the way of s, 0 where
// it cannot be told. It reads the whole table, so only after a refusal.
func (k *Kernel) holder(s plan.Route) (index int) {
	w := attrsOf(s.Route)
	err := k.routes(routeFilter{family: family(s.Route.Dst.Addr()), table: w.Table}, func(rt Route) error {
		if rt.Dst == s.Route.Dst && rt.Metric == s.Route.Metric && rt.Attrs.TOS == w.TOS {
			index = rt.Index()
		}
		return nil
	})
	if err != nil {
		return 0
	}
	return index
}
