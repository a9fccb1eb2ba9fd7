package firewall

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"vifctl/hooks/plan"
)

// An accept of ours does not overrule a drop in another program's filter: docker
// and ufw let FORWARD drop whatever no rule of theirs accepts. One rule in
// their chain accepts what carries the mark that a guest's port gives to what
// it forwards. It is one for all guests, in the variant and the family that
// holds the drop, and it stays when the last guest has gone, as the rest of the
// base does.

// ForwardAccept is a firewall whose guests' packets pass the filters of others.
type ForwardAccept struct {
	Firewall
	options  Options
	families []*xtFamily
	// socket is nil where the kernel has no nf_tables.
	socket *NFTables
}

// WithForwardAccept looks after a firewall's rule in others' filters.
func WithForwardAccept(f Firewall, o Options) *ForwardAccept {
	if o.Mark == 0 {
		o.Mark = DefaultMark
	}
	a := &ForwardAccept{Firewall: f, options: o, families: familiesHere()}
	switch f := f.(type) {
	case *NFTables:
		a.socket = f
	case *IPTables:
		a.socket = f.guard
	}
	return a
}

// dropping is a FORWARD that drops what guests forward, unless a rule accepts it.
type dropping struct {
	variant Variant
	family  *xtFamily
	// chain is where the rule belongs: docker's own chain for such rules, which
	// docker leaves alone, or FORWARD.
	chain string
	// passes: what carries the mark is accepted.
	passes bool
}

// dockerUser is docker's chain for the administrator's rules.
const dockerUser = "DOCKER-USER"

// chain holds the rule. The mark is in its name, so that another mark is another
// chain.
func (a *ForwardAccept) chain() string {
	return chainPrefix + "MARK-" + strconv.FormatUint(uint64(a.options.Mark), 16)
}

// droppings finds where FORWARD drops, in either variant and family.
func (a *ForwardAccept) droppings(ctx context.Context) (all []dropping, err error) {
	for _, f := range a.families {
		legacy, err := f.readLegacy(ctx)
		if err != nil {
			return nil, fmt.Errorf("look at others' filters: %w", err)
		}
		uses := map[string]int{} // by chain: its rules, and those that lead to it
		filter := legacy["filter"]
		if filter == nil {
			filter = &xtTable{}
		}
		for chain, rules := range filter.rules {
			uses[chain] += len(rules)
			for _, words := range rules {
				uses[after(strings.Fields(words), "-j")]++
			}
		}
		all = a.judge(all, VariantLegacy, f, filter.policy["FORWARD"] == "DROP", uses)
		if a.socket == nil {
			continue
		}
		chains, err := a.socket.chainsOf(f.nft)
		if err != nil {
			return nil, fmt.Errorf("look at others' filters: %w", err)
		}
		drops := false
		uses = map[string]int{}
		for _, c := range chains {
			if c.table == "filter" {
				uses[c.name], drops = c.uses, drops || c.name == "FORWARD" && c.drops
			}
		}
		all = a.judge(all, VariantNFT, f, drops, uses)
	}
	return all, nil
}

// judge adds a filter that drops. The chain of ours that lets the mark pass has one
// rule, and one leads to it.
func (a *ForwardAccept) judge(all []dropping, v Variant, f *xtFamily, drops bool, uses map[string]int) []dropping {
	if !drops {
		return all
	}
	d := dropping{variant: v, family: f, chain: "FORWARD", passes: uses[a.chain()] == 2}
	if uses[dockerUser] > 0 {
		d.chain = dockerUser
	}
	return append(all, d)
}

// Dropped reports whether another program's filter drops what is forwarded unless
// a rule accepts it.
func (a *ForwardAccept) Dropped(ctx context.Context) (bool, error) {
	all, err := a.droppings(ctx)
	return len(all) > 0, err
}

// cutOff are those that drop what carries our mark, too.
func (a *ForwardAccept) cutOff(ctx context.Context) ([]dropping, error) {
	all, err := a.droppings(ctx)
	return slices.DeleteFunc(all, func(d dropping) bool { return d.passes }), err
}

// Change implements Firewall.
func (a *ForwardAccept) Change(ctx context.Context, add, remove []plan.Rule) error {
	if err := a.Firewall.Change(ctx, add, remove); err != nil || !slices.ContainsFunc(add, isRouted) {
		return err
	}
	if closed, err := a.cutOff(ctx); err != nil || len(closed) == 0 {
		return err
	}
	// Of several calls at once only one is to add the rule.
	release, err := a.options.lock(ctx)
	if err != nil {
		return fmt.Errorf("change the firewall: %w", err)
	}
	defer release()
	closed, err := a.cutOff(ctx)
	for _, d := range closed {
		if failure := a.accept(d); failure != nil {
			err = errors.Join(err, fmt.Errorf("%s (%s) drops what guests forward, and a rule that accepts it cannot be added: %w", d.family.program, d.variant, failure))
		}
	}
	return err
}

func isRouted(r plan.Rule) bool { return r.Kind == plan.RuleRouted }

// accept puts the rule in place.
func (a *ForwardAccept) accept(d dropping) error {
	ipt, err := d.family.library(d.variant)
	if err != nil {
		return err
	}
	mark := fmt.Sprintf("0x%x/0x%[1]x", a.options.Mark)
	if err := ipt.ClearChain("filter", a.chain()); err != nil {
		return err
	}
	if err := ipt.Append("filter", a.chain(), "-m", "mark", "--mark", mark, "-j", "ACCEPT"); err != nil {
		return err
	}
	return ipt.InsertUnique("filter", d.chain, 1, "-j", a.chain())
}

// InForce implements Firewall. What is marked and dropped all the same is not
// in force.
func (a *ForwardAccept) InForce(ctx context.Context, rules []plan.Rule) (map[string]bool, error) {
	inForce, err := a.Firewall.InForce(ctx, rules)
	if err != nil || !slices.ContainsFunc(rules, isRouted) {
		return inForce, err
	}
	closed, err := a.cutOff(ctx)
	if err != nil {
		return nil, err
	}
	for _, r := range rules {
		if isRouted(r) && len(closed) > 0 {
			inForce[r.Key()] = false
		}
	}
	return inForce, nil
}
