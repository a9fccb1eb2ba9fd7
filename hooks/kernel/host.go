package kernel

import (
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
	Links     map[int]Link
	Addresses map[int][]plan.Addr
	// Routes are those of the main table, both families, and OtherRoutes those of all
	// others but the kernel's own (local).
	Routes, OtherRoutes []Route
	// Neighbours are the ARP and neighbour discovery entries, the proxied ones
	// included.
	Neighbours []Neighbour
	// Learnt are the hardware addresses that bridges have seen.
	Learnt []LearntMAC

	names map[string]int // ifindexes
}

// Neighbour is what the host knows, or answers, of an address.
type Neighbour struct {
	Index int
	IP    netip.Addr
	// MAC is "" for no answer.
	MAC string
	// Proxy: the host answers for it. Permanent: a program entered it.
	Proxy, Permanent bool
	// Failed: the host has asked and had no answer.
	Failed bool
}

// LearntMAC is a hardware address and the bridge port behind which it is.
type LearntMAC struct {
	MAC   string
	Index int
	// Own: it is the port's own address, not one that was seen.
	Own bool
}

// Host reads all there is.
func (k *Kernel) Host() (*Host, error) {
	h := &Host{}
	var err error
	if h.Links, err = k.links("", 0); err != nil {
		return nil, err
	}
	if h.Addresses, err = k.addresses(0); err != nil {
		return nil, fmt.Errorf("list the addresses: %w", err)
	}
	for _, fam := range []int{unix.AF_INET, unix.AF_INET6} {
		err := k.routes(routeFilter{family: fam}, func(rt Route) error {
			switch rt.Attrs.Table {
			case unix.RT_TABLE_MAIN:
				h.Routes = append(h.Routes, rt)
			case unix.RT_TABLE_LOCAL:
			default:
				h.OtherRoutes = append(h.OtherRoutes, rt)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		for _, flags := range []uint8{0, unix.NTF_PROXY} {
			if err := k.neighbours(fam, 0, flags, func(n netlink.Neigh) { h.neighbour(n, flags != 0) }); err != nil {
				return nil, err
			}
		}
	}
	err = k.neighbours(unix.AF_BRIDGE, 0, 0, func(n netlink.Neigh) {
		h.Learnt = append(h.Learnt, LearntMAC{MAC: n.HardwareAddr.String(), Index: n.LinkIndex, Own: n.State&unix.NUD_PERMANENT != 0})
	})
	return h, err
}

func (h *Host) neighbour(n netlink.Neigh, proxy bool) {
	ip, ok := netip.AddrFromSlice(n.IP)
	if !ok || n.State == unix.NUD_NOARP {
		return
	}
	h.Neighbours = append(h.Neighbours, Neighbour{
		Index: n.LinkIndex, IP: ip.Unmap(), MAC: n.HardwareAddr.String(), Proxy: proxy,
		Permanent: n.State&unix.NUD_PERMANENT != 0, Failed: n.State&unix.NUD_FAILED != 0,
	})
}

// Default returns the preferred default route of a family, and whether there is
// one.
func (h *Host) Default(is6 bool) (best Route, ok bool) {
	for _, r := range h.Routes {
		if r.Dst.Bits() == 0 && r.Dst.Addr().Is6() == is6 && !r.Blocked() && r.Index() != 0 && (!ok || r.Metric < best.Metric) {
			best, ok = r, true
		}
	}
	return best, ok
}

// Uplink is the interface that is the way out of guests for which no other is named, as
// findUplink finds it for a call: the default route's, else the usual one, "" without either.
func (h *Host) Uplink() string {
	if name := h.DefaultDevice(); name != "" {
		return name
	}
	l, _ := h.Named(plan.FallbackUplink)
	return l.Name
}

// DefaultDevice is the interface that the default route leads through, IPv4's before IPv6's,
// "" without one.
func (h *Host) DefaultDevice() string {
	for _, is6 := range []bool{false, true} {
		if r, ok := h.Default(is6); ok {
			return h.Links[r.Index()].Name
		}
	}
	return ""
}

// Named finds a link by its name.
func (h *Host) Named(name string) (Link, bool) {
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
func (k *Kernel) BridgeVLANs() (map[int][]int, error) {
	list, _, err := k.vlans(0)
	if err != nil {
		return nil, fmt.Errorf("list the bridges' VLANs: %w", err)
	}
	vlans := map[int][]int{}
	for index, ranges := range list {
		for _, r := range ranges {
			for vid := r.First; vid <= r.Last; vid++ {
				vlans[index] = append(vlans[index], vid)
			}
		}
	}
	return vlans, nil
}
