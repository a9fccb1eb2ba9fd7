package snapshot

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"syscall"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"vifctl/hooks/plan"
)

func (r *Reader) readRoutes(q plan.Query, s *plan.Snapshot) error {
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
			err := r.routes(family, index, func(rt route) {
				if rt.index == index && !slices.ContainsFunc(list, rt.Same) {
					list = append(list, rt.RouteEntry)
				}
			})
			if err != nil {
				return err
			}
		}
		s.Routes[index] = list
	}
	return nil
}

// route is one route of the main table and the device it goes through.
type route struct {
	plan.RouteEntry
	index int
}

// routes hands the unicast routes of the main table to take, in the kernel's
// order; index, where it is not 0, lets the kernel skip those through other
// devices.
func (r *Reader) routes(family, index int, take func(route)) error {
	req := nl.NewNetlinkRequest(unix.RTM_GETROUTE, unix.NLM_F_DUMP)
	addRouteFilter(req, family, index)
	err := r.kernel.Ask(req, unix.RTM_NEWROUTE, func(m []byte) error {
		rt, ok, err := parseRoute(m)
		if ok {
			take(rt)
		}
		return err
	})
	if errors.Is(err, unix.ENODEV) || errors.Is(err, unix.ENOENT) {
		return nil // the device or the whole table is not there
	}
	if err != nil {
		return fmt.Errorf("list the routes: %w", err)
	}
	return nil
}

func addRouteFilter(req *nl.NetlinkRequest, family, index int) {
	req.AddData(&nl.RtMsg{RtMsg: unix.RtMsg{Family: uint8(family), Table: unix.RT_TABLE_MAIN}})
	req.AddData(attr(unix.RTA_TABLE, nl.Uint32Attr(unix.RT_TABLE_MAIN)))
	if index != 0 {
		req.AddData(attr(unix.RTA_OIF, nl.Uint32Attr(uint32(index))))
	}
}

// parseRoute reads one route; ok is false for what is no unicast route of the
// main table.
func parseRoute(m []byte) (rt route, ok bool, err error) {
	msg := nl.DeserializeRtMsg(m)
	if msg.Table != unix.RT_TABLE_MAIN || msg.Type != unix.RTN_UNICAST || msg.Flags&unix.RTM_F_CLONED != 0 {
		return route{}, false, nil
	}
	attrs, err := nl.ParseRouteAttr(m[msg.Len():])
	if err != nil {
		return route{}, false, fmt.Errorf("a route the kernel reported: %w", err)
	}
	rt.RouteEntry = entryOf(msg, attrs)
	for _, a := range attrs {
		switch a.Attr.Type {
		case unix.RTA_OIF:
			rt.index = int(binary.NativeEndian.Uint32(a.Value))
		case unix.RTA_MULTIPATH:
			// The first next hop stands for all: enough to know the uplink.
			if len(a.Value) >= 8 {
				rt.index = int(binary.NativeEndian.Uint32(a.Value[4:8]))
			}
		}
	}
	return rt, true, nil
}

// entryOf is a route but for its way.
func entryOf(msg *nl.RtMsg, attrs []syscall.NetlinkRouteAttr) plan.RouteEntry {
	entry := plan.RouteEntry{Protocol: int(msg.Protocol)}
	dst := netip.IPv4Unspecified()
	if msg.Family == unix.AF_INET6 {
		dst = netip.IPv6Unspecified()
	}
	for _, a := range attrs {
		switch a.Attr.Type {
		case unix.RTA_DST:
			dst, _ = netip.AddrFromSlice(a.Value)
		case unix.RTA_PREFSRC:
			entry.Source, _ = netip.AddrFromSlice(a.Value)
		case unix.RTA_PRIORITY:
			entry.Metric = int(binary.NativeEndian.Uint32(a.Value))
		}
	}
	entry.Dst = netip.PrefixFrom(dst, int(msg.Dst_len))
	return entry
}
