package firewall

import (
	"context"
	"fmt"
	"slices"

	"github.com/google/nftables"
)

// familyName is that of one of our tables.
func familyName(t *nftables.Table) string {
	switch t {
	case bridgeTable:
		return "bridge"
	case arpTable:
		return "arp"
	}
	return "inet"
}

// Tampered lists the chains of ours that have lost rules, or got others: as `nft
// list chain` takes them. Tables that are not there at all, and parts that were
// never needed, are not among them.
func (n *NFTables) Tampered(ctx context.Context) (chains []string, err error) {
	release, err := n.hold(ctx)
	if err != nil {
		return nil, fmt.Errorf("look at the firewall: %w", err)
	}
	defer release()
	var all []element
	for _, p := range parts {
		all = append(all, single(p, p.marker().name, string(host(p.stamp(n.options))), ""))
	}
	v, err := n.look(all)
	if err != nil {
		return nil, fmt.Errorf("look at the firewall: %w", err)
	}
	for _, p := range parts {
		have := v.tables[p.table]
		// A part of another version or other options is made anew by the next call.
		if _, made := v.there[v.mark(p)]; !made {
			continue
		}
		for chain, uses := range uses(p.chains(n.options, have.inUse(p))) {
			if have.uses[chain] != uses {
				chains = append(chains, fmt.Sprintf("%s %s %s", familyName(p.table), TableName, chain))
			}
		}
	}
	slices.Sort(chains)
	return chains, nil
}

// Tampered lists the chains in nf_tables: see NFTables. What is amiss in iptables
// InForce tells.
func (x *IPTables) Tampered(ctx context.Context) ([]string, error) {
	if x.guard == nil {
		return nil, nil
	}
	return x.guard.Tampered(ctx)
}
