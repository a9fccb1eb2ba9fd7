package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"vifctl/configs"
	"vifctl/hooks/firewall"
	"vifctl/hooks/journal"
	"vifctl/hooks/kernel"
	"vifctl/hooks/plan"
)

// HostFirewall is the firewall that the configuration names, opened when it is
// first needed: most calls on a host without antispoofing never do.
type HostFirewall struct {
	Host configs.Host
	// Journal has the records of what the ports want.
	Journal *journal.Journal
	// OneProcessor: the program goes on with one. The firewall's library hands each question
	// to another goroutine, for which a program that lives for some milliseconds would have
	// a second processor woken up; without a firewall, giving that one back costs more.
	OneProcessor bool

	once   sync.Once
	opened *firewall.ForwardAccept
	err    error
}

func (f *HostFirewall) open() (*firewall.ForwardAccept, error) {
	f.once.Do(func() {
		if f.OneProcessor {
			runtime.GOMAXPROCS(1)
		}
		o := f.options()
		backend, err := openFirewall(f.Host.Firewall, o)
		if err == nil {
			f.opened = firewall.WithForwardAccept(backend, o)
		}
		f.err = explain(err)
	})
	return f.opened, f.err
}

func (f *HostFirewall) options() firewall.Options {
	o := firewall.Options{Mark: f.Host.Mark, Wanted: f.wanted, Lock: f.lock}
	if f.Host.Uplink != "" {
		o.Uplinks = []string{f.Host.Uplink}
	}
	return o
}

// wanted are the rules of all ports that are up.
func (f *HostFirewall) wanted() ([]plan.Rule, error) {
	boot, err := kernel.BootID()
	if err != nil {
		return nil, err
	}
	rules, err := f.Journal.Rules(boot)
	_, ours := forFirewalld(rules)
	return ours, err
}

func (f *HostFirewall) lock(ctx context.Context) (release func(), err error) {
	lock, err := f.Journal.LockFirewall(ctx)
	if err != nil {
		return nil, err
	}
	return lock.Release, nil
}

// openFirewall opens the backend that the configuration names; auto is nftables
// wherever the kernel has it.
func openFirewall(which configs.Firewall, o firewall.Options) (firewall.Firewall, error) {
	if which == configs.FirewallIptables {
		return firewall.OpenIPTables(o)
	}
	n, err := firewall.OpenNFTables(o)
	if err != nil || which == configs.FirewallNftables {
		return n, err
	}
	has, err := n.Supported()
	if has || err != nil {
		return n, err
	}
	x, err := firewall.OpenIPTables(o)
	return x, errors.Join(err, n.Close())
}

// Change implements apply.Firewall. What firewalld is to be told it is told when
// the rest is in force, and told back before anything goes.
func (f *HostFirewall) Change(ctx context.Context, add, remove []plan.Rule) error {
	trust, add := forFirewalld(add)
	distrust, remove := forFirewalld(remove)
	var firewalld firewall.Firewalld
	err := firewalld.Change(ctx, nil, distrust)
	if len(add)+len(remove) > 0 {
		err = errors.Join(err, f.change(ctx, f.stillLeaving(add, remove), remove))
	}
	if err != nil {
		return err
	}
	return firewalld.Change(ctx, trust, nil)
}

// stillLeaving adds the rules that lead out by the same way as one that goes: nf_tables
// keeps by which uplink a guest leaves, whatever the address that it leaves as.
func (f *HostFirewall) stillLeaving(add, remove []plan.Rule) []plan.Rule {
	for _, r := range remove {
		if r.Kind != plan.RuleLeaves {
			continue
		}
		wanted, err := f.wanted()
		if err != nil {
			return add // what is lost is missing then, and repaired
		}
		for _, w := range wanted {
			if w.Kind == r.Kind && w.Private == r.Private && w.Dev.Name == r.Dev.Name && !slices.Contains(remove, w) && !slices.Contains(add, w) {
				add = append(slices.Clone(add), w)
			}
		}
	}
	return add
}

// forFirewalld takes out the rules that firewalld holds.
func forFirewalld(rules []plan.Rule) (firewalld, rest []plan.Rule) {
	for _, r := range rules {
		if r.Kind == plan.RuleTrusted {
			firewalld = append(firewalld, r)
		} else {
			rest = append(rest, r)
		}
	}
	return firewalld, rest
}

func (f *HostFirewall) change(ctx context.Context, add, remove []plan.Rule) error {
	fw, err := f.open()
	if err != nil {
		return err
	}
	if err := fw.Change(ctx, add, remove); err != nil || len(remove) == 0 {
		return explain(err)
	}
	return f.leaveFormer(ctx, fw, remove)
}

// leaveFormer takes out of iptables what came into force there before the
// configuration named nftables.
func (f *HostFirewall) leaveFormer(ctx context.Context, now *firewall.ForwardAccept, remove []plan.Rule) error {
	nft, ok := now.Firewall.(*firewall.NFTables)
	if !ok {
		return nil
	}
	if holds, err := nft.HoldsIPTables(); err != nil || !holds {
		return err
	}
	former, err := firewall.OpenIPTables(f.options())
	if err != nil {
		return err
	}
	defer func() { _ = former.Close() }()
	return former.Change(ctx, nil, remove)
}

// InForce implements kernel.RuleReader.
func (f *HostFirewall) InForce(ctx context.Context, rules []plan.Rule) (map[string]bool, error) {
	trusted, rules := forFirewalld(rules)
	inForce, err := firewall.Firewalld{}.InForce(ctx, trusted)
	if err != nil || len(rules) == 0 {
		return inForce, err
	}
	fw, err := f.open()
	if err != nil {
		return nil, err
	}
	rest, err := fw.InForce(ctx, rules)
	maps.Copy(inForce, rest)
	return inForce, explain(err)
}

// Prune implements pruner. A host that never filtered has nothing to prune, which
// it is asked to find out all the same.
func (f *HostFirewall) Prune(ctx context.Context, keep func() ([]plan.Rule, error), there func(port string) bool) ([]string, error) {
	fw, err := f.open()
	if err != nil {
		return nil, err
	}
	p, ok := fw.Firewall.(pruner)
	if !ok {
		return nil, nil
	}
	removed, err := p.Prune(ctx, func() ([]plan.Rule, error) {
		wanted, err := keep()
		_, ours := forFirewalld(wanted)
		return ours, err
	}, there)
	if err = explain(err); errors.Is(err, errNoTables) {
		return nil, nil
	}
	return removed, err
}

// lookDeadline bounds a look at others' filters, for which no caller sets one.
const lookDeadline = 10 * time.Second

// Dropped reports whether another program's filter drops what is forwarded unless
// a rule accepts it; not where that cannot be found out.
func (f *HostFirewall) Dropped() bool {
	if f.opened == nil && firewall.Untouched() {
		return false
	}
	fw, err := f.open()
	if err != nil {
		return false
	}
	ctx, cancel := context.WithTimeout(context.Background(), lookDeadline)
	defer cancel()
	dropped, err := fw.Dropped(ctx)
	return dropped && err == nil
}

// Filters tells what iptables' FORWARD drops besides, in either variant.
func (f *HostFirewall) Filters() ([]firewall.Filter, error) {
	fw, err := f.open()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), lookDeadline)
	defer cancel()
	return fw.Filters(ctx)
}

// Devices are where the chains of nft's family netdev are, by "table chain".
func (f *HostFirewall) Devices() (map[string][]string, error) {
	fw, err := f.open()
	if err != nil {
		return nil, err
	}
	return fw.Devices()
}

// Variants are those of iptables that hold rules.
func (f *HostFirewall) Variants() ([]firewall.Variant, error) {
	fw, err := f.open()
	if err != nil {
		return nil, err
	}
	return fw.Variants()
}

// Tampered lists the chains of ours in nf_tables that are not as we made them.
func (f *HostFirewall) Tampered(ctx context.Context) ([]string, error) {
	fw, err := f.open()
	if err != nil {
		return nil, err
	}
	looker, ok := fw.Firewall.(interface {
		Tampered(context.Context) ([]string, error)
	})
	if !ok {
		return nil, nil
	}
	chains, err := looker.Tampered(ctx)
	return chains, explain(err)
}

// Leftovers tells what no port that is there wants any more.
func (f *HostFirewall) Leftovers(ctx context.Context, there func(port string) bool) ([]string, error) {
	fw, err := f.open()
	if err != nil {
		return nil, err
	}
	looker, ok := fw.Firewall.(interface {
		Leftovers(context.Context, func() ([]plan.Rule, error), func(string) bool) ([]string, error)
	})
	if !ok {
		return nil, nil
	}
	all, err := looker.Leftovers(ctx, f.wanted, there)
	return all, explain(err)
}

// Ahead tells which rules of other programs' come before ours in iptables.
func (f *HostFirewall) Ahead(ctx context.Context) ([]string, error) {
	fw, err := f.open()
	if err != nil {
		return nil, err
	}
	x, ok := fw.Firewall.(*firewall.IPTables)
	if !ok {
		return nil, nil
	}
	return x.Ahead(ctx)
}

// Close frees what was opened.
func (f *HostFirewall) Close() {
	if f.opened != nil {
		_ = f.opened.Close()
	}
}

var errNoTables = errors.New(`this kernel has no nf_tables: set firewall = "auto" or "iptables"`)

// explain says what a kernel without nf_tables means by its answer.
func explain(err error) error {
	if errors.Is(err, unix.EPROTONOSUPPORT) || errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EAFNOSUPPORT) {
		return fmt.Errorf("%w: %w", errNoTables, err)
	}
	return err
}
