package plan

import "net/netip"

// Flows wants no connection of before to go on with an address: what the
// kernel tracks of it is forgotten when the NIC comes and when it goes.
type Flows struct {
	IP netip.Addr `json:"ip"`
}

// Key implements Step.
func (s Flows) Key() string { return "flows " + s.IP.String() }

// Owner implements Step.
func (Flows) Owner() Owner { return OwnerNIC }

// Needs implements Step.
func (Flows) Needs(*Query) {}

// Satisfied implements Step: a NIC that is already there keeps its
// connections.
func (s Flows) Satisfied(h *Snapshot) bool { return h.Known[s.Key()] }

// Inverse implements Step: what was tracked meanwhile goes, too.
func (s Flows) Inverse(*Snapshot) []Step { return []Step{s} }

// Commands implements Step.
func (s Flows) Commands() []string {
	return []string{
		Command("conntrack", "-D", "-s", s.IP.String()),
		Command("conntrack", "-D", "-d", s.IP.String()),
	}
}

func (Flows) pretend(*Snapshot) {}
