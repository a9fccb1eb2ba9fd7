package kernel

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"vifctl/hooks/plan"
)

func (k *Kernel) readUplink(q plan.Query, s *plan.Snapshot) error {
	if q.Uplink == nil {
		return nil
	}
	link, ok, err := k.findUplink(*q.Uplink)
	if err != nil || !ok {
		return err
	}
	u := &plan.Uplink{Link: link}
	if u.Addresses, err = k.AddressesOf(link.Index); err != nil {
		return err
	}
	for _, f := range []struct {
		on   *bool
		path []string
	}{
		{&u.Forwarding4, []string{"ipv4", "ip_forward"}},
		{&u.Forwarding6, []string{"ipv6", "conf", "all", "forwarding"}},
	} {
		v, _, err := readSysctl(f.path...)
		if err != nil {
			return err
		}
		*f.on = v == "1"
	}
	s.Links[link.Index] = link
	s.Uplink = u
	return nil
}

func (k *Kernel) findUplink(q plan.UplinkQuery) (link plan.Link, ok bool, err error) {
	if q.Name != "" {
		return k.LinkByName(q.Name)
	}
	for _, defaultDevice := range []func() (int, error){k.probe4, k.default4, k.default6} {
		index, err := defaultDevice()
		if err != nil {
			return plan.Link{}, false, err
		}
		if index != 0 {
			return k.LinkByIndex(index)
		}
	}
	return k.LinkByName(q.Fallback)
}

// probe is an address that no host has a route of its own for: a documentation
// network (RFC 5737).
func probe() netip.Addr { return netip.AddrFrom4([4]byte{192, 0, 2, 1}) }

// probe4 asks which route leads to an address that only a default route should
// lead to. It returns 0 where that is no default route: there may be one
// for that network, too.
func (k *Kernel) probe4() (int, error) {
	rt, ok, err := k.LookUp(probe())
	if err != nil || !ok || rt.Attrs.Table != unix.RT_TABLE_MAIN || rt.Attrs.Type != unix.RTN_UNICAST || rt.Dst.Bits() != 0 {
		return 0, nil //nolint:nilerr // an old kernel: the list will tell
	}
	return rt.Index(), nil
}

// LookUp asks which route the kernel takes to an address, rules included (`ip route
// get fibmatch`). ok is false where it is unreachable.
func (k *Kernel) LookUp(to netip.Addr) (rt Route, ok bool, err error) {
	return k.lookUp(to, netip.Addr{}, 0)
}

// LookUpFrom asks the same of a packet that arrives from an address through an interface.
// ok is false also where the kernel would drop it: where it forwards nothing, or finds the
// source on the wrong side.
func (k *Kernel) LookUpFrom(to, from netip.Addr, index int) (rt Route, ok bool, err error) {
	return k.lookUp(to, from, index)
}

func (k *Kernel) lookUp(to, from netip.Addr, index int) (rt Route, ok bool, err error) {
	req := nl.NewNetlinkRequest(unix.RTM_GETROUTE, unix.NLM_F_ACK)
	msg := &nl.RtMsg{RtMsg: unix.RtMsg{Family: uint8(family(to)), Dst_len: uint8(to.BitLen()), Flags: rtmFibMatch}}
	if to.Is4() {
		msg.Flags |= unix.RTM_F_LOOKUP_TABLE // IPv6 always tells the table, and refuses the flag
	}
	req.AddData(msg)
	req.AddData(attr(unix.RTA_DST, to.AsSlice()))
	if from.IsValid() {
		msg.Src_len = uint8(from.BitLen())
		req.AddData(attr(unix.RTA_SRC, from.AsSlice()))
		req.AddData(attr(unix.RTA_IIF, number(index)))
	}
	err = k.conn.ask(req, unix.RTM_NEWROUTE, func(m []byte) (err error) {
		rt, ok, err = parseRoute(m)
		return err
	})
	if errors.Is(err, unix.ENETUNREACH) || errors.Is(err, unix.EHOSTUNREACH) || errors.Is(err, unix.EACCES) || errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EXDEV) {
		return Route{}, false, nil // nothing leads there, or it is prohibited, or thrown away
	}
	if err != nil {
		return Route{}, false, fmt.Errorf("ask for the route to %s: %w", to, err)
	}
	return rt, ok, nil
}

// LeadsElsewhere returns the ifindex that a route to this very prefix leads through, 0 where
// there is none, or where it is the one of an ifindex.
func (k *Kernel) LeadsElsewhere(to netip.Prefix, index int) (int, error) {
	for _, a := range []netip.Addr{to.Masked().Addr(), lastOf(to)} {
		rt, ok, err := k.LookUp(a)
		if err != nil {
			return 0, err
		}
		if ok && rt.Dst == to.Masked() && rt.Index() != index {
			return rt.Index(), nil
		}
		if to.IsSingleIP() {
			break
		}
	}
	return 0, nil
}

// lastOf is the last address of a prefix: where the first has a route of its own, that one
// may have none.
func lastOf(p netip.Prefix) netip.Addr {
	bytes := p.Masked().Addr().AsSlice()
	for bit := p.Bits(); bit < p.Addr().BitLen(); bit++ {
		bytes[bit/8] |= 1 << (7 - bit%8)
	}
	a, _ := netip.AddrFromSlice(bytes)
	return a
}

// rtmFibMatch is RTM_F_FIB_MATCH of linux/rtnetlink.h: answer with the route
// itself, not with what it comes to.
const rtmFibMatch = 0x2000

// default4 returns the device of IPv4's default route, 0 without one. The
// kernel lists its trie in the order of the prefixes, so the default routes
// come first, the preferred one before the others; a socket of its own lets
// the thousands behind them go unread.
func (k *Kernel) default4() (int, error) {
	c, err := dial()
	if err != nil {
		return 0, err
	}
	defer c.close()
	index := 0
	err = listRoutes(c, routeFilter{family: unix.AF_INET, table: unix.RT_TABLE_MAIN}, func(rt Route) error {
		switch {
		case rt.Dst.Bits() == 0 && rt.Attrs.Type == unix.RTN_UNICAST:
			index = rt.Index()
			return errStop
		case !rt.Dst.Addr().IsUnspecified():
			return errStop
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("ask for the default route: %w", err)
	}
	return index, nil
}

// default6 returns the device of IPv6's preferred default route, 0 without
// one. Its tree is listed in another order, so all of it is read; that happens
// only on a host without an IPv4 default route.
func (k *Kernel) default6() (int, error) {
	index, best := 0, 0
	err := k.routes(routeFilter{family: unix.AF_INET6, table: unix.RT_TABLE_MAIN}, func(rt Route) error {
		if rt.Dst.Bits() == 0 && rt.Attrs.Type == unix.RTN_UNICAST && rt.Index() != 0 && (index == 0 || rt.Metric < best) {
			index, best = rt.Index(), rt.Metric
		}
		return nil
	})
	return index, err
}
