package configs

import (
	"fmt"
	"net/netip"
	"strings"

	"vifctl/hooks/plan"
)

// AnyNIC is the NIC of an entry that is about all of a guest's NICs.
const AnyNIC = -1

// Guest is what one [[guest]] entry says, with what [host] says for all guests
// filled in. (The index leaves out what is zero.)
type Guest struct {
	// Name, UUID and MAC say which guest: all that are not "" must match. UUID
	// and MAC are in lower case, with dashes and with colons.
	Name, UUID, MAC string `json:",omitzero"`
	// NIC is the index of the NIC (Xen's devid), or AnyNIC.
	NIC int `json:",omitzero"`

	// Mode by name, "" where the called script's name decides.
	Mode string `json:",omitzero"`
	// Bridge by name, "" for what the backend or the mode says.
	Bridge string `json:",omitzero"`
	// VLANs of its bridge's that the guest is in, ascending. They replace the
	// backend's `vlan`.
	VLANs []plan.VLANRange `json:",omitzero"`
	// Uplink by name, "" for the default route's device.
	Uplink string `json:",omitzero"`
	// Addresses are the guest's own addresses, with their family's full length,
	// and the networks routed to it. They replace the backend's `ip`.
	Addresses []netip.Prefix `json:",omitzero"`
	// Public are the one-to-one addresses: the first IPv4 one stands for the
	// guest's first own IPv4 address, the second for the second, and so in IPv6.
	// See OneToOne.
	Public []netip.Addr `json:",omitzero"`
	// Gateway is what the guest uses as its gateway in a routed mode.
	Gateway Gateway `json:",omitzero"`
	// Antispoof is the host's where the entry does not say.
	Antispoof Antispoof `json:",omitzero"`
	// DHCP is the host's where the entry does not say.
	DHCP DHCP `json:",omitzero"`
	// Allow are the roles that a guest which is checked may have, each once.
	Allow []plan.Role `json:",omitzero"`
	// LinkLocal are the IPv6 link-local addresses the guest may use.
	LinkLocal LinkLocal `json:",omitzero"`
	// NAT66: IPv6 addresses are masqueraded too; else IPv6 is routed. Public
	// and forwarded IPv6 addresses do not depend on it.
	NAT66 bool `json:",omitzero"`
	// Open6: in mode nat, hosts outside may open connections to the guest's
	// IPv6 addresses; else none may.
	Open6 bool `json:",omitzero"`
	// Masquerade: what has no public address leaves with the uplink's. True in
	// mode nat where the entry does not say and has no public address.
	Masquerade bool `json:",omitzero"`
	// MasqueradeAs are the addresses as which what is masqueraded leaves instead; the host's
	// where the entry does not say.
	MasqueradeAs Gateway `json:",omitzero"`
	// Trusted: a routed port of the guest's joins firewalld's zone trusted. It is
	// the host's to say.
	Trusted bool `json:",omitzero"`
	// Forwards are the ports of the host's that lead to the guest.
	Forwards []Forward `json:",omitzero"`
}

// LinkLocal are the IPv6 link-local addresses a guest may use. Its zero value is
// the address made of the hardware address (EUI-64, RFC 4291), and nothing else.
type LinkLocal struct {
	// Any: every address in fe80::/10.
	Any bool `json:",omitzero"`
	// Addresses replace the one made of the hardware address.
	Addresses []netip.Addr `json:",omitzero"`
}

// Forward leads ports of one of the host's addresses to the guest's first own
// address of that family.
type Forward struct {
	// Listen is the zero address for the uplink's own first IPv4 address.
	Listen netip.Addr `json:",omitzero"`
	// First to Last, at most MostPorts, lead to as many ports from To on.
	First, Last, To uint16 `json:",omitzero"`
	// Protocols are "tcp", "udp" or both.
	Protocols []string `json:",omitzero"`
	// From are the networks that may connect; none given means all.
	From []netip.Prefix `json:",omitzero"`
}

// MostPorts is how many ports one forward may have: each is an element in the
// kernel, and 1,000 of them take 0.9 ms.
const MostPorts = 1024

// Match is what Xen says about one NIC; "" where it could not be read.
type Match struct {
	Name, UUID, MAC string
	Devid           int
}

// Guest finds the entry that is about a NIC. An entry that knows it by MAC comes
// before one that knows it by UUID, and that before one that knows the guest's
// name; among those one with a NIC index comes first. Where no entry is about
// the NIC, the Guest holds what [host] says for all of them.
func (c Config) Guest(m Match) (Guest, bool) {
	best, candidates := c.best(m)
	if best < 0 {
		return c.Host.guest(), false
	}
	return candidates[best], true
}

// best finds the place of the entry that is about a NIC among those that may
// be, -1 where none is.
func (c Config) best(m Match) (best int, candidates []Guest) {
	m.UUID, m.MAC = strings.ToLower(m.UUID), strings.ToLower(m.MAC)
	candidates = c.guests
	if c.index != nil {
		candidates = c.index.candidates(m)
	}
	best = -1
	for i := range candidates {
		if g := &candidates[i]; g.matches(m) && (best < 0 || g.precision() > candidates[best].precision()) {
			best = i
		}
	}
	return best, candidates
}

// Guests returns all entries, in the order of the files.
func (c Config) Guests() []Guest {
	if c.index != nil {
		return c.index.all()
	}
	return c.guests
}

func (g *Guest) matches(m Match) bool {
	return (g.Name == "" || g.Name == m.Name) &&
		(g.UUID == "" || g.UUID == m.UUID) &&
		(g.MAC == "" || g.MAC == m.MAC) &&
		(g.NIC == AnyNIC || g.NIC == m.Devid)
}

// precision orders the entries that are about the same NIC.
func (g *Guest) precision() (p int) {
	for i, given := range []bool{g.NIC != AnyNIC, g.Name != "", g.UUID != "", g.MAC != ""} {
		if given {
			p |= 1 << i
		}
	}
	return p
}

// String names the guest as its entry does: guest "win2008-1", nic 0.
func (g Guest) String() string {
	s := "guest"
	switch {
	case g.Name != "":
		s += fmt.Sprintf(" %q", g.Name)
	case g.UUID != "":
		s += " " + g.UUID
	case g.MAC != "":
		s += " " + g.MAC
	}
	if g.NIC != AnyNIC {
		s += fmt.Sprintf(", nic %d", g.NIC)
	}
	return s
}

// Pair is a public address and the private one it stands for.
type Pair struct{ Public, Private netip.Addr }

// OneToOne pairs the public addresses with addresses, which are the guest's own
// or, where its entry has none, the backend's. Public addresses that have no
// partner are left over.
func (g Guest) OneToOne(addresses []netip.Prefix) (pairs []Pair, left []netip.Addr) {
	taken := make([]bool, len(addresses))
public:
	for _, p := range g.Public {
		for i, a := range addresses {
			if !taken[i] && a.IsSingleIP() && a.Addr().Is4() == p.Is4() {
				taken[i] = true
				pairs = append(pairs, Pair{Public: p, Private: a.Addr()})
				continue public
			}
		}
		left = append(left, p)
	}
	return pairs, left
}
