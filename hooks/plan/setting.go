package plan

// Setting wants a setting of the whole host, below /proc/sys, to have a value.
type Setting struct {
	// Path below /proc/sys: net/ipv4/ip_forward.
	Path string `json:"path"`
	Want string `json:"want"`
	// Tolerant: a kernel that refuses is worth a warning, not a failure.
	Tolerant bool `json:"tolerant,omitempty"`
}

// Key implements Step.
func (s Setting) Key() string { return "setting " + s.Path }

// Traits implements Step.
func (s Setting) Traits() Traits {
	return Traits{Kind: "setting", Owner: OwnerNetwork, Tolerant: s.Tolerant}
}

// Needs implements Step.
func (s Setting) Needs(q *Query) { q.Settings = append(q.Settings, s.Path) }

// Satisfied implements Step.
func (s Setting) Satisfied(h *Snapshot) bool {
	v, ok := h.Settings[s.Path]
	return ok && v == s.Want
}

// Inverse implements Step.
func (s Setting) Inverse(h *Snapshot) []Step {
	v, ok := h.Settings[s.Path]
	if !ok {
		return nil
	}
	s.Want = v
	return []Step{s}
}

// Commands implements Step.
func (s Setting) Commands() []string {
	return []string{Command("sysctl", "-w", s.Path+"="+s.Want)}
}

func (s Setting) pretend(h *Snapshot) {
	for _, family := range []int{4, 6} {
		f := Forwarding{Family: family}
		if f.Path() == s.Path && h.Settings[s.Path] != s.Want {
			f.follow(h, s.Want)
		}
	}
	h.Settings[s.Path] = s.Want
}
