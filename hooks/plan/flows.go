package plan

import (
	"fmt"
	"net/netip"
	"slices"
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
	// Without: the connections are those that By (RuleForward, RuleOneToOne or
	// RuleMasquerade) is about and that the kernel remembers otherwise, since they began
	// without it. A packet that comes while the rules do makes such an entry, which
	// stays for as long as packets come: so it is forgotten behind the rules, whenever
	// these had been missing.
	Without bool `json:"without,omitempty"`
}

// Key implements Step.
func (s Flows) Key() string {
	if s.IP.IsValid() {
		return "flows " + s.IP.String()
	}
	if s.Without {
		return "flows without " + s.By.Key()
	}
	return "flows by " + s.By.Key()
}

// Traits implements Step.
func (s Flows) Traits() Traits {
	if s.Without {
		return Traits{Kind: "flows", Owner: OwnerHost, Passing: true, Batch: conntrackTable}
	}
	return Traits{Kind: "flows", Owner: OwnerNIC, Batch: conntrackTable}
}

// Needs implements Step.
func (Flows) Needs(*Query) {}

// Satisfied implements Step: a NIC that is already there keeps its
// connections, and a rule that was in force all along has let none pass without it.
func (s Flows) Satisfied(h *Snapshot) bool {
	if s.Without {
		return h.Rules[s.By.Key()] && !h.newRules[s.By.Key()]
	}
	return h.Known[s.Key()]
}

// Inverse implements Step: what was tracked meanwhile goes, too.
func (s Flows) Inverse(*Snapshot) []Step {
	if s.Without {
		return nil
	}
	return []Step{s}
}

// Commands implements Step. The program fails where there is no such connection.
func (s Flows) Commands() []string {
	lines := s.commands()
	for i := range lines {
		lines[i] += " || true"
	}
	return lines
}

func (s Flows) commands() []string {
	if s.Without {
		return s.commandsWithout()
	}
	if s.IP.IsValid() {
		return []string{
			Command("conntrack", "-D", "-s", s.IP.String()),
			Command("conntrack", "-D", "-d", s.IP.String()),
		}
	}
	argv := []string{"conntrack", "-D", "-p", s.By.Protocol, "--orig-dst", s.By.Public.String()}
	var lines []string
	for port := s.By.First; ; port++ {
		lines = append(lines, Command(append(slices.Clone(argv), "--orig-port-dst", fmt.Sprint(port))...))
		if port >= s.By.Last {
			return lines
		}
	}
}

// commandsWithout forget what was not translated at all, which is all that the program can
// be told.
func (s Flows) commandsWithout() (lines []string) {
	public, private := s.By.Public.String(), s.By.Private.String()
	switch s.By.Kind {
	case RuleForward:
		argv := []string{"conntrack", "-D", "-p", s.By.Protocol, "--orig-dst", public}
		if s.By.First == s.By.Last {
			argv = append(argv, "--orig-port-dst", fmt.Sprint(s.By.First))
		}
		return []string{Command(append(argv, "--reply-src", public)...)}
	case RuleOneToOne:
		lines = append(lines, Command("conntrack", "-D", "--orig-dst", public, "--reply-src", public))
	}
	return append(lines, Command("conntrack", "-D", "--orig-src", private, "--reply-dst", private))
}

func (Flows) pretend(*Snapshot) {}
