package plan

import (
	"maps"
	"slices"
)

// Forwarding wants the host to forward the packets of a family. It is more than
// a setting: the kernel makes every interface's own setting follow it, and
// IPv4's turns the acceptance of redirects round (inet_forward_change of
// net/ipv4/devinet.c, addrconf_forward_change of net/ipv6/addrconf.c). So what
// undoes it puts those back as well.
type Forwarding struct {
	// Family is 4 or 6.
	Family int `json:"family"`
}

// Paths of the settings, below /proc/sys.
const (
	forwardPath4   = "net/ipv4/ip_forward"
	forwardPath6   = "net/ipv6/conf/all/forwarding"
	defaultPath4   = "net/ipv4/conf/default/forwarding"
	defaultPath6   = "net/ipv6/conf/default/forwarding"
	redirectsPath4 = "net/ipv4/conf/all/accept_redirects"
)

// Path is the setting that turns it on, below /proc/sys.
func (s Forwarding) Path() string {
	if s.Family == 6 {
		return forwardPath6
	}
	return forwardPath4
}

// beside are the settings of the whole host that the kernel changes with it.
func (s Forwarding) beside() []string {
	if s.Family == 6 {
		return []string{defaultPath6}
	}
	return []string{defaultPath4, redirectsPath4}
}

// own is every interface's setting that follows it.
func (s Forwarding) own() SysctlName {
	if s.Family == 6 {
		return SysctlName{Table: "ipv6/conf", Name: "forwarding"}
	}
	return SysctlName{Table: "ipv4/conf", Name: "forwarding"}
}

// Key implements Step.
func (s Forwarding) Key() string { return "setting " + s.Path() }

// Traits implements Step.
func (Forwarding) Traits() Traits {
	return Traits{Kind: "forwarding", Owner: OwnerNetwork}
}

// Needs implements Step.
func (s Forwarding) Needs(q *Query) {
	q.Settings = append(append(q.Settings, s.Path()), s.beside()...)
	q.Everywhere = append(q.Everywhere, s.own())
}

// Satisfied implements Step.
func (s Forwarding) Satisfied(h *Snapshot) bool { return h.Settings[s.Path()] == "1" }

// Inverse implements Step.
func (s Forwarding) Inverse(h *Snapshot) []Step {
	before, there := h.Settings[s.Path()]
	if !there {
		return nil
	}
	undo := []Step{Setting{Path: s.Path(), Want: before}}
	for _, path := range s.beside() {
		if v, ok := h.Settings[path]; ok {
			undo = append(undo, Setting{Path: path, Want: v})
		}
	}
	for _, index := range slices.Sorted(maps.Keys(h.Links)) {
		own := Sysctl{Dev: h.Links[index].Dev, Table: s.own().Table, Name: s.own().Name, Optional: true}
		if v, ok := h.Sysctls[own.Fact()]; ok && v != before {
			own.Want = v
			undo = append(undo, own)
		}
	}
	return undo
}

// Commands implements Step.
func (s Forwarding) Commands() []string { return Setting{Path: s.Path(), Want: "1"}.Commands() }

func (s Forwarding) pretend(h *Snapshot) { s.follow(h, "1") }

// follow changes all that the kernel changes with it.
func (s Forwarding) follow(h *Snapshot, value string) {
	h.Settings[s.Path()] = value
	h.Settings[s.beside()[0]] = value
	if s.Family == 4 {
		h.Settings[redirectsPath4] = map[bool]string{true: "0", false: "1"}[value == "1"]
	}
	for fact := range h.Sysctls {
		if fact.Table == s.own().Table && fact.Name == s.own().Name {
			h.Sysctls[fact] = value
		}
	}
}
