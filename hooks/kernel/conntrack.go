package kernel

import (
	"errors"
	"fmt"
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
		if by := s.By; by.Public.IsValid() {
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

func flowsError(ip netip.Addr, err error) error {
	// A connection may end by itself while it is being forgotten.
	if errors.Is(err, unix.ENOENT) {
		return nil
	}
	return fmt.Errorf("forget the connections of %s: %w", ip, err)
}
