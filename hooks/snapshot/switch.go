package snapshot

import (
	"context"
	"slices"

	"vifctl/hooks/plan"
)

// SwitchReader tells what Open vSwitch has.
type SwitchReader interface {
	// ReadSwitch adds the switches, ports and guards that q names to s. That
	// Open vSwitch is not there is a fact, too.
	ReadSwitch(ctx context.Context, q plan.Query, s *plan.Snapshot) error
}

func (r *Reader) readSwitch(ctx context.Context, q plan.Query, s *plan.Snapshot) error {
	var names []string
	for _, name := range q.Switches {
		if l, ok := s.LinkNamed(name); !ok || !l.Bridge {
			names = append(names, name)
		}
	}
	if len(names) > 0 {
		q.SwitchPorts = append(slices.Clone(q.SwitchPorts), q.SwitchMembers...)
	}
	if len(names)+len(q.SwitchPorts)+len(q.SwitchGuards) == 0 {
		return nil
	}
	q.Switches = names
	return r.Switch.ReadSwitch(ctx, q, s)
}
