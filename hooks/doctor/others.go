package doctor

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"vifctl/hooks/doctor/inventory"
	"vifctl/hooks/plan"
)

// duplicateMAC looks for a hardware address that two guests have, or that a
// bridge sees behind another port.
func duplicateMAC(f *inventory.Facts) []Finding {
	owner := map[string]*inventory.NIC{}
	return each(f, func(n *inventory.NIC) []Finding {
		if n.MAC == "" {
			return nil
		}
		if first := owner[n.MAC]; first != nil && !moves(first, n) {
			return one(Finding{
				Sentence: fmt.Sprintf("%s and %s have the same hardware address: each gets a part of what is meant for the other.", n.Port(), first.Port()),
				Evidence: []string{fmt.Sprintf("%s/mac is %s", backend(first), n.MAC), fmt.Sprintf("%s/mac is %s", backend(n), n.MAC)},
				Fix:      []string{"give one of them another mac= in its xl configuration"},
			})
		}
		owner[n.MAC] = n
		for _, learnt := range f.Host.Learnt {
			other := f.Host.Links[learnt.Index]
			own, p := f.PortOf(learnt.Index)
			if learnt.MAC != n.MAC || learnt.Own || other.Bridge || p != nil && (own.NIC == n.NIC || moves(own, n)) {
				continue
			}
			return one(Finding{
				Sentence: fmt.Sprintf("A machine behind %s uses the hardware address of %s.", other.Name, n.Port()),
				Evidence: []string{fmt.Sprintf("bridge fdb: %s dev %s", n.MAC, other.Name), fmt.Sprintf("%s/mac is %s", backend(n), n.MAC)},
				Fix:      []string{plan.Command("tcpdump", "-eni", other.Name, "ether", "src", n.MAC)},
			})
		}
		return nil
	})
}

// moves reports whether two NICs are one, in the old and in the new domain of a
// guest that reboots or migrates.
func moves(a, b *inventory.NIC) bool {
	return a.UUID != "" && a.UUID == b.UUID && a.Domid != b.Domid && a.Devid == b.Devid
}

// duplicateAddress looks for addresses that two guests have.
func duplicateAddress(f *inventory.Facts) []Finding {
	owner := map[netip.Addr]*inventory.NIC{}
	return each(f, func(n *inventory.NIC) (all []Finding) {
		for _, a := range n.Addresses {
			ip := a.Addr()
			if !a.IsSingleIP() {
				continue
			}
			first := owner[ip]
			owner[ip] = n
			if first != nil && first.NIC != n.NIC && !moves(first, n) {
				all = append(all, Finding{
					Sentence: fmt.Sprintf("%s and %s have the same address %s.", n.Port(), first.Port(), ip),
					Evidence: []string{fmt.Sprintf("%s has %s", first.Label(), ip), fmt.Sprintf("%s has %s", n.Label(), ip)},
					Fix:      []string{"give one of them another address"},
				})
			}
		}
		return all
	})
}

// notItsOwn tells of what a call would refuse by now: what the host, a router or another
// guest has.
func notItsOwn(f *inventory.Facts) []Finding {
	return each(f, func(n *inventory.NIC) (all []Finding) {
		for _, sentence := range sentencesOf(n, func(p *inventory.Port) []string { return p.NotItsOwn }) {
			all = append(all, Finding{
				Sentence: fmt.Sprintf("%s has what is not its own: %s.", n.Label(), sentence),
				Evidence: evidenceOfRecord(n),
				Fix:      offline(n),
			})
		}
		return all
	})
}

// doesNotArrive tells of what a call would warn of by now.
func doesNotArrive(f *inventory.Facts) []Finding {
	return each(f, func(n *inventory.NIC) (all []Finding) {
		for _, sentence := range sentencesOf(n, func(p *inventory.Port) []string { return p.Doubts }) {
			all = append(all, Finding{Sentence: sentence + ".", Evidence: evidenceOfRecord(n)})
		}
		return all
	})
}

// sentencesOf are those about a NIC's ports, each once.
func sentencesOf(n *inventory.NIC, of func(*inventory.Port) []string) (all []string) {
	for _, p := range n.Ports() {
		for _, s := range of(p) {
			if !slices.Contains(all, s) {
				all = append(all, s)
			}
		}
	}
	return all
}

func evidenceOfRecord(n *inventory.NIC) (all []string) {
	for _, p := range n.Ports() {
		if p.Record != nil {
			all = append(all, fmt.Sprintf("/run/vifctl/%s.%s.json: %s of guest %q, mode %s", n.NIC, p.Kind, p.Name, n.Guest, p.Record.Mode))
		}
	}
	return all
}

// otherMAC looks for neighbours that answer for a guest's address with another
// hardware address than the guest's.
func otherMAC(f *inventory.Facts) []Finding {
	return each(f, func(n *inventory.NIC) (all []Finding) {
		if n.MAC == "" {
			return nil
		}
		for _, nb := range f.Host.Neighbours {
			mine := slices.ContainsFunc(n.Addresses, func(a netip.Prefix) bool { return a.IsSingleIP() && a.Addr() == nb.IP })
			if !mine || nb.Proxy || nb.Failed || nb.MAC == "" || nb.MAC == n.MAC || nb.MAC == "00:00:00:00:00:00" {
				continue
			}
			all = append(all, Finding{
				Sentence: fmt.Sprintf("%s answers for the guest's address %s with another hardware address than the guest's.", f.Host.Links[nb.Index].Name, nb.IP),
				Evidence: []string{
					fmt.Sprintf("ip neighbour: %s dev %s lladdr %s", nb.IP, f.Host.Links[nb.Index].Name, nb.MAC),
					fmt.Sprintf("%s/mac is %s", backend(n), n.MAC),
				},
				Fix: []string{plan.Command("ip", "neighbour", "flush", "to", nb.IP.String())},
			})
		}
		return all
	})
}

// mtuMismatch looks along the way of a guest's frames: a bridge silently drops a
// frame that is larger than the next port's MTU.
func mtuMismatch(f *inventory.Facts) []Finding {
	return each(f, func(n *inventory.NIC) []Finding {
		p := n.Carrier()
		bridge, bridged := f.Host.Named(f.Bridge(n))
		if p == nil || p.Link == nil || !bridged {
			return nil
		}
		for _, member := range f.MemberPorts(bridge.Index) {
			if own, _ := f.PortOf(member.Index); own != nil || member.MTU >= p.Link.MTU {
				continue
			}
			return one(Finding{
				Sentence: fmt.Sprintf("%s sends larger packets than %s takes: they are lost without a word.", p.Name, member.Name),
				Evidence: []string{
					fmt.Sprintf("link %s has the MTU %d", p.Name, p.Link.MTU), fmt.Sprintf("link %s has the MTU %d", bridge.Name, bridge.MTU),
					fmt.Sprintf("link %s has the MTU %d", member.Name, member.MTU),
				},
				Fix: []string{fmt.Sprintf("ip link set %s mtu %d", member.Name, p.Link.MTU), fmt.Sprintf("or mtu=%d in the guest's xl configuration", member.MTU)},
			})
		}
		if p.Link.MTU > bridge.MTU {
			return one(Finding{
				Sentence: fmt.Sprintf("%s sends larger packets than the host takes from %s.", p.Name, bridge.Name),
				Evidence: []string{fmt.Sprintf("link %s has the MTU %d", p.Name, p.Link.MTU), fmt.Sprintf("link %s has the MTU %d", bridge.Name, bridge.MTU)},
				Fix:      []string{fmt.Sprintf("ip link set %s mtu %d", bridge.Name, p.Link.MTU)},
			})
		}
		return nil
	})
}

// vlanNotOnUplink looks for guests in a VLAN that no other port of their bridge
// is in.
func vlanNotOnUplink(f *inventory.Facts) []Finding {
	return each(f, func(n *inventory.NIC) []Finding {
		bridge, ok := f.Host.Named(f.Bridge(n))
		p := n.Carrier()
		if !ok || p == nil || p.Link == nil || len(f.VLANs) == 0 {
			return nil
		}
		own := f.VLANs[p.Link.Index]
		var others []string
		for _, member := range f.MemberPorts(bridge.Index) {
			if guest, _ := f.PortOf(member.Index); guest != nil {
				continue
			}
			others = append(others, fmt.Sprintf("%s is in %v", member.Name, f.VLANs[member.Index]))
			if slices.ContainsFunc(f.VLANs[member.Index], func(v int) bool { return slices.Contains(own, v) }) {
				return nil
			}
		}
		if len(own) == 0 || len(others) == 0 {
			return nil
		}
		return one(Finding{
			Sentence: fmt.Sprintf("No way out of %s is in the VLAN of %s.", bridge.Name, p.Name),
			Evidence: append([]string{fmt.Sprintf("bridge vlan: %s is in %v", p.Name, own)}, others...),
			Fix:      []string{fmt.Sprintf("bridge vlan add vid %d dev %s", own[0], strings.Fields(others[0])[0])},
		})
	})
}
