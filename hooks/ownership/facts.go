package ownership

import (
	"net/netip"

	"vifctl/hooks/plan"
)

// Facts are what a claim is held against. The order of its lists means nothing.
type Facts struct {
	// Own are the host's own addresses: those of every interface, but for what records put
	// there (guests' public addresses, the host's side of guests' ports).
	Own []Own
	// NextHops are the gateways of every routing table.
	NextHops []NextHop
	// Networks are those that the host reaches without a gateway, but for guests' ports.
	Networks []Network
	// Listeners are the programs that listen on ports which the claim's forwards are about.
	Listeners []Listener
	// Others are what guests have or are configured to get. The claim's own guest may be
	// among them: it is known, and left out.
	Others []Other
	// Lookups say what the kernel does with a packet to an address (`ip route get`), for
	// each address that the claim asks for; one that was not looked up is judged by the rest.
	Lookups map[netip.Addr]Lookup
}

// Own is an address of the host's own.
type Own struct {
	Dev  string
	Addr netip.Addr
	// First: it is the first of its family on Dev that is the host's own. A forward without
	// an address listens on the uplink's first IPv4 address.
	First bool
}

// NextHop is a gateway that a route leads through.
type NextHop struct {
	Addr netip.Addr
	Dev  string
	// Dst is the route's destination; a default route's has length 0.
	Dst netip.Prefix
	// Table is the routing table's number, 0 and plan.MainTable for the main one.
	Table int
}

// Network is a network on an interface.
type Network struct {
	Dev    string
	Prefix netip.Prefix
}

// Listener is a socket that takes connections or datagrams.
type Listener struct {
	// Addr is unspecified (0.0.0.0 or ::) for every address of the host.
	Addr netip.Addr
	// Only6: a listener on :: takes no IPv4 (IPV6_V6ONLY).
	Only6 bool
	// Protocol is "tcp" or "udp".
	Protocol string
	Port     uint16
	// Program is the listening program's name, "" where it is not known.
	Program string
}

// Other is what one NIC of a guest has.
type Other struct {
	Who
	// Uplink is its way out by name, "" for none.
	Uplink string
	// Routed are the addresses and prefixes that the host routes to it; those of a bridge's
	// port are not among them.
	Routed []netip.Prefix
	// Public are the addresses that stand for its private ones.
	Public []netip.Addr
	// Leaves are the addresses as which what it sends leaves.
	Leaves []netip.Addr
	// Forwards lead to it.
	Forwards []Forward
}

// Fate is what becomes of a packet to an address.
type Fate int

// The fates. Broadcast is that of an interface's network.
const (
	Unreachable Fate = iota
	Local
	Broadcast
	OnLink
	Via
)

// Lookup is the kernel's answer for one address.
type Lookup struct {
	Fate Fate
	// Dev is the interface the packet leaves by, with OnLink and Via.
	Dev string
	// Gateway is the next hop, with Via.
	Gateway netip.Addr
}

// Who is a NIC and its guest.
type Who struct {
	// Guest by name and UUID, each "" where it is not known.
	Guest, UUID string
	// NIC is zero for a guest that does not run.
	NIC plan.NIC
}
