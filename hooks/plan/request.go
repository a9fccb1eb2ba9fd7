package plan

import (
	"fmt"
	"net/netip"
)

// Kind is the kind of a port: the PV backend's vif or the emulated NIC's tap.
type Kind string

// The two kinds of port a NIC can have.
const (
	Vif Kind = "vif"
	Tap Kind = "tap"
)

// Other returns the kind of the sibling port: a vif and its tap are one NIC.
func (k Kind) Other() Kind {
	if k == Vif {
		return Tap
	}
	return Vif
}

// NIC identifies one network interface of one guest on this host, as Xen
// numbers them.
type NIC struct {
	Domid int `json:"domid"`
	Devid int `json:"devid"`
}

func (n NIC) String() string { return fmt.Sprintf("%d.%d", n.Domid, n.Devid) }

// Dev is one interface of this host. Index, the kernel's ifindex, is its
// identity; Name is what it is called when the step that holds it is taken.
// Index 0 is an interface that does not exist yet.
type Dev struct {
	Name  string `json:"name"`
	Index int    `json:"index"`
}

// IsZero reports whether d names no interface at all.
func (d Dev) IsZero() bool { return d == Dev{} }

// ForGuests is what a network asks for the guests on it, where the
// configuration says nothing of it.
type ForGuests struct {
	// Antispoof is "" for nothing asked.
	Antispoof Antispoof `json:"antispoof,omitempty"`
	DHCP      bool      `json:"dhcp,omitempty"`
}

// NoUplink is what a network is called that routes its guests and has no uplink: they reach the
// host and each other.
const NoUplink = "none"

// Words say it as the configuration would, a setting each.
func (g ForGuests) Words() (words []string) {
	if g.Antispoof != "" {
		words = append(words, fmt.Sprintf("antispoof = %q", g.Antispoof))
	}
	if g.DHCP {
		words = append(words, `dhcp = "dnsmasq"`)
	}
	return words
}

// Request is what a mode is asked: make this port work.
type Request struct {
	NIC  NIC
	Kind Kind
	// Port is the interface under its final name.
	Port Dev
	// Guest is what Xen calls the domain, "" where that could not be read.
	Guest string
	// UUID of the guest, "" where that could not be read.
	UUID string
	// MAC is the guest's own hardware address, not the port's.
	MAC string
	// IPs are the guest's addresses and the prefixes routed to it. An address
	// without a prefix length has its family's full length.
	IPs []netip.Prefix
	// MTU in bytes, 0 where none was asked for.
	MTU int
	// Rate is how much the guest may send.
	Rate Rate
	// VLANs that the port is to be in, ascending; none is what its bridge
	// gives every port.
	VLANs []VLANRange
	// Bridge and Uplink by name, "" for the mode's default.
	Bridge string
	Uplink string
	// HostUplink is the one that the whole host is told to use, "" for none: what leaves by
	// another one is translated for those guests alone whose uplink it is.
	HostUplink string
	// FrontendMTU is the xenstore path the guest reads its MTU from.
	FrontendMTU string
	// Emulated: the port carries the emulated NIC's traffic, a tap or the vif
	// of a guest's stub domain.
	Emulated bool

	// Gateway is the guest's IPv4 gateway where it is configured, zero for the
	// mode's own rule.
	Gateway netip.Addr
	// Gateway6 is the same in IPv6; fe80::1 is there in any case.
	Gateway6 netip.Addr
	// Public addresses that stand for the guest's private ones, one to one.
	Public []netip.Addr
	// Forwards are port forwards; Kind and Private are the mode's to fill in,
	// and Public where it is zero.
	Forwards []Rule
	// NAT66: IPv6 is masqueraded, too, instead of routed. NoMasquerade: what
	// has no public address does not leave at all.
	NAT66, NoMasquerade bool
	// MasqueradeAs are the addresses, one of each family at most, as which what is
	// masqueraded leaves instead of with the uplink's.
	MasqueradeAs []netip.Addr
	// Open6: new flows from outside reach the guest's own IPv6 addresses, in a
	// mode in which they do not by themselves.
	Open6 bool

	// DHCP: the guest gets its IPv4 address by DHCP.
	DHCP bool

	// Antispoof is how much of what the guest sends is checked, "" for off.
	Antispoof Antispoof
	// Roles that a guest which is checked may have all the same.
	Roles []Role
	// LinkLocal are the guest's IPv6 link-local addresses; without any it is
	// the one that follows from its MAC, with AnyLinkLocal all.
	LinkLocal    []netip.Addr
	AnyLinkLocal bool
	// Trusted: firewalld is to forward for a routed port.
	Trusted bool
}
