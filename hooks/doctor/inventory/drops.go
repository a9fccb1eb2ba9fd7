package inventory

import (
	"context"

	"vifctl/hooks/firewall"
	"vifctl/hooks/openvswitch"
	"vifctl/hooks/plan"
)

// Firewall tells what our rules did, and what other programs' rules do.
type Firewall interface {
	// Drops counts the packets that antispoofing has dropped by the reason, and
	// DropsByPort by the port they came from: nil where the firewall does not count so.
	Drops(ctx context.Context) (map[string]uint64, error)
	DropsByPort(ctx context.Context) (map[string]uint64, error)
	// Filters tells what iptables' FORWARD drops, in either variant.
	Filters() ([]firewall.Filter, error)
	// Variants are those of iptables that hold a rule, or a policy that drops.
	Variants() ([]firewall.Variant, error)
	// Tampered lists the chains of ours that are not as we made them.
	Tampered(ctx context.Context) ([]string, error)
}

func (f *Facts) readDrops(ctx context.Context, s Sources) {
	if s.Firewall == nil {
		return
	}
	f.Tampered, _ = s.Firewall.Tampered(ctx)
	f.Drops, _ = s.Firewall.Drops(ctx)
	byPort, _ := s.Firewall.DropsByPort(ctx)
	f.DropsElsewhere = map[string]uint64{}
	for index, l := range f.Host.Links {
		if guest, _ := f.PortOf(index); guest == nil && byPort[l.Name] > 0 {
			f.DropsElsewhere[l.Name] = byPort[l.Name]
		}
	}
	for i := range f.NICs {
		for _, p := range f.NICs[i].Ports() {
			if p.Record == nil || p.Link == nil {
				continue
			}
			for _, e := range p.Record.Entries {
				p.countDrops(ctx, e.Step, byPort)
			}
		}
	}
}

// countDrops takes the count of the one who checks the port: the firewall, or
// Open vSwitch's flows.
func (p *Port) countDrops(ctx context.Context, s plan.Step, byPort map[string]uint64) {
	switch s := s.(type) {
	case plan.Rule:
		if !s.Absent && (s.Kind == plan.RuleStrict || s.Kind == plan.RuleMAC) && byPort != nil {
			n := byPort[p.Link.Name]
			p.Dropped = &n
		}
	case plan.SwitchGuard:
		if n, err := (openvswitch.Host{}).Dropped(ctx, s); err == nil && !s.Absent {
			p.Dropped = &n
		}
	default: // checks nothing
	}
}
