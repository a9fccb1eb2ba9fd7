package apply

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"vifctl/hooks/plan"
)

// route never replaces: a route to the same place with the same metric through
// another device is somebody else's.
func (x *Executor) route(s plan.Route) error {
	if s.Absent {
		err := x.kernel.Ask(routeRequest(s, unix.RTM_DELROUTE, 0), 0, nil)
		if errors.Is(err, unix.ESRCH) {
			err = nil
		}
		return say(s.Dev, "remove the route to "+s.Route.Dst.String(), err)
	}
	deed := "add the route to " + s.Route.Dst.String()
	err := x.addRoute(s)
	if s.Route.Way.Gateway.IsValid() && (errors.Is(err, unix.ENETUNREACH) || errors.Is(err, unix.EHOSTUNREACH)) {
		// What led to the gateway when the route was made may have gone since,
		// which the kernel only minds now.
		s.Route.Way.OnLink = true
		err = x.addRoute(s)
	}
	return say(s.Dev, deed, err)
}

func (x *Executor) addRoute(s plan.Route) error {
	if !s.Route.Way.Plain() && s.Route.Dst.Addr().Is6() {
		// Several gateways may have one metric: each is added to the others.
		err := x.kernel.Ask(routeRequest(s, unix.RTM_NEWROUTE, unix.NLM_F_CREATE|unix.NLM_F_APPEND), 0, nil)
		if errors.Is(err, unix.EEXIST) {
			err = nil
		}
		return err
	}
	err := x.kernel.Ask(routeRequest(s, unix.RTM_NEWROUTE, unix.NLM_F_CREATE|unix.NLM_F_EXCL), 0, nil)
	if !errors.Is(err, unix.EEXIST) {
		return err
	}
	if index := x.holder(s); index != 0 && index != s.Dev.Index {
		return &RouteTakenError{Metric: s.Route.Metric, Index: index, Name: x.nameOf(index)}
	}
	// Ours, but with another source or protocol: take its place.
	return x.kernel.Ask(routeRequest(s, unix.RTM_NEWROUTE, unix.NLM_F_CREATE|unix.NLM_F_REPLACE), 0, nil)
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

func routeRequest(s plan.Route, kind, flags int) *nl.NetlinkRequest {
	if !s.Route.Way.Plain() {
		return wayRequest(s, kind, flags)
	}
	dst := s.Route.Dst
	req := nl.NewNetlinkRequest(kind, flags|unix.NLM_F_ACK)
	msg := &nl.RtMsg{RtMsg: unix.RtMsg{
		Family: uint8(family(dst.Addr())), Dst_len: uint8(dst.Bits()), Table: unix.RT_TABLE_MAIN, Type: unix.RTN_UNICAST,
	}}
	if dst.Addr().Is4() {
		msg.Scope = unix.RT_SCOPE_LINK
	}
	req.AddData(msg)
	req.AddData(nl.NewRtAttr(unix.RTA_DST, dst.Addr().AsSlice()))
	req.AddData(nl.NewRtAttr(unix.RTA_OIF, nl.Uint32Attr(uint32(s.Dev.Index))))
	req.AddData(nl.NewRtAttr(unix.RTA_PRIORITY, nl.Uint32Attr(uint32(s.Route.Metric))))
	if s.Absent {
		return req // where to, how far and through what is what tells routes apart
	}
	msg.Protocol = uint8(s.Route.Protocol)
	if s.Route.Source.IsValid() {
		req.AddData(nl.NewRtAttr(unix.RTA_PREFSRC, s.Route.Source.AsSlice()))
	}
	return req
}

// holder returns the device of the route that stands in the way of s, 0 where
// it cannot be told. It reads the table, which only a refusal is worth.
func (x *Executor) holder(s plan.Route) (index int) {
	table := uint32(unix.RT_TABLE_MAIN)
	if !s.Route.Way.Plain() {
		table = uint32(s.Route.Way.Table)
	}
	req := nl.NewNetlinkRequest(unix.RTM_GETROUTE, unix.NLM_F_DUMP)
	req.AddData(&nl.RtMsg{RtMsg: unix.RtMsg{Family: uint8(family(s.Route.Dst.Addr()))}})
	req.AddData(nl.NewRtAttr(unix.RTA_TABLE, nl.Uint32Attr(table)))
	err := x.kernel.Ask(req, unix.RTM_NEWROUTE, func(m []byte) error {
		msg := nl.DeserializeRtMsg(m)
		attrs, err := nl.ParseRouteAttr(m[msg.Len():])
		if err != nil || int(msg.Dst_len) != s.Route.Dst.Bits() || int(msg.Tos) != s.Route.Way.TOS {
			return err
		}
		var dst net.IP
		device, metric := 0, 0
		for _, a := range attrs {
			switch a.Attr.Type {
			case unix.RTA_DST:
				dst = a.Value
			case unix.RTA_OIF:
				device = int(binary.NativeEndian.Uint32(a.Value))
			case unix.RTA_PRIORITY:
				metric = int(binary.NativeEndian.Uint32(a.Value))
			}
		}
		if (dst.Equal(s.Route.Dst.Addr().AsSlice()) || s.Route.Dst.Bits() == 0) && metric == s.Route.Metric {
			index = device
		}
		return nil
	})
	if err != nil {
		return 0
	}
	return index
}

func (x *Executor) nameOf(index int) string {
	if name, err := x.nameByIndex(index); err == nil {
		return name
	}
	return fmt.Sprintf("interface number %d", index)
}

// proxyNeighbour makes an interface answer for an address, or no longer.
func (x *Executor) proxyNeighbour(s plan.ProxyNeighbour) error {
	msg := netlink.Ndmsg{Flags: unix.NTF_PROXY}
	if s.Absent {
		return say(s.Dev, "stop answering for "+s.IP.String(), x.neighbourEntry(s.Dev, s.IP.AsSlice(), nil, msg, true))
	}
	msg.State = unix.NUD_PERMANENT
	return say(s.Dev, "answer for "+s.IP.String(), x.neighbourEntry(s.Dev, s.IP.AsSlice(), nil, msg, false))
}

// neighbour writes down an address's hardware address, or forgets it.
func (x *Executor) neighbour(s plan.Neighbour) error {
	hw, err := net.ParseMAC(s.MAC)
	if err != nil {
		return say(s.Dev, "learn "+s.IP.String(), err)
	}
	msg := netlink.Ndmsg{State: unix.NUD_PERMANENT}
	if s.Absent {
		return say(s.Dev, "forget "+s.IP.String(), x.neighbourEntry(s.Dev, s.IP.AsSlice(), nil, msg, true))
	}
	return say(s.Dev, "learn that "+s.IP.String()+" is "+s.MAC, x.neighbourEntry(s.Dev, s.IP.AsSlice(), hw, msg, false))
}

func (x *Executor) neighbourEntry(d plan.Dev, ip net.IP, hw net.HardwareAddr, msg netlink.Ndmsg, absent bool) error {
	kind, flags := unix.RTM_NEWNEIGH, unix.NLM_F_CREATE|unix.NLM_F_REPLACE
	if absent {
		kind, flags = unix.RTM_DELNEIGH, 0
	}
	msg.Index = uint32(d.Index)
	msg.Family = unix.AF_INET6
	if len(ip) == net.IPv4len {
		msg.Family = unix.AF_INET
	}
	req := nl.NewNetlinkRequest(kind, flags|unix.NLM_F_ACK)
	req.AddData(&msg)
	req.AddData(nl.NewRtAttr(unix.NDA_DST, ip))
	if hw != nil {
		req.AddData(nl.NewRtAttr(unix.NDA_LLADDR, hw))
	}
	err := x.kernel.Ask(req, 0, nil)
	if absent && errors.Is(err, unix.ENOENT) {
		return nil
	}
	return err
}
