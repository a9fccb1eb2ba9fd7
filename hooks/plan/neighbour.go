package plan

import "net/netip"

// NeighbourKey is one proxy entry of the neighbour table: Dev answers for IP.
type NeighbourKey struct {
	Index int
	IP    netip.Addr
}

// ProxyNeighbour wants an interface to answer neighbour solicitations (IPv6)
// for an address that lives behind another one, or not to. The kernel has no
// proxy_arp for IPv6: besides proxy_ndp it takes one such entry an address.
// The entry stands on the uplink and serves the whole NIC.
type ProxyNeighbour struct {
	Dev    Dev        `json:"dev"`
	IP     netip.Addr `json:"ip"`
	Absent bool       `json:"absent,omitempty"`
}

// Key implements Step.
func (s ProxyNeighbour) Key() string { return key("proxy neighbour "+s.IP.String(), s.Dev) }

// Traits implements Step. The entry is on the uplink, and serves the whole NIC.
func (s ProxyNeighbour) Traits() Traits {
	return Traits{
		Kind: "proxy_neighbour", Owner: OwnerNIC, Beside: s.Dev, Absent: s.Absent, Unannounced: true, Addresses: [3]netip.Addr{s.IP},
	}
}

// Needs implements Step.
func (s ProxyNeighbour) Needs(q *Query) {
	if s.Dev.Index != 0 {
		q.Neighbours = append(q.Neighbours, s.key())
	}
}

// Satisfied implements Step.
func (s ProxyNeighbour) Satisfied(h *Snapshot) bool { return h.Neighbours[s.key()] != s.Absent }

// Inverse implements Step.
func (s ProxyNeighbour) Inverse(*Snapshot) []Step {
	return []Step{ProxyNeighbour{Dev: s.Dev, IP: s.IP, Absent: !s.Absent}}
}

// Commands implements Step.
func (s ProxyNeighbour) Commands() []string {
	verb := "replace"
	if s.Absent {
		verb = "del"
	}
	return []string{Command("ip", "neighbour", verb, "proxy", s.IP.String(), "dev", s.Dev.Name)}
}

func (s ProxyNeighbour) pretend(h *Snapshot) { h.Neighbours[s.key()] = !s.Absent }

func (s ProxyNeighbour) key() NeighbourKey { return NeighbourKey{Index: s.Dev.Index, IP: s.IP} }

// Neighbour wants an interface to know an address's hardware address for good,
// without asking whoever may answer.
type Neighbour struct {
	Dev    Dev        `json:"dev"`
	IP     netip.Addr `json:"ip"`
	MAC    string     `json:"mac"`
	Absent bool       `json:"absent,omitempty"`
}

// Key implements Step.
func (s Neighbour) Key() string { return key("neighbour "+s.IP.String(), s.Dev) }

// Traits implements Step.
func (s Neighbour) Traits() Traits {
	return Traits{Kind: "neighbour", Owner: OwnerPort, Dev: s.Dev, Absent: s.Absent}
}

// Needs implements Step.
func (s Neighbour) Needs(q *Query) {
	if s.Dev.Index != 0 {
		q.Permanent = append(q.Permanent, s.fact())
	}
}

// Satisfied implements Step. A DHCP server that leases the address enters the same hardware address
// anew, for a time: the host asks again when that is over, and knows meanwhile.
func (s Neighbour) Satisfied(h *Snapshot) bool {
	if !s.Absent && h.Known[s.Key()] && h.Learnt[s.fact()] == s.MAC {
		return true
	}
	mac, ok := h.Permanent[s.fact()]
	return ok != s.Absent && (s.Absent || mac == s.MAC)
}

// Inverse implements Step.
func (s Neighbour) Inverse(h *Snapshot) []Step {
	undo := s
	if mac, ok := h.Permanent[s.fact()]; ok {
		undo.MAC, undo.Absent = mac, false
	} else {
		undo.Absent = true
	}
	return []Step{undo}
}

// Commands implements Step.
func (s Neighbour) Commands() []string {
	if s.Absent {
		return []string{Command("ip", "neighbour", "del", s.IP.String(), "dev", s.Dev.Name)}
	}
	return []string{Command("ip", "neighbour", "replace", s.IP.String(), "lladdr", s.MAC, "dev", s.Dev.Name, "nud", "permanent")}
}

func (s Neighbour) pretend(h *Snapshot) {
	if s.Absent {
		delete(h.Permanent, s.fact())
	} else {
		h.Permanent[s.fact()] = s.MAC
	}
}

func (s Neighbour) fact() NeighbourKey { return NeighbourKey{Index: s.Dev.Index, IP: s.IP} }
