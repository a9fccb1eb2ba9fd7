package plan

import (
	"fmt"
)

// GroupForward wants a bridge to take frames for the reserved groups
// (01:80:c2:00:00:00 to …:0f) from a port as it takes all others. By itself it hands
// spanning tree's, LLDP's and their kind to the host and learns from them where their
// source is, before any filter of a bridge's sees them; so a guest could have another's
// frames sent to itself.
type GroupForward struct {
	Dev Dev `json:"dev"`
	// Mask is the port's group_fwd_mask: a bit a group.
	Mask int `json:"mask"`
}

// AllGroups are the reserved groups but pause frames', which a bridge drops, and which
// its port's mask must not have (net/bridge/br_netlink.c).
const AllGroups = 0xfffd

// Key implements Step.
func (s GroupForward) Key() string { return key("group_fwd_mask", s.Dev) }

// Traits implements Step.
func (s GroupForward) Traits() Traits {
	return Traits{Kind: "group_forward", Owner: OwnerPort, Dev: s.Dev}
}

// Needs implements Step.
func (s GroupForward) Needs(q *Query) { q.needLink(s.Dev) }

// Satisfied implements Step.
func (s GroupForward) Satisfied(h *Snapshot) bool {
	l, ok := h.Links[s.Dev.Index]
	return ok && l.GroupForward == s.Mask
}

// Inverse implements Step.
func (s GroupForward) Inverse(h *Snapshot) []Step {
	l, ok := h.Links[s.Dev.Index]
	if !ok {
		return nil
	}
	return []Step{GroupForward{Dev: s.Dev, Mask: l.GroupForward}}
}

// Commands implements Step.
func (s GroupForward) Commands() []string {
	return []string{Command("ip", "link", "set", "dev", s.Dev.Name, "type", "bridge_slave", "group_fwd_mask", fmt.Sprintf("%#x", s.Mask))}
}

func (s GroupForward) pretend(h *Snapshot) {
	h.change(s.Dev, func(l *Link) { l.GroupForward = s.Mask })
}
