package plan

import "net/netip"

// Answers wants a neighbour to answer, asked by ARP or neighbour discovery
// through an interface: a gateway that answered before its host was rewired has
// to do so afterwards. There is nothing to undo.
type Answers struct {
	Dev Dev        `json:"dev"`
	IP  netip.Addr `json:"ip"`
}

// Key implements Step.
func (s Answers) Key() string { return key("answer of "+s.IP.String(), s.Dev) }

// Traits implements Step.
func (Answers) Traits() Traits {
	return Traits{Kind: "answers", Owner: OwnerNetwork, Passing: true}
}

// Needs implements Step.
func (Answers) Needs(*Query) {}

// Satisfied implements Step.
func (Answers) Satisfied(*Snapshot) bool { return false }

// Inverse implements Step.
func (Answers) Inverse(*Snapshot) []Step { return nil }

// Commands implements Step.
func (s Answers) Commands() []string {
	if s.IP.Is6() {
		return []string{Command("ndisc6", s.IP.WithZone("").String(), s.Dev.Name)}
	}
	return []string{Command("arping", "-f", "-w", "5", "-I", s.Dev.Name, s.IP.String())}
}

func (Answers) pretend(*Snapshot) {}
