package plan

import (
	"fmt"
	"slices"
	"strconv"
)

// Link is one interface.
type Link struct {
	Dev
	MAC string
	// MTU in bytes.
	MTU int
	// Master is the ifindex of the bridge it is enslaved to, 0 for none.
	Master int
	// Lower is the ifindex of the one it stands on, as a VLAN does, 0 for none.
	Lower  int
	Up     bool
	Bridge bool
	// Guest: it leads to a guest, as a record says. Only the host's side of a mode asks.
	Guest bool
	// VLANs and DefaultPVID are a bridge's: whether it keeps VLANs apart, and
	// the VLAN that it puts untagged frames of its ports into, 0 for none.
	VLANs       VLANFiltering
	DefaultPVID int
	// GroupForward is a bridge's port's group_fwd_mask: which reserved groups it takes as
	// all others. 0 for what is no such port.
	GroupForward int
}

// Name wants an interface to be called Want.
type Name struct {
	Dev  Dev    `json:"dev"` // Dev.Name is what it is called now
	Want string `json:"want"`
}

// MAC wants an interface to have a hardware address, written as the kernel
// does (fe:ff:ff:ff:ff:ff).
type MAC struct {
	Dev  Dev    `json:"dev"`
	Want string `json:"want"`
	// Tolerant: a driver that refuses is worth a warning, not a failure.
	Tolerant bool `json:"tolerant,omitempty"`
}

// MTU wants an interface to carry frames of up to Want bytes of payload.
type MTU struct {
	Dev      Dev  `json:"dev"`
	Want     int  `json:"want"`
	Tolerant bool `json:"tolerant,omitempty"`
}

// Master wants an interface to be a port of a bridge, or of none.
type Master struct {
	Dev    Dev `json:"dev"`
	Bridge Dev `json:"bridge,omitzero"`
	// Guarded: what comes from the port is checked, so the bridge takes its frames for the
	// reserved groups (01:80:c2:00:00:00 to …:0f) as it takes all others. By itself it hands
	// spanning tree's, LLDP's and their kind to the host, and learns from them where their
	// source is, before any filter of a bridge's sees them: a guest could have another's
	// frames sent to itself. A port that is no longer guarded keeps that until it leaves.
	Guarded bool `json:"guarded,omitempty"`
}

// AllGroups is a guarded port's group_fwd_mask: a bit for each reserved group, but for that
// of pause frames, which a bridge drops, and which a mask must not have
// (net/bridge/br_netlink.c).
const AllGroups = 0xfffd

// Up wants an interface to be administratively up, or down.
type Up struct {
	Dev  Dev  `json:"dev"`
	Want bool `json:"want"`
}

func key(what string, d Dev) string { return what + " " + strconv.Itoa(d.Index) }

// Key implements Step.
func (s Name) Key() string { return key("name", s.Dev) }

// Traits implements Step.
func (s Name) Traits() Traits {
	return Traits{Kind: "name", Owner: OwnerPort, Dev: s.Dev}
}

// Needs implements Step.
func (s Name) Needs(q *Query) { q.needLink(s.Dev) }

// Satisfied implements Step.
func (s Name) Satisfied(h *Snapshot) bool { return h.Links[s.Dev.Index].Name == s.Want }

// Inverse implements Step.
func (s Name) Inverse(h *Snapshot) []Step {
	l, ok := h.Links[s.Dev.Index]
	if !ok {
		return nil
	}
	return []Step{Name{Dev: Dev{Name: s.Want, Index: s.Dev.Index}, Want: l.Name}}
}

// Commands implements Step.
func (s Name) Commands() []string {
	return []string{Command("ip", "link", "set", "dev", s.Dev.Name, "name", s.Want)}
}

func (s Name) pretend(h *Snapshot) { h.change(s.Dev, func(l *Link) { l.Name = s.Want }) }

// Key implements Step.
func (s MAC) Key() string { return key("mac", s.Dev) }

// Traits implements Step.
func (s MAC) Traits() Traits {
	return Traits{Kind: "mac", Owner: OwnerPort, Dev: s.Dev, Tolerant: s.Tolerant, Batch: linkMessage, Rank: 1}
}

// Needs implements Step.
func (s MAC) Needs(q *Query) { q.needLink(s.Dev) }

// Satisfied implements Step.
func (s MAC) Satisfied(h *Snapshot) bool { return h.Links[s.Dev.Index].MAC == s.Want }

// Inverse implements Step.
func (s MAC) Inverse(h *Snapshot) []Step {
	l, ok := h.Links[s.Dev.Index]
	if !ok || l.MAC == "" {
		return nil
	}
	return []Step{MAC{Dev: s.Dev, Want: l.MAC, Tolerant: s.Tolerant}}
}

// Commands implements Step.
func (s MAC) Commands() []string {
	return []string{Command("ip", "link", "set", "dev", s.Dev.Name, "address", s.Want)}
}

func (s MAC) pretend(h *Snapshot) { h.change(s.Dev, func(l *Link) { l.MAC = s.Want }) }

// Key implements Step.
func (s MTU) Key() string { return key("mtu", s.Dev) }

// Traits implements Step.
func (s MTU) Traits() Traits {
	return Traits{Kind: "mtu", Owner: OwnerPort, Dev: s.Dev, Tolerant: s.Tolerant, Batch: linkMessage, Rank: 2}
}

// Needs implements Step.
func (s MTU) Needs(q *Query) { q.needLink(s.Dev) }

// Satisfied implements Step.
func (s MTU) Satisfied(h *Snapshot) bool { return h.Links[s.Dev.Index].MTU == s.Want }

// Inverse implements Step.
func (s MTU) Inverse(h *Snapshot) []Step {
	l, ok := h.Links[s.Dev.Index]
	if !ok || l.MTU == 0 {
		return nil
	}
	return []Step{MTU{Dev: s.Dev, Want: l.MTU, Tolerant: s.Tolerant}}
}

// Commands implements Step.
func (s MTU) Commands() []string {
	return []string{Command("ip", "link", "set", "dev", s.Dev.Name, "mtu", strconv.Itoa(s.Want))}
}

func (s MTU) pretend(h *Snapshot) {
	h.change(s.Dev, func(l *Link) {
		// The kernel keeps no IPv6 settings of a link too small for IPv6, and
		// makes them anew, with its own values, when the link grows.
		if l.MTU > 0 && l.MTU < MinMTU6 && s.Want >= MinMTU6 {
			h.newIPv6[s.Dev.Index] = true
		}
		l.MTU = s.Want
	})
}

// MinMTU6 is the least MTU that IPv6 runs on (RFC 8200, section 5).
const MinMTU6 = 1280

// Key implements Step.
func (s Master) Key() string { return key("master", s.Dev) }

// Traits implements Step.
func (s Master) Traits() Traits {
	t := Traits{
		Kind: "master", Owner: OwnerPort, Dev: s.Dev, Beside: s.Bridge, Absent: s.Bridge.IsZero(), Admits: !s.Bridge.IsZero(),
		Batch: linkMessage, Rank: 3,
	}
	if s.Guarded {
		t.Batch = "" // it takes several messages
	}
	return t
}

// Needs implements Step. Its VLANs go with a port that leaves its bridge.
func (s Master) Needs(q *Query) { BridgeVLAN{Dev: s.Dev}.Needs(q) }

// Satisfied implements Step.
func (s Master) Satisfied(h *Snapshot) bool {
	l, ok := h.Links[s.Dev.Index]
	return ok && l.Master == s.Bridge.Index && (!s.Guarded || l.GroupForward == AllGroups)
}

// Inverse implements Step. A port that was in another bridge goes back there,
// if that bridge is still there then.
func (s Master) Inverse(h *Snapshot) []Step {
	l, ok := h.Links[s.Dev.Index]
	if !ok {
		return nil
	}
	before := Master{Dev: s.Dev}
	if l.Master != 0 {
		before.Bridge = Dev{Name: h.Links[l.Master].Name, Index: l.Master}
		before.Guarded = l.GroupForward == AllGroups
	}
	if now, ok := h.VLANs[s.Dev.Index]; ok && !slices.Equal(now, h.Links[l.Master].vlansOfMember()) {
		return []Step{before, BridgeVLAN{Dev: s.Dev, VLANs: now}}
	}
	return []Step{before}
}

// Commands implements Step.
func (s Master) Commands() []string {
	if s.Bridge.IsZero() {
		return []string{Command("ip", "link", "set", "dev", s.Dev.Name, "nomaster")}
	}
	lines := []string{Command("ip", "link", "set", "dev", s.Dev.Name, "master", s.Bridge.Name)}
	if s.Guarded {
		lines = append(lines, Command("ip", "link", "set", "dev", s.Dev.Name, "type", "bridge_slave", "group_fwd_mask", fmt.Sprintf("%#x", AllGroups)))
	}
	return lines
}

func (s Master) pretend(h *Snapshot) {
	h.change(s.Dev, func(l *Link) {
		if l.Master != s.Bridge.Index {
			l.Master, l.GroupForward = s.Bridge.Index, 0
		}
		if s.Guarded {
			l.GroupForward = AllGroups
		}
	})
	delete(h.VLANs, s.Dev.Index)
	if b := h.Links[s.Bridge.Index]; b.VLANs == VLANsApart {
		h.VLANs[s.Dev.Index] = b.vlansOfMember()
	}
}

// Key implements Step.
func (s Up) Key() string { return key("up", s.Dev) }

// Traits implements Step.
func (s Up) Traits() Traits {
	return Traits{Kind: "up", Owner: OwnerPort, Dev: s.Dev, Admits: s.Want, Batch: linkMessage, Rank: 4}
}

// Needs implements Step.
func (s Up) Needs(q *Query) { q.needLink(s.Dev) }

// Satisfied implements Step.
func (s Up) Satisfied(h *Snapshot) bool {
	l, ok := h.Links[s.Dev.Index]
	return ok && l.Up == s.Want
}

// Inverse implements Step.
func (s Up) Inverse(*Snapshot) []Step { return []Step{Up{Dev: s.Dev, Want: !s.Want}} }

// Commands implements Step.
func (s Up) Commands() []string {
	state := "down"
	if s.Want {
		state = "up"
	}
	return []string{Command("ip", "link", "set", "dev", s.Dev.Name, state)}
}

func (s Up) pretend(h *Snapshot) { h.change(s.Dev, func(l *Link) { l.Up = s.Want }) }

// Reshape returns the steps that give a port its name and hardware address.
// Both are refused by many drivers while the port is up, so it is taken down
// first where one of them has to change.
func Reshape(now Link, name, mac string) []Step {
	port := Dev{Name: name, Index: now.Index}
	var steps []Step
	if now.Up && (now.Name != name || mac != "" && now.MAC != mac) {
		steps = append(steps, Up{Dev: now.Dev, Want: false})
	}
	// Wanted even where it is set: an earlier call may have set it.
	steps = append(steps, Name{Dev: now.Dev, Want: name})
	if mac != "" {
		steps = append(steps, MAC{Dev: port, Want: mac, Tolerant: true})
	}
	return steps
}

func (q *Query) needLink(d Dev) {
	if d.Index != 0 {
		q.Indexes = append(q.Indexes, d.Index)
	}
}

func (s *Snapshot) change(d Dev, f func(*Link)) {
	l, ok := s.Links[d.Index]
	if !ok {
		l.Dev = d
	}
	f(&l)
	s.Links[d.Index] = l
}

// String names a device for a sentence.
func (d Dev) String() string {
	if d.Name == "" {
		return fmt.Sprintf("interface number %d", d.Index)
	}
	return d.Name
}
