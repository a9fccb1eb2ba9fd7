package snapshot

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"vifctl/hooks/plan"
	"vifctl/hooks/rtnl"
)

func (r *Reader) readUplink(q plan.Query, s *plan.Snapshot) error {
	if q.Uplink == nil {
		return nil
	}
	link, ok, err := r.findUplink(*q.Uplink)
	if err != nil || !ok {
		return err
	}
	u := &plan.Uplink{Link: link}
	if u.Addresses, err = r.addressesOf(link.Index); err != nil {
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

func (r *Reader) findUplink(q plan.UplinkQuery) (link plan.Link, ok bool, err error) {
	if q.Name != "" {
		return r.LinkByName(q.Name)
	}
	for _, defaultDevice := range []func() (int, error){r.probe4, r.default4, r.default6} {
		index, err := defaultDevice()
		if err != nil {
			return plan.Link{}, false, err
		}
		if index != 0 {
			return r.LinkByIndex(index)
		}
	}
	return r.LinkByName(q.Fallback)
}

// probe is an address that nobody has a route of its own for: a documentation
// network (RFC 5737).
func probe() netip.Addr { return netip.AddrFrom4([4]byte{192, 0, 2, 1}) }

// probe4 asks which route leads to an address that only a default route should
// lead to. It returns 0 where that is no default route: somebody may have one
// for that network, too, or discard it.
func (r *Reader) probe4() (int, error) {
	req := nl.NewNetlinkRequest(unix.RTM_GETROUTE, unix.NLM_F_ACK)
	req.AddData(&nl.RtMsg{RtMsg: unix.RtMsg{Family: unix.AF_INET, Dst_len: 32, Flags: rtmFibMatch}})
	req.AddData(attr(unix.RTA_DST, probe().AsSlice()))
	index := 0
	err := r.kernel.Ask(req, unix.RTM_NEWROUTE, func(m []byte) error {
		rt, ok, err := parseRoute(m)
		if ok && rt.Dst.Bits() == 0 {
			index = rt.index
		}
		return err
	})
	if err != nil {
		return 0, nil //nolint:nilerr // unreachable, prohibited, an old kernel: the list will tell
	}
	return index, nil
}

// rtmFibMatch is RTM_F_FIB_MATCH of linux/rtnetlink.h: answer with the route
// itself, not with what it comes to.
const rtmFibMatch = 0x2000

// default4 returns the device of IPv4's default route, 0 without one. The
// kernel lists its trie in the order of the prefixes, so the default routes
// come first, the preferred one before the others; a socket of its own lets
// the thousands behind them go unread.
func (r *Reader) default4() (int, error) {
	c, err := rtnl.Open()
	if err != nil {
		return 0, err
	}
	defer c.Close()
	req := nl.NewNetlinkRequest(unix.RTM_GETROUTE, unix.NLM_F_DUMP)
	addRouteFilter(req, unix.AF_INET, 0)
	index := 0
	err = c.Ask(req, unix.RTM_NEWROUTE, func(m []byte) error {
		rt, ok, err := parseRoute(m)
		switch {
		case err != nil:
			return err
		case ok && rt.Dst.Bits() == 0:
			index = rt.index
			return rtnl.ErrStop
		case ok && !rt.Dst.Addr().IsUnspecified():
			return rtnl.ErrStop
		}
		return nil
	})
	if err != nil && !errors.Is(err, unix.ENOENT) {
		return 0, fmt.Errorf("ask for the default route: %w", err)
	}
	return index, nil
}

// default6 returns the device of IPv6's preferred default route, 0 without
// one. Its tree is listed in another order, so all of it is read; that happens
// only on a host without an IPv4 default route.
func (r *Reader) default6() (int, error) {
	index, best := 0, 0
	err := r.routes(unix.AF_INET6, 0, func(rt route) {
		if rt.Dst.Bits() == 0 && rt.index != 0 && (index == 0 || rt.Metric < best) {
			index, best = rt.index, rt.Metric
		}
	})
	return index, err
}
