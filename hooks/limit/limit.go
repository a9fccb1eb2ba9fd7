// Package limit bounds what comes from an interface: a chain of nf_tables at
// the interface's own ingress, in front of everything else, which drops what is
// too much and lets the rest pass to the next chain. A redirection to an ifb
// would have gone past the filters there. It decides nothing.
package limit

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"vifctl/hooks/plan"
)

// Host is where limits are: in the network namespace that it is called in.
type Host struct{}

var table = &nftables.Table{Name: plan.LimitTable, Family: nftables.TableFamilyNetdev}

// first is before any other chain of the interface's.
const first nftables.ChainPriority = -500

// SetLimit limits an interface, or no longer.
func (h Host) SetLimit(_ context.Context, s plan.Limit) error {
	change := fmt.Sprintf("limit what the guest sends to %d bytes a second", s.Rate.BytesPerSecond)
	if s.Absent {
		change = "no longer limit what the guest sends"
	}
	if err := h.set(s); err != nil {
		return fmt.Errorf("%s: %s: %w", s.Dev, change, err)
	}
	return nil
}

func (Host) set(s plan.Limit) error {
	c, err := nftables.New(nftables.AsLasting())
	if err != nil {
		return err
	}
	defer func() { _ = c.CloseLasting() }()
	chain := &nftables.Chain{Table: table, Name: plan.LimitChain(s.Dev)}
	if s.Absent {
		c.DelChain(chain)
		if err := c.Flush(); !errors.Is(err, unix.ENOENT) {
			return err
		}
		return nil
	}
	priority := first
	chain.Type, chain.Hooknum, chain.Priority, chain.Device = nftables.ChainTypeFilter, nftables.ChainHookIngress, &priority, s.Dev.Name
	c.AddTable(table)
	c.AddChain(chain)
	// It may have been there, with another rate.
	c.FlushChain(chain)
	c.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: []expr.Any{
		&expr.Limit{Type: expr.LimitTypePktBytes, Rate: s.Rate.BytesPerSecond, Unit: expr.LimitTimeSecond, Over: true, Burst: s.Rate.Burst},
		&expr.Verdict{Kind: expr.VerdictDrop},
	}})
	return c.Flush()
}

// ReadLimits implements kernel.LimitReader. Where there is no nf_tables,
// there is no limit.
func (Host) ReadLimits(indexes []int, s *plan.Snapshot) error {
	c, err := nftables.New(nftables.AsLasting())
	if err != nil {
		return nil //nolint:nilerr // no netlink of netfilter's at all
	}
	defer func() { _ = c.CloseLasting() }()
	for _, index := range indexes {
		chain := &nftables.Chain{Table: table, Name: plan.LimitChain(plan.Dev{Index: index})}
		rules, err := c.GetRules(table, chain)
		if err != nil {
			continue // there is no such chain, or table, or nf_tables
		}
		for _, r := range rules {
			if l, ok := r.Exprs[0].(*expr.Limit); ok {
				s.Limits[index] = plan.Rate{BytesPerSecond: l.Rate, Burst: l.Burst}
			}
		}
	}
	return nil
}
