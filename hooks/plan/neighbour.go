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

// Owner implements Step.
func (ProxyNeighbour) Owner() Owner { return OwnerNIC }

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
	return []string{command("ip", "neighbour", verb, "proxy", s.IP.String(), "dev", s.Dev.Name)}
}

func (s ProxyNeighbour) pretend(h *Snapshot) { h.Neighbours[s.key()] = !s.Absent }

func (s ProxyNeighbour) key() NeighbourKey { return NeighbourKey{Index: s.Dev.Index, IP: s.IP} }
