// Package probe asks the network: whether a guest answers for its addresses at
// its own port, whether it answers a ping, and what the rules did with what it
// sent. It sends a few frames to the guests asked about and nothing to anybody
// else; the rules that make the kernel tell of a packet's way go when it ends.
package probe

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"time"

	"vifctl/hooks/survey"
)

// Answer is what one question came to.
type Answer struct {
	Port  string `json:"port"`
	Guest string `json:"guest"`
	// Question is "arp", "neighbour", "ping" or "trace".
	Question string `json:"question"`
	Address  string `json:"address,omitempty"`
	// Good: it is as it should be.
	Good bool `json:"good"`
	// Said is a sentence about it.
	Said string `json:"said"`
}

// patience is how long an answer is waited for; the question is put again every
// third of it.
const patience = 900 * time.Millisecond

// NIC asks about one NIC. A guest without an address is asked nothing.
func NIC(ctx context.Context, f *survey.Facts, n *survey.NIC) (answers []Answer) {
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
			add(question, ip.String(), false, "nobody behind %s answers for %s: the guest has not that address, or is not up", p.Name, ip)
			continue
		case n.MAC != "" && mac.String() != n.MAC:
			add(question, ip.String(), false, "%s answers for %s, and the guest's hardware address is %s", mac, ip, n.MAC)
		default:
			add(question, ip.String(), true, "%s answers for %s after %s", mac, ip, took.Round(10*time.Microsecond))
		}
		if reachable(f, n, p, ip) {
			good, said, trace := pingTraced(ctx, p.Name, ip)
			add("ping", ip.String(), good, "%s", said)
			if trace != "" {
				add("trace", ip.String(), good, "%s", trace)
			}
		} else {
			add("ping", ip.String(), true, "%s is not pinged: no route of this host leads to it by %s", ip, where(f, n, p))
		}
	}
	if !asked {
		add("arp", "", true, "nobody told vifctl of an address of the guest's, so it is asked for none")
	}
	return answers
}

func where(f *survey.Facts, n *survey.NIC, p *survey.Port) string {
	if bridge := f.Bridge(n); bridge != "" {
		return bridge
	}
	return p.Name
}

// sourceOf is the host's address that it asks with: its own on the port, or none
// (an ARP probe, RFC 5227).
func sourceOf(f *survey.Facts, p *survey.Port, to netip.Addr) netip.Addr {
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
func reachable(f *survey.Facts, n *survey.NIC, p *survey.Port, ip netip.Addr) bool {
	r, ok := survey.BestRoute(f, ip)
	if !ok || r.Blocked {
		return false
	}
	return r.Index == p.Link.Index || f.Host.Links[r.Index].Name == f.Bridge(n)
}

// ownMAC is an interface's hardware address.
func ownMAC(index int) (net.HardwareAddr, error) {
	l, err := net.InterfaceByIndex(index)
	if err != nil {
		return nil, err
	}
	return l.HardwareAddr, nil
}
