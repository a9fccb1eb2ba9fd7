package plan

import (
	"net/netip"
	"strconv"
)

// HostRequest is what a mode is asked for the host's side of it: what the
// network-* scripts of old were asked to start.
type HostRequest struct {
	// Uplink by name, "" for the default route's device.
	Uplink string
	// NoUplink: a bridge for guests alone.
	NoUplink bool
	// Bridge by name, "" for the mode's default.
	Bridge string
	// Index and MAC are for a bridge that is to be made: an ifindex and a
	// hardware address that nothing has.
	Index int
	MAC   string
	// Guests that the host's tables are to have room for, 0 to leave them.
	Guests int
	// Masquerade: what leaves by the uplink in IPv4 is masqueraded, whoever sends it, as
	// MasqueradeAs, or, where that is zero, with the uplink's address.
	Masquerade   bool
	MasqueradeAs netip.Addr
	// DownToRename: this kernel renames only what is down.
	DownToRename bool
	// Ours are the ifindexes of the bridges that networks of ours have.
	Ours []int
}

// Bridge wants a bridge to be there, or not to be: without spanning tree and
// without the 15 s that a port of it would wait for one. It is made down, under
// an ifindex that was chosen for it, so that a process that removes it takes
// no other.
type Bridge struct {
	Dev Dev `json:"dev"`
	// MAC is set for good: a bridge without one takes the least of its ports'.
	MAC    string `json:"mac,omitempty"`
	Absent bool   `json:"absent,omitempty"`
}

// Key implements Step.
func (s Bridge) Key() string { return key("bridge", s.Dev) }

// Traits implements Step.
func (s Bridge) Traits() Traits {
	return Traits{Kind: "bridge", Owner: OwnerNetwork, Dev: s.Dev, Absent: s.Absent}
}

// Needs implements Step.
func (s Bridge) Needs(q *Query) { q.needLink(s.Dev) }

// Satisfied implements Step.
func (s Bridge) Satisfied(h *Snapshot) bool {
	l, there := h.Links[s.Dev.Index]
	return (there && l.Bridge && l.Name == s.Dev.Name) != s.Absent
}

// Inverse implements Step.
func (s Bridge) Inverse(*Snapshot) []Step {
	s.Absent = !s.Absent
	return []Step{s}
}

// Commands implements Step.
func (s Bridge) Commands() []string {
	if s.Absent {
		return []string{Command("ip", "link", "del", "dev", s.Dev.Name)}
	}
	words := []string{"ip", "link", "add", "name", s.Dev.Name, "index", strconv.Itoa(s.Dev.Index)}
	if s.MAC != "" {
		words = append(words, "address", s.MAC)
	}
	return []string{Command(append(words, "type", "bridge", "stp_state", "0", "forward_delay", "0")...)}
}

func (s Bridge) pretend(h *Snapshot) {
	if !s.Absent {
		h.Links[s.Dev.Index] = Link{Dev: s.Dev, MAC: s.MAC, MTU: 1500, Bridge: true}
		return
	}
	delete(h.Links, s.Dev.Index)
	delete(h.Addresses, s.Dev.Index)
	delete(h.Routes, s.Dev.Index)
	for fact := range h.Sysctls {
		if fact.Index == s.Dev.Index {
			delete(h.Sysctls, fact)
		}
	}
}
