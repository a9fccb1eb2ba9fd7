package engine

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"vifctl/hooks/kernel"
	"vifctl/hooks/plan"
)

// Reader looks at the host: at the kernel, and at what other programs have.
type Reader struct {
	*kernel.Kernel
	// Rules answers for the firewall, Switch for Open vSwitch, Limits for
	// limits, DHCP for leases; nil where no query will ask.
	Rules  RuleReader
	Switch SwitchReader
	Limits LimitReader
	DHCP   DHCPReader
}

// RuleReader tells which of rules are in force, by their keys.
type RuleReader interface {
	InForce(ctx context.Context, rules []plan.Rule) (map[string]bool, error)
	// Dropped reports whether another program's filter drops what the host forwards,
	// unless a rule accepts it.
	Dropped() bool
}

// LimitReader tells of interfaces, by ifindex, which are limited.
type LimitReader interface {
	ReadLimits(indexes []int, s *plan.Snapshot) error
}

// DHCPReader tells what is leased to hosts.
type DHCPReader interface {
	ReadDHCP(hosts []plan.DHCPHost, s *plan.Snapshot) error
}

// Read adds the facts q names to s.
func (r *Reader) Read(ctx context.Context, q plan.Query, s *plan.Snapshot) error {
	if err := r.Kernel.Read(q, s); err != nil {
		return err
	}
	if err := r.readSwitch(ctx, q, s); err != nil {
		return err
	}
	if len(q.DHCP) > 0 {
		if err := r.DHCP.ReadDHCP(q.DHCP, s); err != nil {
			return err
		}
	}
	if len(q.Limits) > 0 {
		if err := r.Limits.ReadLimits(q.Limits, s); err != nil {
			return err
		}
	}
	if q.Uplink != nil && q.Uplink.Filter && s.Uplink != nil && r.Rules != nil {
		s.Uplink.Filtered = r.Rules.Dropped()
	}
	if len(q.Rules) == 0 {
		return nil
	}
	inForce, err := r.Rules.InForce(ctx, q.Rules)
	if err != nil {
		return fmt.Errorf("read the firewall: %w", err)
	}
	maps.Copy(s.Rules, inForce)
	return nil
}

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
