package configs

import "net/netip"

// Config is the whole configuration, of all its files.
type Config struct {
	Host   Host
	guests []Guest
	// index stands for guests where there are too many to read in a call.
	index *index
}

// Standard is the configuration that holds without any file: it does what Xen's
// own scripts do.
func Standard() Config { return Config{Host: Host{}.orStandard()} }

// Firewall is what the rules are given to.
type Firewall string

// The firewalls. FirewallAuto is nftables wherever the kernel has it.
const (
	FirewallAuto     Firewall = "auto"
	FirewallNftables Firewall = "nftables"
	FirewallIptables Firewall = "iptables"
)

// Antispoof is how closely a guest is looked at.
type Antispoof string

// The kinds of antispoofing: by hardware address and addresses, by hardware
// address alone, or not at all.
const (
	AntispoofStrict Antispoof = "strict"
	AntispoofMAC    Antispoof = "mac"
	AntispoofOff    Antispoof = "off"
)

// DHCP is who tells guests their addresses.
type DHCP string

// By DHCP: a dnsmasq that vifctl tells what to lease, or no server that vifctl
// knows of.
const (
	DHCPDnsmasq DHCP = "dnsmasq"
	DHCPOff     DHCP = "off"
)

// StandardMark is the bit that packets of routed guests carry, for other
// people's firewalls to know them by.
const StandardMark uint32 = 0x10000000

// Firewalld is how to live beside firewalld.
type Firewalld string

// FirewalldTrust has routed ports join firewalld's zone trusted; FirewalldIgnore
// leaves firewalld to the administrator.
const (
	FirewalldTrust  Firewalld = "trust"
	FirewalldIgnore Firewalld = "ignore"
)

// Host is what holds for every guest.
type Host struct {
	// Uplink is the host's way out, by name; "" is the default route's device.
	// A guest's own gatewaydev= wins.
	Uplink string
	// Firewall is FirewallAuto where nothing is said.
	Firewall Firewall
	// Antispoof is "" where nothing is said: then it is for the guest's network
	// to say, and else AntispoofOff, as upstream.
	Antispoof Antispoof
	// DHCP is "" where nothing is said: then it is for the guest's network to
	// say, and else DHCPOff.
	DHCP DHCP
	// Gateway is what guests in routed modes use as their gateway.
	Gateway Gateway
	// MasqueradeAs is what is masqueraded as which address, for guests that do not say.
	MasqueradeAs Gateway
	// MasqueradeGuests: that is guests alone, also where a network is asked for that
	// masquerades all that leaves.
	MasqueradeGuests bool
	// Mark is one bit or more, never 0; StandardMark where nothing is said.
	Mark uint32
	// Firewalld is FirewalldIgnore where nothing is said.
	Firewalld Firewalld
	// Guests that the kernel's tables are to have room for, 0 to leave them as
	// they are.
	Guests int
	// Networks are started at boot.
	Networks Networks
}

// All are the addresses that are given.
func (g Gateway) All() (list []netip.Addr) {
	for _, a := range []netip.Addr{g.IPv4, g.IPv6} {
		if a.IsValid() {
			list = append(list, a)
		}
	}
	return list
}

// Gateway is an address for each family; the zero address where none is given.
type Gateway struct {
	IPv4, IPv6 netip.Addr `json:",omitzero"`
}

// For returns the gateway of the same family as a.
func (g Gateway) For(a netip.Addr) netip.Addr {
	if a.Is4() {
		return g.IPv4
	}
	return g.IPv6
}

// orStandard fills in what the configuration does not say.
func (h Host) orStandard() Host {
	if h.Firewall == "" {
		h.Firewall = FirewallAuto
	}
	if h.Mark == 0 {
		h.Mark = StandardMark
	}
	if h.Firewalld == "" {
		h.Firewalld = FirewalldIgnore
	}
	return h
}

// guest is what holds for a guest that no entry is about.
func (h Host) guest() Guest {
	return Guest{NIC: AnyNIC, Uplink: h.Uplink, Gateway: h.Gateway, Antispoof: h.Antispoof, DHCP: h.DHCP, Masquerade: true, MasqueradeAs: h.MasqueradeAs, Trusted: h.Firewalld == FirewalldTrust}
}
