// Package probe asks the network: whether a guest answers for its addresses at
// its own port, whether it answers a ping, and what the rules did with what it
// sent. Nothing can be sent in a guest's name: its way to its gateway is judged by
// an answer that goes there. The package sends a few frames to the guests asked
// about and asks for their bridge's gateway, nothing else; the rules that make the
// kernel tell of a packet's way go when it ends.
package probe

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"time"

	"vifctl/hooks/doctor/inventory"
	"vifctl/hooks/kernel"
	"vifctl/hooks/plan"
)

// Answer is what one question came to.
type Answer struct {
	Port  string `json:"port"`
	Guest string `json:"guest"`
	// Question is "arp", "neighbour", "ping", "gateway" or "trace".
	Question string `json:"question"`
	Address  string `json:"address,omitempty"`
	// Good: the answer is the expected one.
	Good bool `json:"good"`
	// Unasked: the question could not be put.
	Unasked bool `json:"unasked,omitempty"`
	// Said is a sentence about it.
	Said string `json:"said"`
}

// patience is how long an answer is waited for; the question is put again every
// third of it.
const patience = 900 * time.Millisecond

// NIC asks about one NIC. A guest without an address is asked nothing.
func NIC(ctx context.Context, f *inventory.Facts, n *inventory.NIC) (answers []Answer) {
	p := n.Carrier()
	add := func(question, address string, good bool, format string, args ...any) {
		a := Answer{Guest: n.Guest, Question: question, Address: address, Good: good, Said: fmt.Sprintf(format, args...)}
		if p != nil {
			a.Port = p.Name
		}
		answers = append(answers, a)
	}
	if p == nil || p.Link == nil {
		add("arp", "", false, "there is no interface to ask at")
		return answers
	}
	asked := false
	for _, prefix := range n.Addresses {
		if !prefix.IsSingleIP() {
			continue
		}
		asked = true
		ip := prefix.Addr()
		question := "arp"
		if ip.Is6() {
			question = "neighbour"
		}
		mac, took, err := whoHas(ctx, p.Link.Index, sourceOf(f, p, ip), ip)
		switch {
		case err != nil:
			add(question, ip.String(), false, "%s could not be asked for at %s: %v", ip, p.Name, err)
			continue
		case mac == nil:
			add(question, ip.String(), false, "no machine behind %s answers for %s: the guest does not have that address, or is not up", p.Name, ip)
			continue
		case n.MAC != "" && mac.String() != n.MAC:
			add(question, ip.String(), false, "%s answers for %s, and the guest's hardware address is %s", mac, ip, n.MAC)
		default:
			add(question, ip.String(), true, "%s answers for %s after %s", mac, ip, took.Round(10*time.Microsecond))
		}
		if reachable(f, n, p, ip) {
			good, said, trace := pingTraced(ctx, p.Name, gatewayOf(f, n, p, ip), ip)
			add("ping", ip.String(), good, "%s", said)
			if trace != "" {
				add("trace", ip.String(), good, "%s", trace)
			}
		} else {
			add("ping", ip.String(), true, "%s is not pinged: no route of this host leads to it by %s", ip, where(f, n, p))
			answers[len(answers)-1].Unasked = true
		}
	}
	if g, bridge, ok := beyond(f, n); ok {
		mac, took, err := whoHas(ctx, bridge.Index, sourceOf(f, &inventory.Port{Link: &bridge}, g), g)
		switch {
		case err != nil:
			add("gateway", g.String(), false, "%s, the gateway of this network, could not be asked for at %s: %v", g, bridge.Name, err)
		case mac == nil:
			add("gateway", g.String(), false, "no machine at %s answers for %s, the gateway of this network", bridge.Name, g)
		default:
			add("gateway", g.String(), true, "%s, the gateway of this network, answers at %s after %s; whether the guest reaches it only the guest can tell: ping %s there",
				g, bridge.Name, took.Round(10*time.Microsecond), g)
		}
	}
	if !asked {
		add("arp", "", true, "vifctl was told no address of the guest, so it asks for none")
		answers[len(answers)-1].Unasked = true
	}
	return answers
}

func where(f *inventory.Facts, n *inventory.NIC, p *inventory.Port) string {
	if bridge := f.Bridge(n); bridge != "" {
		return bridge
	}
	return p.Name
}

// gatewayOf is the address on a routed port that the guest has as its gateway: a
// ping from there is answered to the gateway. It is not valid where there is none.
func gatewayOf(f *inventory.Facts, n *inventory.NIC, p *inventory.Port, ip netip.Addr) netip.Addr {
	if own := sourceOf(f, p, ip); ip.Is4() && !own.IsUnspecified() && f.Bridge(n) == "" {
		return own
	}
	return netip.Addr{}
}

// beyond is the gateway of a bridged guest's network, which is another machine: as
// far as the host is told of it, by its own default route through the bridge.
func beyond(f *inventory.Facts, n *inventory.NIC) (gateway netip.Addr, bridge kernel.Link, ok bool) {
	bridge, ok = f.Host.Named(f.Bridge(n))
	r, found := f.Host.Default(false)
	if !ok || !found || r.Index() != bridge.Index || !r.Gateway().Is4() {
		return gateway, bridge, false
	}
	same := slices.ContainsFunc(f.Host.Addresses[bridge.Index], func(own plan.Addr) bool {
		return own.Prefix.Contains(r.Gateway()) && slices.ContainsFunc(n.Addresses, func(a netip.Prefix) bool { return own.Prefix.Contains(a.Addr()) })
	})
	return r.Gateway(), bridge, same
}

// sourceOf is the host's address that it asks with: its own on the port, or none
// (an ARP probe, RFC 5227).
func sourceOf(f *inventory.Facts, p *inventory.Port, to netip.Addr) netip.Addr {
	for _, a := range f.Host.Addresses[p.Link.Index] {
		if own := a.Prefix.Addr(); own.Is6() == to.Is6() && (to.Is4() || own.IsLinkLocalUnicast()) {
			return own
		}
	}
	if to.Is6() {
		return netip.IPv6Unspecified()
	}
	return netip.IPv4Unspecified()
}

// reachable reports whether the host's own way to an address is the guest's
// port, or its bridge.
func reachable(f *inventory.Facts, n *inventory.NIC, p *inventory.Port, ip netip.Addr) bool {
	r, ok := inventory.BestRoute(f, ip)
	if !ok || r.Blocked() {
		return false
	}
	return r.Index() == p.Link.Index || f.Host.Links[r.Index()].Name == f.Bridge(n)
}

// ownMAC is an interface's hardware address.
func ownMAC(index int) (net.HardwareAddr, error) {
	l, err := net.InterfaceByIndex(index)
	if err != nil {
		return nil, err
	}
	return l.HardwareAddr, nil
}
