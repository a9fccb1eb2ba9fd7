package firewall

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"

	"github.com/google/nftables"

	"vifctl/hooks/plan"
	"vifctl/hooks/process"
)

// An accept of ours does not overrule a drop in somebody else's filter: docker
// and ufw let FORWARD drop whatever no rule of theirs accepts. One rule in
// their chain accepts what carries the mark that a guest's port gives to what
// it forwards. It is one for all guests, in the variant and the family that
// holds the drop, and it stays when the last guest has gone, as the rest of the
// base does.

// A Passage is a firewall whose guests' packets pass the filters of others.
type Passage struct {
	Firewall
	mark     uint32
	book     book
	families []*xtFamily
	// chains is nil where the kernel has no nf_tables.
	chains *NFTables
}

// WithPassage looks after a firewall's passage.
func WithPassage(f Firewall, o Options) (*Passage, error) {
	if o.Mark == 0 {
		o.Mark = DefaultMark
	}
	p := &Passage{Firewall: f, mark: o.Mark, book: book{o.Book}}
	switch f := f.(type) {
	case *NFTables:
		p.chains = f
	case *IPTables:
		p.chains = f.guard
	}
	p.families = []*xtFamily{ipv4}
	if _, err := os.Stat(ifInet6); err == nil {
		p.families = append(p.families, ipv6)
	}
	return p, nil
}

// gap is a filter that drops what guests forward.
type gap struct {
	variant Variant
	family  *xtFamily
	// chain is where the rule belongs: docker's own chain for such rules, which
	// docker leaves alone, or FORWARD.
	chain string
	// made: something leads to our chain already, and only its rule is amiss.
	made bool
}

// dockerUser is docker's chain for the administrator's rules.
const dockerUser = "DOCKER-USER"

// acceptChain holds the rule. The mark is in its name, so that another mark is
// another chain.
func (p *Passage) acceptChain() string {
	return chainPrefix + "MARK-" + strconv.FormatUint(uint64(p.mark), 16)
}

// gaps finds where FORWARD drops and does not let our mark pass.
func (p *Passage) gaps() (open, all []gap, err error) {
	for _, f := range p.families {
		for _, v := range []Variant{VariantNFT, VariantLegacy} {
			var c tally
			switch {
			case v == VariantLegacy:
				c, err = f.legacy.count("filter")
			case p.chains == nil:
				continue
			default:
				c, err = p.chains.someChains(&nftables.Table{Name: "filter", Family: f.table}, "FORWARD", dockerUser, p.acceptChain())
			}
			if err != nil {
				return nil, nil, fmt.Errorf("look at others' filters: %w", err)
			}
			if !c.drops["FORWARD"] {
				continue
			}
			g := gap{variant: v, family: f, chain: "FORWARD"}
			if c.uses[dockerUser] > 0 {
				g.chain = dockerUser
			}
			all = append(all, g)
			if uses, made := c.uses[p.acceptChain()]; made {
				rules, err := c.rules(p.acceptChain())
				if err != nil {
					return nil, nil, err
				}
				if rules == 1 && uses > 1 {
					continue
				}
				g.made = uses > rules
			}
			open = append(open, g)
		}
	}
	return open, all, nil
}

// Dropped reports whether somebody's filter drops what is forwarded unless a
// rule accepts it.
func (p *Passage) Dropped() (bool, error) {
	_, all, err := p.gaps()
	return len(all) > 0, err
}

// Change implements Firewall.
func (p *Passage) Change(ctx context.Context, add, remove []plan.Rule) error {
	if err := p.Firewall.Change(ctx, add, remove); err != nil || !slices.ContainsFunc(add, isRouted) {
		return err
	}
	if open, _, err := p.gaps(); err != nil || len(open) == 0 {
		return err
	}
	// Of several calls at once only one is to add the rule.
	release, err := p.book.lock(ctx)
	if err != nil {
		return fmt.Errorf("change the firewall: %w", err)
	}
	defer release()
	open, _, err := p.gaps()
	for _, g := range open {
		err = errors.Join(err, p.open(ctx, g))
	}
	return err
}

func isRouted(r plan.Rule) bool { return r.Kind == plan.RuleRouted }

// open puts the rule in place.
func (p *Passage) open(ctx context.Context, g gap) error {
	program, ok := programOf(g.variant, g.family.program, "-restore")
	if !ok {
		return fmt.Errorf("%s (%s) drops what guests forward, and the program %s-restore, which could let it pass, is not installed",
			g.family.program, g.variant, g.family.program)
	}
	mark := fmt.Sprintf("0x%x", p.mark)
	lead := fmt.Sprintf("-I %s 1 -j %s\n", g.chain, p.acceptChain())
	if g.made {
		lead = ""
	}
	text := fmt.Sprintf("*filter\n:%s - [0:0]\n-A %s -m mark --mark %s/%s -j ACCEPT\n%sCOMMIT\n",
		p.acceptChain(), p.acceptChain(), mark, mark, lead)
	if _, err := process.Output(ctx, []string{program, "-w", strconv.Itoa(lockWait), "--noflush"}, text); err != nil {
		return fmt.Errorf("let what guests forward pass %s: %w", g.chain, err)
	}
	return nil
}

// InForce implements Firewall. What is marked and dropped all the same is not
// in force.
func (p *Passage) InForce(ctx context.Context, rules []plan.Rule) (map[string]bool, error) {
	inForce, err := p.Firewall.InForce(ctx, rules)
	if err != nil || !slices.ContainsFunc(rules, isRouted) {
		return inForce, err
	}
	open, _, err := p.gaps()
	if err != nil {
		return nil, err
	}
	for _, r := range rules {
		if isRouted(r) && len(open) > 0 {
			inForce[r.Key()] = false
		}
	}
	return inForce, nil
}
