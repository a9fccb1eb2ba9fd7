package plan

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// A Switch is a bridge of Open vSwitch's.
type Switch struct {
	Name string
	// Parent and Tag of a fake bridge: one VLAN of another bridge. Parent is
	// "" for a real one.
	Parent string
	Tag    int
	// Controlled: only a controller says where frames go, be there one or not
	// (fail_mode=secure), so that flows of ours would be in its way.
	Controlled bool
	// SpanningTree: it takes part in spanning tree, whose frames it reads before any flow
	// sees them.
	SpanningTree bool
}

// SwitchMember is what Open vSwitch has under a port's name. A port is known
// to it by that name, not by the interface's ifindex, and it is remembered
// across reboots.
type SwitchMember struct {
	Bridge string
	// Tag is the VLAN of untagged frames, 0 for none. Trunks are the VLANs of
	// tagged ones, ascending; without a tag and without trunks it is all.
	Tag    int
	Trunks []int
	// Mode is the vlan_mode, "" for the one that follows from the two.
	Mode string
	// IDs are the external_ids of its Interface.
	IDs map[string]string
	// Broken says why the switch could not take the interface, "" where it
	// could.
	Broken string
}

// NativeUntagged is the vlan_mode of a port with a tag and trunks.
const NativeUntagged = "native-untagged"

// GuestID is the external id by which the port of a guest is known.
const GuestID = "xen-vm-uuid"

// SwitchPort wants an interface to be a port of a bridge of Open vSwitch's; of
// none, where Bridge is "".
type SwitchPort struct {
	Dev    Dev               `json:"dev"`
	Bridge string            `json:"bridge,omitempty"`
	Tag    int               `json:"tag,omitempty"`
	Trunks []int             `json:"trunks,omitempty"`
	Mode   string            `json:"vlan_mode,omitempty"`
	IDs    map[string]string `json:"external_ids,omitempty"`
}

// Key implements Step. An interface that gets another name is another port.
func (s SwitchPort) Key() string { return "switch port " + s.Dev.Name }

// Traits implements Step.
func (s SwitchPort) Traits() Traits {
	return Traits{Kind: "switch_port", Owner: OwnerPort, Absent: s.Bridge == ""}
}

// Needs implements Step.
func (s SwitchPort) Needs(q *Query) { q.SwitchPorts = append(q.SwitchPorts, s.Dev.Name) }

// Satisfied implements Step.
func (s SwitchPort) Satisfied(h *Snapshot) bool {
	now, ok := h.SwitchPorts[s.Dev.Name]
	if s.Bridge == "" || !ok {
		return s.Bridge == "" && !ok
	}
	return now.Broken == "" && now.Bridge == s.Bridge && now.Tag == s.Tag && slices.Equal(now.Trunks, s.Trunks) && now.Mode == s.Mode && maps.Equal(now.IDs, s.IDs)
}

// Inverse implements Step. A guest's port that is there already was left
// behind by a guest that has gone (the database outlives a crash) and is not
// wanted back; any other port is put back.
func (s SwitchPort) Inverse(h *Snapshot) []Step {
	undo := SwitchPort{Dev: s.Dev}
	if now, ok := h.SwitchPorts[s.Dev.Name]; ok && (s.Bridge == "" || now.IDs[GuestID] == "") {
		undo.Bridge, undo.Tag, undo.Trunks, undo.Mode, undo.IDs = now.Bridge, now.Tag, now.Trunks, now.Mode, now.IDs
	}
	return []Step{undo}
}

// Commands implements Step.
func (s SwitchPort) Commands() []string { return []string{Command(s.Argv()...)} }

// Argv is the one ovs-vsctl transaction that the step is. It waits for the
// switch, but not for ever, and each value is a string of JSON: a guest may be
// called anything.
func (s SwitchPort) Argv() []string {
	words := []string{"ovs-vsctl", "--timeout=" + strconv.Itoa(SwitchTimeout), "--", "--if-exists", "del-port", s.Dev.Name}
	if s.Bridge == "" {
		return words
	}
	words = append(words, "--", "add-port", s.Bridge, s.Dev.Name)
	if s.Tag != 0 {
		words = append(words, "tag="+strconv.Itoa(s.Tag))
	}
	if len(s.Trunks) > 0 {
		words = append(words, "trunks="+numbers(s.Trunks))
	}
	if s.Mode != "" {
		words = append(words, "vlan_mode="+s.Mode)
	}
	if len(s.IDs) > 0 {
		words = append(words, "--", "set", "Interface", s.Dev.Name)
		for _, k := range slices.Sorted(maps.Keys(s.IDs)) {
			words = append(words, "external_ids:"+quoteJSON(k)+"="+quoteJSON(s.IDs[k]))
		}
	}
	return words
}

// SwitchTimeout is how long, in seconds, a program of Open vSwitch's may take.
const SwitchTimeout = 10

func (s SwitchPort) pretend(h *Snapshot) {
	// A new port, even of the same name, has another number: the flows of the
	// old one match no packet.
	maps.DeleteFunc(h.SwitchGuards, func(key string, _ bool) bool { return strings.HasPrefix(key, guardOf(s.Dev)) })
	if s.Bridge == "" {
		delete(h.SwitchPorts, s.Dev.Name)
		return
	}
	h.SwitchPorts[s.Dev.Name] = SwitchMember{Bridge: s.Bridge, Tag: s.Tag, Trunks: s.Trunks, Mode: s.Mode, IDs: s.IDs}
}

func numbers(list []int) string {
	words := make([]string, len(list))
	for i, n := range list {
		words[i] = strconv.Itoa(n)
	}
	return strings.Join(words, ",")
}

// quoteJSON makes a string of JSON, which Open vSwitch reads as one whatever
// is in it; but for NUL, which it does not take.
func quoteJSON(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range strings.ToValidUTF8(s, "\ufffd") {
		switch {
		case r == 0:
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < 0x20:
			b.WriteString(`\u00` + string("0123456789abcdef"[r>>4]) + string("0123456789abcdef"[r&15]))
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// SwitchText is what Open vSwitch remembers of a text that it is given.
func SwitchText(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\ufffd"), "\x00", "")
}
