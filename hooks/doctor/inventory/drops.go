package inventory

import (
	"bytes"
	"context"
	"os"

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
	// Devices are where chains of nft's family netdev are, by "table chain".
	Devices() (map[string][]string, error)
	// Variants are those of iptables that hold a rule, or a policy that drops.
	Variants() ([]firewall.Variant, error)
	// Leftovers tells which rules of ours no port that is there wants, and Ahead which of other
	// programs' come before ours in iptables.
	Leftovers(ctx context.Context, there func(port string) bool) ([]string, error)
	Ahead(ctx context.Context) ([]string, error)
	// Tampered lists the chains of ours that are not as we made them.
	Tampered(ctx context.Context) ([]string, error)
}

func (f *Facts) readDrops(ctx context.Context, s Sources) {
	if s.Firewall == nil {
		return
	}
	f.Tampered, _ = s.Firewall.Tampered(ctx)
	f.Ahead, _ = s.Firewall.Ahead(ctx)
	if f.JournalErr == nil { // else nothing tells what is wanted
		f.Leftovers, _ = s.Firewall.Leftovers(ctx, func(port string) bool {
			_, there := f.Host.Named(port)
			return there
		})
	}
	for _, path := range []string{"/etc/iptables/rules.v4", "/etc/iptables/rules.v6"} {
		if text, err := os.ReadFile(path); err == nil && bytes.Contains(text, []byte(":VIFCTL-")) {
			f.SavedRules = append(f.SavedRules, path)
		}
	}
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
