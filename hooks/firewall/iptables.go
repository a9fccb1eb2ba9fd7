package firewall

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"

	"vifctl/hooks/plan"
)

// IPTables is the firewall of a host without nf_tables, or whose administrator
// wants to read iptables. Its rules stand in a few chains of its own, VIFCTL-…,
// one or two for each of a guest's addresses and forwards, and an event fills
// the chains that change anew, whole. So an event takes longer the more guests
// there are, and so does the first packet of a connection.
//
// What is about a port (antispoofing, marks, who may reach private guests) stays
// in nf_tables where the kernel has it: iptables sees neither ARP nor VLAN tags
// nor LLC, and would take rules for each interface. Where the kernel has not,
// only routed ports can be checked, and only their IP packets.
//
// The kernel's chains are all that is remembered. What is in them counts; the
// records say which of it no port wants any more, and fill the chains again
// where another program has flushed them. A rule that a record wants and whole
// chains do not hold is not added for another port's sake: the call that adds
// it is still to come, or the one that took it away has not deleted its record
// yet.
type IPTables struct {
	options  Options
	variant  Variant
	families []*xtFamily
	// guard is nil where the kernel has no nf_tables.
	guard *NFTables
	// socket is the one through which iptables-nft's chains are looked for.
	socket *NFTables
}

// ifInet6 is there where the kernel has IPv6.
const ifInet6 = "/proc/thread-self/net/if_inet6"

// familiesHere are those that the kernel has: one without IPv6 has no ip6tables.
func familiesHere() []*xtFamily {
	if _, err := os.Stat(ifInet6); err != nil {
		return []*xtFamily{ipv4}
	}
	return []*xtFamily{ipv4, ipv6}
}

// OpenIPTables opens the firewall of the network namespace it is called in,
// and finds out which iptables the host uses.
func OpenIPTables(o Options) (*IPTables, error) {
	if o.Mark == 0 {
		o.Mark = DefaultMark
	}
	socket, err := OpenNFTables(o)
	if err != nil {
		return nil, err
	}
	x := &IPTables{options: o, socket: socket, families: familiesHere()}
	has, err := socket.Supported()
	if err == nil && has {
		x.guard = socket
	}
	if err == nil {
		x.variant, err = x.chooseVariant()
	}
	if err != nil {
		return nil, errors.Join(err, socket.Close())
	}
	return x, nil
}

// Close frees the socket.
func (x *IPTables) Close() error { return x.socket.Close() }

// Drops counts what antispoofing has dropped: in nf_tables, for the rules of
// iptables count no reasons.
func (x *IPTables) Drops(ctx context.Context) (map[string]uint64, error) {
	if x.guard == nil {
		return nil, nil
	}
	return x.guard.Drops(ctx)
}

// DropsByPort counts it by the port; it is nil where the kernel has no
// nf_tables: a chain's counters begin anew whenever it is filled.
func (x *IPTables) DropsByPort(ctx context.Context) (map[string]uint64, error) {
	if x.guard == nil {
		return nil, nil
	}
	return x.guard.DropsByPort(ctx)
}

// errWithoutNFTables is what a port on a bridge runs into.
var errWithoutNFTables = errors.New("this kernel has no nf_tables, and iptables sees neither ARP nor VLAN tags: " +
	"a port of a bridge cannot be checked here, so give the guest antispoof = \"off\" or a routed mode")

// isGuard: the rule is about ports: what they may send, what they forward, and
// who reaches what is behind them.
func isGuard(r plan.Rule) bool {
	switch r.Kind {
	case plan.RuleStrict, plan.RuleMAC, plan.RuleOwnMAC, plan.RuleOwnAddress, plan.RuleRole, plan.RuleGuestAddress, plan.RuleRouted, plan.RulePrivate, plan.RulePrivate4:
		return true
	}
	return false
}

// split takes apart what nf_tables is to do and what iptables is; some rules
// are for both. A rule that is none is an error, before anything has been
// changed.
func (x *IPTables) split(rules []plan.Rule) (guard, rest []plan.Rule, err error) {
	for _, r := range rules {
		if _, err := elementsOf(r); err != nil {
			return nil, nil, err
		}
		switch {
		case isGuard(r) && x.guard != nil:
			guard = append(guard, r)
			if !slices.ContainsFunc(x.families, func(f *xtFamily) bool { return len(x.lines(f, r)) > 0 }) {
				continue
			}
		case isGuard(r) && r.Bridged:
			return nil, nil, fmt.Errorf("firewall rule %q: %w", r.Kind, errWithoutNFTables)
		}
		if err := tellable(r.Dev.Name); err != nil {
			return nil, nil, fmt.Errorf("firewall rule %q: %w", r.Kind, err)
		}
		rest = append(rest, r)
	}
	return guard, rest, nil
}

// InForce implements Firewall. A rule that is there is not in force where its
// table's chains are not as they should be: another program has been at them.
func (x *IPTables) InForce(ctx context.Context, rules []plan.Rule) (map[string]bool, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	guard, rest, err := x.split(rules)
	if err != nil {
		return nil, err
	}
	inForce := map[string]bool{}
	if len(guard) > 0 {
		if inForce, err = x.guard.InForce(ctx, guard); err != nil {
			return nil, err
		}
	}
	if len(rest) == 0 {
		return inForce, nil
	}
	have, err := x.plan(ctx, edit{asked: rest})
	if err != nil {
		return nil, fmt.Errorf("look at the firewall: %w", err)
	}
	for _, r := range rest {
		there, asked := inForce[r.Key()]
		inForce[r.Key()] = (there || !asked) && !slices.ContainsFunc(have, func(c *xtChange) bool { return !c.holds(x.lines(c.family, r)) })
	}
	return inForce, nil
}

// Change implements Firewall. What iptables has and what nf_tables has cannot
// change in one transaction: what is added comes into force in nf_tables first
// and goes from there last, so that no port is ever forwarded for unchecked.
// All is looked at before anything is changed; where the kernel then refuses a
// change, what has been changed before stays until it is taken out again.
func (x *IPTables) Change(ctx context.Context, add, remove []plan.Rule) error {
	if _, err := elementsToAdd(add); err != nil {
		return err
	}
	guardAdd, add, err := x.split(add)
	if err != nil {
		return err
	}
	guardRemove, remove, err := x.split(remove)
	if err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("change the firewall: %w", err)
	}
	checked := func() error {
		if len(guardAdd) == 0 {
			return nil
		}
		return x.guard.Change(ctx, guardAdd, nil)
	}
	if len(add)+len(remove) == 0 {
		err = checked()
	} else {
		_, err = x.change(ctx, edit{add: add, remove: remove}, checked)
	}
	if err != nil {
		return err
	}
	if x.guard == nil || len(guardRemove)+len(remove) == 0 {
		return nil
	}
	// Of the rest, too, what came into force there before the configuration named
	// iptables.
	return x.guard.Change(ctx, guardAdd, append(guardRemove, remove...))
}

// change does iptables' own part, in all families or in as many as it can, and
// tells what goes. before is what comes after the look and before the change.
func (x *IPTables) change(ctx context.Context, e edit, before func() error) (gone []string, err error) {
	release, err := x.options.lock(ctx)
	if err != nil {
		return nil, fmt.Errorf("change the firewall: %w", err)
	}
	defer release()
	all, err := x.plan(ctx, e)
	if err != nil {
		return nil, fmt.Errorf("change the firewall: %w", err)
	}
	if err := before(); err != nil {
		return nil, err
	}
	for _, c := range all {
		gone = append(gone, c.gone()...)
		if failure := x.apply(ctx, c); failure != nil {
			err = errors.Join(err, fmt.Errorf("change the firewall: %w", failure))
		}
	}
	return gone, err
}

// Prune removes what none of the rules that keep returns comes to, in nf_tables
// and in iptables, and tells what it was. What is about a port stays as long as
// there is an interface of that name (there). From when keep is asked until Prune
// returns no port may come that keep does not know.
func (x *IPTables) Prune(ctx context.Context, keep func() ([]plan.Rule, error), there func(port string) bool) (removed []string, err error) {
	if x.guard != nil {
		if removed, err = x.guard.Prune(ctx, keep, there); err != nil {
			return removed, err
		}
	}
	// As long as keep's lock is held, the records stay as they are.
	if _, err := keep(); err != nil {
		return removed, err
	}
	gone, err := x.change(ctx, edit{there: there}, func() error { return nil })
	slices.Sort(gone)
	return append(removed, slices.Compact(gone)...), err
}

// Leftovers tells what Prune would remove, and removes nothing.
func (x *IPTables) Leftovers(ctx context.Context, keep func() ([]plan.Rule, error), there func(port string) bool) (all []string, err error) {
	if x.guard != nil {
		if all, err = x.guard.Leftovers(ctx, keep, there); err != nil {
			return all, err
		}
	}
	changes, err := x.plan(ctx, edit{there: there})
	for _, c := range changes {
		all = append(all, c.gone()...)
	}
	slices.Sort(all)
	return slices.Compact(all), err
}

// Ahead tells which rules of other programs' come before those of our chains that are to come first.
func (x *IPTables) Ahead(ctx context.Context) (all []string, err error) {
	for _, f := range x.families {
		tables, err := readTables(ctx, x.variant, f)
		if err != nil {
			return all, fmt.Errorf("look at the firewall: %w", err)
		}
		for _, c := range x.layout(f) {
			if _, there := tables[c.table].rules[c.name]; !there || c.last {
				continue
			}
			for _, hook := range c.hooks {
				rules := tables[c.table].rules[hook]
				for i := range max(0, slices.Index(rules, c.jump())) {
					all = append(all, fmt.Sprintf("rule %d of %s -t %s, chain %s: %s", i+1, f.program+"-"+string(x.variant), c.table, hook, rules[i]))
				}
			}
		}
	}
	return all, nil
}

// withoutRules are rules but for those that are to go.
func withoutRules(rules, gone []plan.Rule) []plan.Rule {
	all := map[plan.Rule]bool{}
	for _, r := range gone {
		r.Absent = false
		all[r] = true
	}
	return slices.DeleteFunc(slices.Clone(rules), func(r plan.Rule) bool {
		r.Absent = false
		return all[r]
	})
}

// givingWay are rules but for those that say otherwise than newer about the same
// traffic.
func givingWay(rules, newer []plan.Rule) []plan.Rule {
	said := map[entry]string{}
	for _, r := range newer {
		elements, _ := elementsOf(r)
		for _, e := range elements {
			said[e.entry()] = e.value
		}
	}
	return slices.DeleteFunc(rules, func(r plan.Rule) bool {
		elements, err := elementsOf(r)
		return err != nil || slices.ContainsFunc(elements, func(e element) bool {
			value, about := said[e.entry()]
			return about && value != e.value
		})
	})
}
