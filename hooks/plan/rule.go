package plan

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// RuleKind is what a firewall rule is about.
type RuleKind string

// The kinds of rule. hooks/firewall holds what each of them comes to in
// nftables and in iptables; none of them is ever a chain or a table of its own,
// so that a host with thousands of guests filters as fast as an empty one.
const (
	// RuleStrict and RuleMAC: what comes from the port Dev is checked before
	// anything else sees it, by hardware address and addresses or by hardware
	// address alone. Bridged says where: on a bridge, or on a routed port.
	RuleStrict RuleKind = "strict"
	RuleMAC    RuleKind = "mac"
	// RuleOwnMAC: MAC is the hardware address of the guest behind Dev.
	RuleOwnMAC RuleKind = "own_mac"
	// RuleOwnAddress: Prefix, an address or a whole prefix, is the guest's
	// behind Dev.
	RuleOwnAddress RuleKind = "own_address"
	// RuleGuestAddress: Prefix is a guest's behind a routed port: no interface may
	// use it as a source but those whose own it is by RuleOwnAddress. A vif and its
	// tap want it both.
	RuleGuestAddress RuleKind = "guest_address"
	// RuleRole: the guest behind Dev, which is checked, may say what Role says.
	RuleRole RuleKind = "role"
	// RuleRouted: Dev is a routed guest port; what it forwards is marked, for
	// other people's firewalls to know it by.
	RuleRouted RuleKind = "routed"
	// RulePrivate: Dev's guest is private; new flows from outside reach it
	// only by DNAT.
	RulePrivate RuleKind = "private"
	// RulePrivate4: the same in IPv4 alone.
	RulePrivate4 RuleKind = "private4"
	// RuleOneToOne: the public address Public stands for the private one: DNAT
	// in, SNAT out.
	RuleOneToOne RuleKind = "one_to_one"
	// RuleMasquerade: what Private sends out of an uplink leaves as Public, which guests
	// may share, or, where that is zero, with the uplink's address. An administrator's own
	// translation comes before it.
	RuleMasquerade RuleKind = "masquerade"
	// RuleMasqueradeAll: what leaves by Dev in IPv4, whoever sends it, leaves as Public, or,
	// where that is zero, with Dev's own address, unless another rule translates it.
	RuleMasqueradeAll RuleKind = "masquerade_all"
	// RuleLeaves: what Private sends out of Dev, an uplink that is this guest's and not the
	// host's, is translated there as it is on the host's: it leaves as Public, or, where
	// that is zero, with the uplink's address. Masquerade: as by RuleMasquerade, else as by
	// RuleOneToOne.
	RuleLeaves RuleKind = "leaves"
	// RuleForward: what arrives for Public, Protocol and the ports First to
	// Last, from From (everywhere, when it is zero), goes to Private: to port
	// To where it is not 0, which takes First to be Last, else to the same
	// port.
	RuleForward RuleKind = "forward"
	// RuleTrusted: Dev is in firewalld's zone that forwards.
	RuleTrusted RuleKind = "trusted"
)

// Rule wants one thing to be in force in the host's firewall, or not to be.
// Which fields mean something depends on Kind.
type Rule struct {
	Kind RuleKind `json:"kind"`
	Dev  Dev      `json:"dev,omitzero"`
	// Bridged: Dev is a port of a bridge, not a routed one.
	Bridged bool `json:"bridged,omitempty"`
	// MAC as the kernel writes it.
	MAC string `json:"mac,omitempty"`
	// Role of the guest's.
	Role Role `json:"role,omitempty"`
	// Prefix is an address (full length) or a prefix.
	Prefix netip.Prefix `json:"prefix,omitzero"`
	// Public and Private are of one family.
	Public  netip.Addr `json:"public,omitzero"`
	Private netip.Addr `json:"private,omitzero"`
	// Protocol is "tcp" or "udp".
	Protocol string       `json:"protocol,omitempty"`
	First    uint16       `json:"first,omitempty"`
	Last     uint16       `json:"last,omitempty"`
	To       uint16       `json:"to,omitempty"`
	From     netip.Prefix `json:"from,omitzero"`
	// Masquerade says by which of two kinds a guest leaves.
	Masquerade bool `json:"masquerade,omitempty"`

	Absent bool `json:"absent,omitempty"`
}

// Key implements Step: a rule is its whole content, but for being there.
func (s Rule) Key() string {
	s.Absent = false
	return fmt.Sprintf("rule %+v", s)
}

// Traits implements Step: what is about a port goes with it; what is about a
// guest's addresses serves its vif and its tap.
func (s Rule) Traits() Traits {
	t := Traits{
		Kind: "rule", Owner: OwnerPort, Absent: s.Absent, Batch: firewallChange,
		Addresses: [3]netip.Addr{s.Public, s.Private, s.Prefix.Masked().Addr()},
	}
	switch s.Kind {
	case RuleGuestAddress, RuleOneToOne, RuleMasquerade, RuleLeaves, RuleForward:
		t.Owner = OwnerNIC
	case RuleMasqueradeAll:
		t.Owner = OwnerNetwork
	}
	return t
}

// Needs implements Step.
func (s Rule) Needs(q *Query) {
	s.Absent = false
	q.Rules = append(q.Rules, s)
}

// Satisfied implements Step.
func (s Rule) Satisfied(h *Snapshot) bool { return h.Rules[s.Key()] != s.Absent }

// Inverse implements Step.
func (s Rule) Inverse(*Snapshot) []Step {
	s.Absent = !s.Absent
	return []Step{s}
}

// Commands implements Step. The lines say what is wanted, not how: a rule is
// elements of several sets with nftables, and something else with iptables.
func (s Rule) Commands() []string {
	words := []string{"#", "firewall:"}
	if s.Absent {
		words = append(words, "no longer:")
	}
	return []string{strings.Join(append(words, s.sentence()...), " ")}
}

// About says in words what the rule is to achieve.
func (s Rule) About() string { return strings.Join(s.sentence(), " ") }

func (s Rule) sentence() []string {
	switch s.Kind {
	case RuleStrict:
		return []string{"check the hardware address and the addresses of all that comes from", s.Dev.Name}
	case RuleMAC:
		return []string{"check the hardware address of all that comes from", s.Dev.Name}
	case RuleOwnMAC:
		return []string{s.MAC, "is the guest behind", s.Dev.Name}
	case RuleOwnAddress:
		return []string{Bare(s.Prefix), "is the guest's behind", s.Dev.Name}
	case RuleRole:
		return []string{"the guest behind", s.Dev.Name, "may", s.Role.may()}
	case RuleGuestAddress:
		return []string{"no other interface may use", Bare(s.Prefix), "as a source"}
	case RuleRouted:
		return []string{"mark what", s.Dev.Name, "forwards"}
	case RuleTrusted:
		return []string{s.Dev.Name, "is in firewalld's zone trusted"}
	case RulePrivate:
		return []string{"drop new connections from outside to the guest behind", s.Dev.Name, "but by its public addresses"}
	case RulePrivate4:
		return []string{"drop new IPv4 connections from outside to the guest behind", s.Dev.Name, "but by its public addresses"}
	case RuleOneToOne:
		return []string{s.Public.String(), "stands for", s.Private.String()}
	case RuleMasquerade:
		if s.Public.IsValid() {
			return []string{s.Private.String(), "leaves as", s.Public.String()}
		}
		return []string{s.Private.String(), "leaves with the uplink's address"}
	case RuleMasqueradeAll:
		as := "with its address"
		if s.Public.IsValid() {
			as = "as " + s.Public.String()
		}
		return []string{"what leaves by", s.Dev.Name, "and is not translated otherwise leaves", as}
	case RuleLeaves:
		as := "the address of that uplink"
		if s.Public.IsValid() {
			as = s.Public.String()
		}
		return []string{s.Private.String(), "leaves by", s.Dev.Name, "as", as}
	case RuleForward:
		ports := fmt.Sprint(s.First)
		if s.Last > s.First {
			ports += fmt.Sprintf("-%d", s.Last)
		}
		words := []string{s.Protocol, ports, "of", s.Public.String()}
		if s.From.IsValid() {
			words = append(words, "when it comes from", Bare(s.From))
		}
		words = append(words, "goes to", s.Private.String())
		if s.To != 0 && s.To != s.First {
			words = append(words, fmt.Sprintf("port %d", s.To))
		}
		return words
	}
	return []string{string(s.Kind)}
}

func (s Rule) pretend(h *Snapshot) {
	h.Rules[s.Key()] = !s.Absent
	h.newRules[s.Key()] = !s.Absent
}

// Bare writes a single address without its length.
func Bare(p netip.Prefix) string {
	if p.IsSingleIP() {
		return p.Addr().String()
	}
	return p.String()
}

// GroupRules takes the rules from the front of steps: they are one change to
// the firewall, which happens at once or not at all.
func GroupRules(steps []Step) (rules []Rule, rest []Step) {
	n := slices.IndexFunc(steps, func(s Step) bool { _, ok := s.(Rule); return !ok })
	if n < 0 {
		n = len(steps)
	}
	for _, s := range steps[:n] {
		rules = append(rules, s.(Rule))
	}
	return rules, steps[n:]
}
