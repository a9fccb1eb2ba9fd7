package ownership

import (
	"fmt"
	"net/netip"
	"slices"

	"vifctl/hooks/plan"
)

// Claim is what one NIC asks for.
type Claim struct {
	Who
	// Mode by name.
	Mode string
	// Ports are the interfaces that lead to the guest, by name: this NIC's vif and tap, and
	// those of the guest's old domain while it moves. What leads there already is its own.
	Ports []string
	// Bridge that the port joins, "" for none.
	Bridge string
	// Uplink is the guest's way out by name: where none was named, the default route's
	// device; "" for none.
	Uplink string
	// Addresses of the guest, and prefixes routed to it. A single address has its family's
	// full length.
	Addresses []netip.Prefix
	// Public addresses that are to stand for its private ones.
	Public []netip.Addr
	// Leaves are the addresses as which what it sends leaves; guests may share them, and they
	// may be the host's own.
	Leaves []netip.Addr
	// Gateway and Gateway6 are what the host is to answer for as the guest's gateways, zero
	// for none. RuleGateway: Gateway follows from the guest's address by vif-nat's rule.
	Gateway, Gateway6 netip.Addr
	RuleGateway       bool
	Forwards          []Forward
}

// Forward is a range of ports that leads to a guest.
type Forward struct {
	// Listen is zero for the first own IPv4 address of the uplink.
	Listen netip.Addr
	// Protocol is "tcp" or "udp".
	Protocol    string
	First, Last uint16
	// From is who may connect, zero for everyone.
	From netip.Prefix
}

// ForwardOf takes what a rule of kind plan.RuleForward says of it.
func ForwardOf(r plan.Rule) Forward {
	return Forward{Listen: r.Public, Protocol: r.Protocol, First: r.First, Last: r.Last, From: r.From}
}

// bridged: frames reach the guest without the host as a router, so that its addresses are
// its network's business.
func (c Claim) bridged() bool { return c.Mode == "bridge" || c.Mode == "openvswitch" }

// translated: public addresses and forwards come into force.
func (c Claim) translated() bool { return !c.bridged() && c.Mode != "route" }

// answered reports whether others are to reach the guest by its own address, for which the
// host then answers on the uplink: in mode nat IPv4 is private.
func (c Claim) answered(a netip.Addr) bool { return c.Mode != "nat" || a.Is6() }

// leadsTo reports whether an interface is one of the guest's ports.
func (c Claim) leadsTo(dev string) bool { return slices.Contains(c.Ports, dev) }

// Same reports whether two NICs are one guest's: by the UUID, and where one is not known by
// the NIC or the name.
func (w Who) Same(o Who) bool {
	if w.UUID != "" && o.UUID != "" {
		return w.UUID == o.UUID
	}
	return w.NIC == o.NIC && w.NIC != plan.NIC{} || w.Guest == o.Guest && w.Guest != ""
}

func (w Who) String() string {
	switch {
	case w.Guest != "":
		return "guest " + w.Guest
	case w.NIC != plan.NIC{}:
		return fmt.Sprintf("domain %d", w.NIC.Domid)
	}
	return "another guest"
}

// Meets reports whether some packet is for both, which listen on one address.
func (f Forward) Meets(o Forward) bool {
	return f.Protocol == o.Protocol && f.First <= o.Last && o.First <= f.Last &&
		(!f.From.IsValid() || !o.From.IsValid() || f.From.Overlaps(o.From))
}

func (f Forward) String() string {
	if f.Last > f.First {
		return fmt.Sprintf("%s ports %d to %d", f.Protocol, f.First, f.Last)
	}
	return fmt.Sprintf("%s port %d", f.Protocol, f.First)
}
