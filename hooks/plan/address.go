package plan

import (
	"net/netip"
	"slices"
	"strconv"
)

// Addr is one address of an interface, with all that is needed to put it back.
type Addr struct {
	// Prefix is the address with its prefix length (192.0.2.1/24).
	Prefix netip.Prefix `json:"prefix"`
	// Peer of a point-to-point address, zero without one.
	Peer netip.Prefix `json:"peer,omitzero"`
	// Broadcast, zero without one (IPv4 only).
	Broadcast netip.Addr `json:"broadcast,omitzero"`
	// Label, where it is not simply the interface's name (IPv4 only).
	Label string `json:"label,omitempty"`
	// Scope is the kernel's RT_SCOPE_* number: 0 global, 253 link, 254 host.
	Scope int `json:"scope,omitempty"`
	// NoPrefixRoute: the kernel makes no route to the prefix.
	NoPrefixRoute bool `json:"noprefixroute,omitempty"`
	// NoDAD: used at once, without duplicate address detection (IPv6 only).
	NoDAD bool `json:"nodad,omitempty"`

	// Deprecated: not to be chosen as a source (IPv6 only).
	Deprecated bool `json:"deprecated,omitempty"`

	// Metric of the route to the prefix that the kernel makes, 0 for its own
	// choice.
	Metric int `json:"metric,omitempty"`
	// Valid and Preferred are lifetimes in seconds, Valid 0 for ever.
	Valid     uint32 `json:"valid,omitempty"`
	Preferred uint32 `json:"preferred,omitempty"`
	// ManageTemporary: the kernel makes and renews temporary addresses beside
	// it (RFC 8981, IPv6 only).
	ManageTemporary bool `json:"manage_temporary,omitempty"`
	// Origin is the kernel's IFAPROT_* number of who made it, 0 for a person.
	Origin int `json:"origin,omitempty"`
	// Proven: it was in use on another interface of ours, so no other host has
	// it, and it is usable at once (IPv6 only).
	Proven bool `json:"proven,omitempty"`

	// Secondary, told by the kernel and never wanted: an IPv4 address behind
	// another of its subnet, or a temporary IPv6 one.
	Secondary bool `json:"-"`
	// Dynamic, told by the kernel and never wanted: made by the kernel (autoconfiguration) or with a lifetime.
	Dynamic bool `json:"-"`
	// Guests, found out and never wanted: it was put on the interface for a guest, and is
	// none of the host's own.
	Guests bool `json:"-"`
}

// Network is the network that the address is in: for one with a peer, what the peer is in.
func (a Addr) Network() netip.Prefix {
	if a.Peer.IsValid() {
		return a.Peer.Masked()
	}
	return a.Prefix.Masked()
}

// Address wants an interface to have an address, or not to have it.
type Address struct {
	Dev    Dev  `json:"dev"`
	Addr   Addr `json:"addr"`
	Absent bool `json:"absent,omitempty"`
	// NIC: it serves the vif and the tap alike (a public address on the
	// uplink), not one port.
	NIC bool `json:"nic,omitempty"`
}

// Key implements Step.
func (s Address) Key() string {
	return key("address "+s.Addr.Prefix.String()+" "+s.Addr.Peer.String(), s.Dev)
}

// Traits implements Step.
func (s Address) Traits() Traits {
	t := Traits{
		Kind: "address", Owner: OwnerPort, Dev: s.Dev, Absent: s.Absent, Passing: s.Addr.Valid != 0,
		Addresses: [3]netip.Addr{s.Addr.Prefix.Addr()},
	}
	if s.NIC {
		t.Owner = OwnerNIC
	}
	return t
}

// Needs implements Step.
func (s Address) Needs(q *Query) {
	if s.Dev.Index != 0 {
		q.Addresses = append(q.Addresses, s.Dev.Index)
	}
}

// Satisfied implements Step.
func (s Address) Satisfied(h *Snapshot) bool { return (s.find(h) >= 0) != s.Absent }

// Inverse implements Step.
func (s Address) Inverse(h *Snapshot) []Step {
	undo := s
	undo.Absent = !s.Absent
	if i := s.find(h); i >= 0 {
		undo.Addr = h.Addresses[s.Dev.Index][i]
		undo.Addr.Proven = s.Addr.Proven
	}
	return []Step{undo}
}

// Commands implements Step.
func (s Address) Commands() []string {
	a := s.Addr
	if s.Absent {
		return []string{Command("ip", "address", "del", a.Prefix.String(), "dev", s.Dev.Name)}
	}
	words := []string{"ip", "address", "replace", a.Prefix.String()}
	if a.Peer.IsValid() {
		words = []string{"ip", "address", "replace", a.Prefix.Addr().String(), "peer", a.Peer.String()}
	}
	if a.Broadcast.IsValid() {
		words = append(words, "broadcast", a.Broadcast.String())
	}
	words = append(words, "dev", s.Dev.Name)
	if a.Scope != 0 {
		words = append(words, "scope", scopeName(a.Scope))
	}
	if a.NoDAD {
		words = append(words, "nodad")
	}
	if a.NoPrefixRoute {
		words = append(words, "noprefixroute")
	}
	if a.Metric != 0 {
		words = append(words, "metric", strconv.Itoa(a.Metric))
	}
	if a.ManageTemporary {
		words = append(words, "mngtmpaddr")
	}
	if a.Valid != 0 {
		words = append(words, "valid_lft", strconv.FormatUint(uint64(a.Valid), 10),
			"preferred_lft", strconv.FormatUint(uint64(a.Preferred), 10))
	} else if a.Deprecated {
		words = append(words, "preferred_lft", "0")
	}
	return []string{Command(words...)}
}

func (s Address) pretend(h *Snapshot) {
	list := h.Addresses[s.Dev.Index]
	i := s.find(h)
	switch {
	case s.Absent && i >= 0:
		h.Addresses[s.Dev.Index] = slices.Delete(list, i, i+1)
	case !s.Absent && i < 0:
		h.Addresses[s.Dev.Index] = append(list, s.Addr)
	}
}

// find returns where the address stands in h, -1 where it does not.
func (s Address) find(h *Snapshot) int {
	return slices.IndexFunc(h.Addresses[s.Dev.Index], func(a Addr) bool {
		return a.Prefix == s.Addr.Prefix && a.Peer == s.Addr.Peer
	})
}

// scopeName is how ip(8) writes the kernel's RT_SCOPE_* numbers.
func scopeName(scope int) string {
	switch scope {
	case 0:
		return "global"
	case 253:
		return "link"
	case 254:
		return "host"
	default:
		return strconv.Itoa(scope)
	}
}
