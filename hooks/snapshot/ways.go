package snapshot

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

// AllRoutes lists the routes through an interface, of both families and every
// table but the kernel's own (local), each with all that is needed to put it
// back.
func (r *Reader) AllRoutes(index int) ([]plan.RouteEntry, error) {
	list := []plan.RouteEntry{}
	for _, family := range []int{unix.AF_INET, unix.AF_INET6} {
		req := nl.NewNetlinkRequest(unix.RTM_GETROUTE, unix.NLM_F_DUMP)
		req.AddData(&nl.RtMsg{RtMsg: unix.RtMsg{Family: uint8(family)}})
		req.AddData(attr(unix.RTA_OIF, nl.Uint32Attr(uint32(index))))
		err := r.kernel.Ask(req, unix.RTM_NEWROUTE, func(m []byte) error {
			entry, through, err := parseWay(m)
			if slices.Contains(through, index) && !slices.ContainsFunc(list, entry.Same) {
				list = append(list, entry)
			}
			return err
		})
		if err != nil && !errors.Is(err, unix.ENODEV) && !errors.Is(err, unix.ENOENT) {
			return nil, fmt.Errorf("list the routes: %w", err)
		}
	}
	return list, nil
}

// rtaNextHopID is RTA_NH_ID of linux/rtnetlink.h, since Linux 5.3.
const rtaNextHopID = 30

// parseWay reads a route with all of its way, and through which interfaces it
// leads: none for what is no route of an administrator's.
func parseWay(m []byte) (entry plan.RouteEntry, through []int, err error) {
	msg := nl.DeserializeRtMsg(m)
	if msg.Flags&unix.RTM_F_CLONED != 0 {
		return entry, nil, nil
	}
	attrs, err := nl.ParseRouteAttr(m[msg.Len():])
	if err != nil {
		return entry, nil, fmt.Errorf("a route the kernel reported: %w", err)
	}
	entry = entryOf(msg, attrs)
	entry.Way = plan.Way{
		Table: int(msg.Table), Type: int(msg.Type), Scope: int(msg.Scope), TOS: int(msg.Tos), OnLink: msg.Flags&unix.RTNH_F_ONLINK != 0,
	}
	w := &entry.Way
	strange := ""
	for _, a := range attrs {
		switch a.Attr.Type {
		case unix.RTA_TABLE:
			w.Table = int(binary.NativeEndian.Uint32(a.Value))
		case unix.RTA_OIF:
			through = append(through, int(binary.NativeEndian.Uint32(a.Value)))
		case unix.RTA_GATEWAY:
			w.Gateway, _ = netip.AddrFromSlice(a.Value)
		case unix.RTA_VIA:
			w.Gateway = parseVia(a.Value)
		case unix.RTA_PREF:
			w.Preference = int(a.Value[0])
		case unix.RTA_CACHEINFO:
			// struct rta_cacheinfo: the third member is when it expires, in
			// hundredths of a second.
			if len(a.Value) >= 12 {
				w.Lifetime = uint32(max(0, int32(binary.NativeEndian.Uint32(a.Value[8:])))) / 100
			}
		case unix.RTA_METRICS:
			w.Metrics, err = parseMetrics(a.Value)
		case unix.RTA_MULTIPATH:
			w.Hops, err = parseHops(a.Value)
			for _, h := range w.Hops {
				through = append(through, h.Dev.Index)
			}
		case rtaNextHopID:
			strange = "uses a next-hop object"
		case unix.RTA_ENCAP:
			strange = "is encapsulated"
		case unix.RTA_SRC:
			strange = "depends on the source"
		}
		if err != nil {
			return entry, nil, fmt.Errorf("a route the kernel reported: %w", err)
		}
	}
	if w.Table == plan.LocalTable {
		return entry, nil, nil
	}
	w.Strange = strange
	return entry, through, nil
}

func parseMetrics(data []byte) ([]plan.WayMetric, error) {
	attrs, err := nl.ParseRouteAttr(data)
	var list []plan.WayMetric
	for _, a := range attrs {
		list = append(list, plan.WayMetric{Kind: int(a.Attr.Type), Value: slices.Clone(a.Value)})
	}
	return list, err
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
			Dev: plan.Dev{Index: int(binary.NativeEndian.Uint32(data[4:]))},
		}
		attrs, err := nl.ParseRouteAttr(data[unix.SizeofRtNexthop:length])
		if err != nil {
			return nil, err
		}
		for _, a := range attrs {
			switch a.Attr.Type {
			case unix.RTA_GATEWAY:
				h.Gateway, _ = netip.AddrFromSlice(a.Value)
			case unix.RTA_VIA:
				h.Gateway = parseVia(a.Value)
			}
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
