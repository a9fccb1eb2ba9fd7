package plan

import "strings"

// SysctlKey is one per-interface setting below /proc/sys/net.
type SysctlKey struct {
	Index int
	// Table is the folder: ipv4/conf, ipv6/conf, ipv4/neigh, ipv6/neigh.
	Table string
	Name  string
}

// SysctlName is such a setting of whichever interface.
type SysctlName struct{ Table, Name string }

// Of is the setting of one interface.
func (n SysctlName) Of(index int) SysctlKey {
	return SysctlKey{Index: index, Table: n.Table, Name: n.Name}
}

// Default is where below /proc/sys new interfaces get it from.
func (n SysctlName) Default() string { return "net/" + n.Table + "/default/" + n.Name }

// Sysctl wants a setting of an interface to have a value.
type Sysctl struct {
	Dev   Dev    `json:"dev"`
	Table string `json:"table"`
	Name  string `json:"name"`
	Want  string `json:"want"`
	// Host: the setting serves every port (the uplink's), so no port undoes it.
	Host bool `json:"host,omitempty"`
	// Optional: a kernel that has no such setting (IPv6 off, an older kernel)
	// has nothing to be set.
	Optional bool `json:"optional,omitempty"`
}

// Key implements Step.
func (s Sysctl) Key() string { return key("sysctl "+s.Table+" "+s.Name, s.Dev) }

// Traits implements Step.
func (s Sysctl) Traits() Traits {
	t := Traits{Kind: "sysctl", Owner: OwnerPort, Dev: s.Dev, Unannounced: true}
	if s.Host {
		t.Owner = OwnerHost
	}
	return t
}

// Needs implements Step.
func (s Sysctl) Needs(q *Query) {
	if s.Dev.Index != 0 {
		q.Sysctls = append(q.Sysctls, s.Fact())
	}
}

// Satisfied implements Step.
func (s Sysctl) Satisfied(h *Snapshot) bool {
	v, ok := h.Sysctls[s.Fact()]
	if !ok {
		return s.Optional && s.Dev.Index != 0 && !(h.newIPv6[s.Dev.Index] && strings.HasPrefix(s.Table, "ipv6/"))
	}
	return v == s.Want
}

// Inverse implements Step.
func (s Sysctl) Inverse(h *Snapshot) []Step {
	v, ok := h.Sysctls[s.Fact()]
	if !ok {
		return nil
	}
	undo := s
	undo.Want = v
	return []Step{undo}
}

// Commands implements Step. The key is written with slashes because an
// interface's name may hold a dot (vif1.0).
func (s Sysctl) Commands() []string {
	return []string{Command("sysctl", "-w", strings.Join([]string{"net", s.Table, s.Dev.Name, s.Name}, "/")+"="+s.Want)}
}

func (s Sysctl) pretend(h *Snapshot) { h.Sysctls[s.Fact()] = s.Want }

// Fact is what a snapshot knows the setting by.
func (s Sysctl) Fact() SysctlKey { return SysctlKey{Index: s.Dev.Index, Table: s.Table, Name: s.Name} }
