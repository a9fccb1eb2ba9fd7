package plan

import (
	"fmt"
	"net/netip"
)

// Flows wants no connection of before to go on: what the kernel tracks is
// forgotten when the NIC, or what let the connections in, comes and when it
// goes.
type Flows struct {
	// IP is an address whose connections these are, either way; zero where By
	// is given.
	IP netip.Addr `json:"ip,omitzero"`
	// By is a forward (RuleForward): the connections are those to its public
	// address and ports.
	By Rule `json:"by,omitzero"`
}

// Key implements Step.
func (s Flows) Key() string {
	if s.IP.IsValid() {
		return "flows " + s.IP.String()
	}
	return "flows by " + s.By.Key()
}

// Traits implements Step.
func (Flows) Traits() Traits {
	return Traits{Kind: "flows", Owner: OwnerNIC, Batch: conntrackTable}
}

// Needs implements Step.
func (Flows) Needs(*Query) {}

// Satisfied implements Step: a NIC that is already there keeps its
// connections.
func (s Flows) Satisfied(h *Snapshot) bool { return h.Known[s.Key()] }

// Inverse implements Step: what was tracked meanwhile goes, too.
func (s Flows) Inverse(*Snapshot) []Step { return []Step{s} }

// Commands implements Step.
func (s Flows) Commands() []string {
	if !s.IP.IsValid() {
		argv := []string{"conntrack", "-D", "-p", s.By.Protocol, "--orig-dst", s.By.Public.String()}
		if s.By.First == s.By.Last {
			return []string{Command(append(argv, "--orig-port-dst", fmt.Sprint(s.By.First))...)}
		}
		return []string{Command(argv...) + fmt.Sprintf(" # the ports %d to %d alone", s.By.First, s.By.Last)}
	}
	return []string{
		Command("conntrack", "-D", "-s", s.IP.String()),
		Command("conntrack", "-D", "-d", s.IP.String()),
	}
}

func (Flows) pretend(*Snapshot) {}
