package snapshot

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"vifctl/hooks/plan"
)

// Host is all that the kernel has of links, addresses, routes and neighbours.
// It answers a person's question; a call asks for what it needs (Read).
type Host struct {
	// Links by ifindex.
	Links     map[int]HostLink
	Addresses map[int][]plan.Addr
	// Routes are those of the main table, both families.
	Routes []HostRoute
	// Neighbours are the ARP and neighbour discovery entries, the proxied ones
	// included.
	Neighbours []HostNeighbour
	// Learnt are the hardware addresses that bridges have seen.
	Learnt []LearntMAC

	names map[string]int // ifindexes
}

// HostLink is a link with what a call has no use for.
type HostLink struct {
	plan.Link
	// Kind as the kernel names it: bridge, veth, tun, vlan, …; "device" for a
	// real one.
	Kind string
	// Carrier: the kernel says that frames get through.
	Carrier bool
	// Parent is the ifindex of the link that a VLAN, a macvlan or a veth stands
	// on, 0 for none.
	Parent int
	// VLAN is a VLAN link's number, 0 for other links.
	VLAN int
	// Bytes and Packets that the host has received from the link and sent to it.
	Received, Sent Count
}

// Count is an amount of traffic.
type Count struct {
	Bytes   uint64 `json:"bytes"`
	Packets uint64 `json:"packets"`
	Dropped uint64 `json:"dropped"`
}

// HostRoute is one route of the main table.
type HostRoute struct {
	plan.RouteEntry
	// Index is the ifindex it leads to, 0 where it leads nowhere.
	Index int
	// Gateway is zero for what is reached without one.
	Gateway netip.Addr
	// Blocked: unreachable, prohibited or thrown away.
	Blocked bool
}

// HostNeighbour is what the host knows, or answers, of an address.
type HostNeighbour struct {
	Index int
	IP    netip.Addr
	// MAC is "" where nobody has answered.
	MAC string
	// Proxy: the host answers for it. Permanent: somebody said so.
	Proxy, Permanent bool
	// Failed: the host has asked, and nobody has answered.
	Failed bool
}

// LearntMAC is a hardware address and the bridge port behind which it is.
type LearntMAC struct {
	MAC   string
	Index int
	// Own: it is the port's own address, not one that was seen.
	Own bool
}

// HostNow reads all there is, in the network namespace of the calling thread.
func HostNow() (*Host, error) {
	h := &Host{Links: map[int]HostLink{}, Addresses: map[int][]plan.Addr{}}
	for _, read := range []func() error{h.readLinks, h.readAddresses, h.readRoutes, h.readNeighbours, h.readLearnt} {
		if err := read(); err != nil {
			return nil, err
		}
	}
	return h, nil
}

// again asks once more as long as the kernel's answer was interrupted.
func again[T any](what string, ask func() ([]T, error)) ([]T, error) {
	for range 10 {
		list, err := ask()
		if errors.Is(err, netlink.ErrDumpInterrupted) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("list the %s: %w", what, err)
		}
		return list, nil
	}
	return nil, fmt.Errorf("list the %s: the kernel's answer was interrupted ten times", what)
}

func (h *Host) readLinks() error {
	list, err := again("links", netlink.LinkList)
	for _, l := range list {
		a := l.Attrs()
		link := HostLink{
			Link: plan.Link{
				Dev: plan.Dev{Name: a.Name, Index: a.Index}, MAC: a.HardwareAddr.String(), MTU: a.MTU, Master: a.MasterIndex,
				Up: a.RawFlags&unix.IFF_UP != 0, Bridge: l.Type() == "bridge",
			},
			Kind:    l.Type(),
			Carrier: a.RawFlags&unix.IFF_LOWER_UP != 0,
			Parent:  a.ParentIndex,
		}
		if v, ok := l.(*netlink.Vlan); ok {
			link.VLAN = v.VlanId
		}
		if s := a.Statistics; s != nil {
			link.Received = Count{s.RxBytes, s.RxPackets, s.RxDropped}
			link.Sent = Count{s.TxBytes, s.TxPackets, s.TxDropped}
		}
		h.Links[a.Index] = link
	}
	return err
}

func (h *Host) readAddresses() error {
	list, err := again("addresses", func() ([]netlink.Addr, error) { return netlink.AddrList(nil, netlink.FAMILY_ALL) })
	for _, a := range list {
		ip, ok := netip.AddrFromSlice(a.IP)
		if !ok {
			continue
		}
		bits, _ := a.Mask.Size()
		own := plan.Addr{Prefix: netip.PrefixFrom(ip.Unmap(), bits), Scope: a.Scope}
		own.Secondary = a.Flags&unix.IFA_F_SECONDARY != 0
		own.Deprecated = a.Flags&unix.IFA_F_DEPRECATED != 0
		own.Dynamic = a.Flags&unix.IFA_F_PERMANENT == 0
		h.Addresses[a.LinkIndex] = append(h.Addresses[a.LinkIndex], own)
	}
	return err
}

func (h *Host) readRoutes() error {
	for _, family := range []int{unix.AF_INET, unix.AF_INET6} {
		list, err := again("routes", func() ([]netlink.Route, error) {
			return netlink.RouteListFiltered(family, &netlink.Route{Table: unix.RT_TABLE_MAIN}, netlink.RT_FILTER_TABLE)
		})
		if err != nil {
			return err
		}
		for _, r := range list {
			h.Routes = append(h.Routes, hostRoute(r, family))
		}
	}
	return nil
}

func hostRoute(r netlink.Route, family int) HostRoute {
	route := HostRoute{Index: r.LinkIndex, Blocked: r.Type != unix.RTN_UNICAST}
	route.Metric, route.Protocol = r.Priority, int(r.Protocol)
	route.Dst = netip.PrefixFrom(netip.IPv4Unspecified(), 0)
	if family == unix.AF_INET6 {
		route.Dst = netip.PrefixFrom(netip.IPv6Unspecified(), 0)
	}
	if r.Dst != nil {
		if ip, ok := netip.AddrFromSlice(r.Dst.IP); ok {
			bits, _ := r.Dst.Mask.Size()
			if family == unix.AF_INET {
				ip = ip.Unmap()
			}
			route.Dst = netip.PrefixFrom(ip, bits)
		}
	}
	if len(r.MultiPath) > 0 { // the first next hop stands for all
		r.LinkIndex, r.Gw = r.MultiPath[0].LinkIndex, r.MultiPath[0].Gw
		route.Index = r.LinkIndex
	}
	if ip, ok := netip.AddrFromSlice(r.Gw); ok {
		route.Gateway = ip.Unmap()
	}
	if ip, ok := netip.AddrFromSlice(r.Src); ok {
		route.Source = ip.Unmap()
	}
	return route
}

func (h *Host) readNeighbours() error {
	for _, proxy := range []bool{false, true} {
		for _, family := range []int{unix.AF_INET, unix.AF_INET6} {
			list, err := again("neighbours", func() ([]netlink.Neigh, error) {
				if proxy {
					return netlink.NeighProxyList(0, family)
				}
				return netlink.NeighList(0, family)
			})
			if err != nil {
				return err
			}
			for _, n := range list {
				ip, ok := netip.AddrFromSlice(n.IP)
				if !ok || n.State == unix.NUD_NOARP {
					continue
				}
				one := HostNeighbour{Index: n.LinkIndex, IP: ip.Unmap(), MAC: n.HardwareAddr.String(), Proxy: proxy}
				one.Permanent = n.State&unix.NUD_PERMANENT != 0
				one.Failed = n.State&unix.NUD_FAILED != 0
				h.Neighbours = append(h.Neighbours, one)
			}
		}
	}
	return nil
}

func (h *Host) readLearnt() error {
	list, err := again("bridges' addresses", func() ([]netlink.Neigh, error) { return netlink.NeighList(0, unix.AF_BRIDGE) })
	for _, n := range list {
		h.Learnt = append(h.Learnt, LearntMAC{MAC: n.HardwareAddr.String(), Index: n.LinkIndex, Own: n.State&unix.NUD_PERMANENT != 0})
	}
	return err
}

// Default returns the preferred default route of a family, and whether there is
// one.
func (h *Host) Default(is6 bool) (best HostRoute, ok bool) {
	for _, r := range h.Routes {
		if r.Dst.Bits() == 0 && r.Dst.Addr().Is6() == is6 && !r.Blocked && r.Index != 0 && (!ok || r.Metric < best.Metric) {
			best, ok = r, true
		}
	}
	return best, ok
}

// Named finds a link by its name.
func (h *Host) Named(name string) (HostLink, bool) {
	if len(h.names) != len(h.Links) {
		h.names = make(map[string]int, len(h.Links))
		for index, l := range h.Links {
			h.names[l.Name] = index
		}
	}
	l, ok := h.Links[h.names[name]]
	return l, ok && l.Name == name
}

// BridgeVLANs lists the VLANs that bridges' ports are in, by ifindex. A kernel
// that filters none has none.
func BridgeVLANs() (map[int][]int, error) {
	list, err := netlink.BridgeVlanList()
	if err != nil {
		return nil, fmt.Errorf("list the bridges' VLANs: %w", err)
	}
	vlans := map[int][]int{}
	for index, infos := range list {
		for _, i := range infos {
			vlans[int(index)] = append(vlans[int(index)], int(i.Vid))
		}
	}
	return vlans, nil
}
