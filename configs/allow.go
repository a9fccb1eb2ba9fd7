package configs

import (
	"slices"

	"vifctl/hooks/plan"
)

// allow takes a role that a guest may have.
func (r *reader) allow(s string, at place, e *entry) {
	role := oneOf(r, s, at, plan.Roles()...)
	switch {
	case role == "":
	case slices.Contains(e.Allow, role):
		r.mistakes.add(at, "allow has %s twice: take one out", show(s))
	default:
		e.Allow = append(e.Allow, role)
	}
}
