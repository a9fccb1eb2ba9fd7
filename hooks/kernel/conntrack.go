package kernel

import (
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"vifctl/hooks/plan"
)

// tracked is how many connections the kernel tracks in this namespace.
const tracked = "/proc/sys/net/netfilter/nf_conntrack_count"

// ForgetFlows forgets what the kernel tracks of addresses, as source or as
// destination, before or behind a translation. The kernel's table is gone
// through once, however many the addresses are: that alone takes it 9 ms where
// the table is large, and it is not worth them where it is empty or there is
// none.
func (k *Kernel) ForgetFlows(steps []plan.Flows) error {
	if n, ok, err := Setting(tracked); err != nil || !ok || n == "0" {
		return err
	}
	byFamily := map[int][]netlink.CustomConntrackFilter{}
	for _, s := range steps {
		if by := s.By; s.Without {
			byFamily[family(by.Private)] = append(byFamily[family(by.Private)], without(by))
			continue
		} else if by.Public.IsValid() {
			byFamily[family(by.Public)] = append(byFamily[family(by.Public)], forwarded(by))
			continue
		}
		ip := s.IP
		for _, side := range []netlink.ConntrackFilterType{
			netlink.ConntrackOrigSrcIP, netlink.ConntrackOrigDstIP, netlink.ConntrackReplySrcIP, netlink.ConntrackReplyDstIP,
		} {
			f := &netlink.ConntrackFilter{}
			if err := f.AddIP(side, ip.AsSlice()); err != nil {
				return flowsError(ip, err)
			}
			byFamily[family(ip)] = append(byFamily[family(ip)], f)
		}
	}
	ip := steps[0].IP
	if !ip.IsValid() {
		ip = steps[0].By.Public
	}
	if !ip.IsValid() {
		ip = steps[0].By.Private
	}
	h, err := netlink.NewHandle(unix.NETLINK_NETFILTER)
	if err != nil {
		return flowsError(ip, err)
	}
	defer h.Close()
	if err := h.SetSocketTimeout(answerTimeout); err != nil {
		return flowsError(ip, err)
	}
	for fam, filters := range byFamily {
		if _, err := h.ConntrackDeleteFilters(netlink.ConntrackTable, netlink.InetFamily(fam), filters...); err != nil {
			return flowsError(ip, err)
		}
	}
	return nil
}

// forwarded matches the connections that a forward has let in.
type forwarded plan.Rule

// MatchConntrackFlow implements netlink.CustomConntrackFilter.
func (f forwarded) MatchConntrackFlow(c *netlink.ConntrackFlow) bool {
	number := map[string]uint8{"tcp": unix.IPPROTO_TCP, "udp": unix.IPPROTO_UDP}[f.Protocol]
	to, _ := netip.AddrFromSlice(c.Forward.DstIP)
	return c.Forward.Protocol == number && to.Unmap() == f.Public && c.Forward.DstPort >= f.First && c.Forward.DstPort <= f.Last
}

// without matches the connections that a rule is about and does not explain.
type without plan.Rule

// established is TCP_CONNTRACK_ESTABLISHED (linux/netfilter/nf_conntrack_tcp.h).
const established = 3

// MatchConntrackFlow implements netlink.CustomConntrackFilter. A connection of TCP's that
// stands is left to end by itself: its other end has agreed to it as it is.
func (w without) MatchConntrackFlow(c *netlink.ConntrackFlow) bool {
	if tcp, ok := c.ProtoInfo.(*netlink.ProtoInfoTCP); ok && tcp.State == established {
		return false
	}
	address := func(ip net.IP) netip.Addr {
		a, _ := netip.AddrFromSlice(ip)
		return a.Unmap()
	}
	from, to := address(c.Forward.SrcIP), address(c.Forward.DstIP)
	answers, answered := address(c.Reverse.SrcIP), address(c.Reverse.DstIP)
	switch w.Kind {
	case plan.RuleForward:
		port := c.Forward.DstPort
		if w.To != 0 {
			port = w.To
		}
		return forwarded(w).MatchConntrackFlow(c) && (!w.From.IsValid() || w.From.Contains(from)) &&
			(answers != w.Private || c.Reverse.SrcPort != port)
	case plan.RuleOneToOne:
		return to == w.Public && answers != w.Private || from == w.Private && answered != w.Public
	case plan.RuleMasquerade:
		return from == w.Private && answered == w.Private
	}
	return false
}

func flowsError(ip netip.Addr, err error) error {
	// A connection may end by itself while it is being forgotten.
	if errors.Is(err, unix.ENOENT) {
		return nil
	}
	return fmt.Errorf("forget the connections of %s: %w", ip, err)
}
