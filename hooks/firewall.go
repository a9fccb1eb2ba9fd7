package hooks

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sys/unix"

	"vifctl/configs"
	"vifctl/hooks/firewall"
	"vifctl/hooks/plan"
)

// HostFirewall is the firewall that the configuration names, opened when it is
// first needed: most calls on a host without antispoofing never do.
type HostFirewall struct {
	Host configs.Host

	once   sync.Once
	opened firewall.Firewall
	err    error
}

func (f *HostFirewall) open() (firewall.Firewall, error) {
	f.once.Do(func() {
		if f.Host.Firewall == configs.FirewallIptables {
			f.err = errors.New(`firewall = "iptables" is not there yet: only nftables is`)
			return
		}
		o := firewall.Options{Mark: f.Host.Mark}
		if f.Host.Uplink != "" {
			o.Uplinks = []string{f.Host.Uplink}
		}
		f.opened, f.err = firewall.OpenNFTables(o)
	})
	return f.opened, f.err
}

// Change implements apply.Firewall.
func (f *HostFirewall) Change(ctx context.Context, add, remove []plan.Rule) error {
	fw, err := f.open()
	if err != nil {
		return err
	}
	return explain(fw.Change(ctx, add, remove))
}

// InForce implements snapshot.RuleReader.
func (f *HostFirewall) InForce(ctx context.Context, rules []plan.Rule) (map[string]bool, error) {
	fw, err := f.open()
	if err != nil {
		return nil, err
	}
	inForce, err := fw.InForce(ctx, rules)
	return inForce, explain(err)
}

// Prune implements pruner. A host that never filtered has nothing to prune, which
// it is asked to find out all the same.
func (f *HostFirewall) Prune(ctx context.Context, keep func() ([]plan.Rule, error), there func(port string) bool) ([]string, error) {
	fw, err := f.open()
	if err != nil {
		return nil, err
	}
	p, ok := fw.(pruner)
	if !ok {
		return nil, nil
	}
	removed, err := p.Prune(ctx, keep, there)
	if err = explain(err); errors.Is(err, errNoTables) {
		return nil, nil
	}
	return removed, err
}

// Close frees what was opened.
func (f *HostFirewall) Close() {
	if f.opened != nil {
		_ = f.opened.Close()
	}
}

var errNoTables = errors.New("this kernel has no nf_tables, which filtering and translation need")

// explain says what a kernel without nf_tables means by its answer.
func explain(err error) error {
	if errors.Is(err, unix.EPROTONOSUPPORT) || errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EAFNOSUPPORT) {
		return fmt.Errorf("%w: %w", errNoTables, err)
	}
	return err
}
