package plan

import (
	"fmt"
	"net/netip"
	"strings"
)

// SwitchGuard wants what comes from a port of Open vSwitch's to be checked, by
// flows of OpenFlow, before any other flow of its bridge sees it; or not to
// be.
type SwitchGuard struct {
	Dev    Dev    `json:"dev"`
	Bridge string `json:"bridge"`
	// NIC and Kind are what the flows are known by.
	NIC  NIC  `json:"nic"`
	Kind Kind `json:"kind"`
	// MAC is the guest's own. Strict: the addresses in Own are all it has;
	// else the hardware address alone is checked.
	MAC    string         `json:"mac"`
	Strict bool           `json:"strict,omitempty"`
	Own    []netip.Prefix `json:"own,omitempty"`
	// Tagged: the guest may send tagged frames; in which VLANs is the port's
	// business.
	Tagged bool `json:"tagged,omitempty"`
	// Roles that the guest may have all the same.
	Roles  []Role `json:"roles,omitempty"`
	Absent bool   `json:"absent,omitempty"`
}

// Key implements Step: a guard is its whole content, but for being there.
func (s SwitchGuard) Key() string {
	return fmt.Sprintf("%sof %s %s %v %t %s", guardOf(s.Dev), s.Bridge, s.MAC, s.Own, s.Tagged, s.Roles)
}

// guardOf begins the keys of what guards a port.
func guardOf(port Dev) string { return "switch guard " + port.Name + " " }

// Traits implements Step.
func (s SwitchGuard) Traits() Traits {
	return Traits{Kind: "switch_guard", Owner: OwnerPort, Absent: s.Absent}
}

// Needs implements Step.
func (s SwitchGuard) Needs(q *Query) { q.SwitchGuards = append(q.SwitchGuards, s) }

// Satisfied implements Step.
func (s SwitchGuard) Satisfied(h *Snapshot) bool { return h.SwitchGuards[s.Key()] != s.Absent }

// Inverse implements Step.
func (s SwitchGuard) Inverse(*Snapshot) []Step {
	s.Absent = !s.Absent
	return []Step{s}
}

// Commands implements Step. The line says what is wanted: it is a bundle of
// flows, with the port's number in them, which it has when it is there.
func (s SwitchGuard) Commands() []string {
	what := "check the hardware address"
	if s.Strict {
		own := make([]string, len(s.Own))
		for i, p := range s.Own {
			own[i] = Bare(p)
		}
		what += " and the addresses (" + strings.Join(own, ", ") + ")"
	}
	if s.Absent {
		what = "no longer: " + what
	}
	return []string{fmt.Sprintf("# openflow of %s: %s of all that comes from %s (%s)", s.Bridge, what, s.Dev.Name, s.MAC)}
}

func (s SwitchGuard) pretend(h *Snapshot) { h.SwitchGuards[s.Key()] = !s.Absent }

// GuardSwitch is Guard for a port of Open vSwitch's.
func (p *Plan) GuardSwitch(r Request, bridge Switch, tagged bool) ([]Step, error) {
	level, own, err := p.heldTo(r)
	if err != nil || level == AntispoofOff {
		return nil, err
	}
	if bridge.Controlled {
		return nil, fmt.Errorf("%s: antispoofing is on, but the flows of %s are a controller's: let its port security do it, and write antispoof = \"off\" for this guest", r.Port, bridge.Name)
	}
	if bridge.SpanningTree {
		p.Warn("%s takes part in spanning tree, and reads what guests say of it before antispoofing does: a guest can become its root; `ovs-vsctl set port %s other_config:stp-enable=false other_config:rstp-enable=false` keeps this one from it",
			bridge.Name, r.Port.Name)
	}
	at := bridge.Name
	if bridge.Parent != "" {
		at = bridge.Parent
	}
	return []Step{SwitchGuard{
		Dev: r.Port, Bridge: at, NIC: r.NIC, Kind: r.Kind, MAC: r.MAC,
		Strict: level == AntispoofStrict, Own: own, Tagged: tagged, Roles: r.Roles,
	}}, nil
}
