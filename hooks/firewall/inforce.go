package firewall

import (
	"context"
	"fmt"
	"slices"

	"vifctl/hooks/plan"
)

// InForce implements Firewall. A rule whose elements are there is not in force
// where the fixed rules that look at them are not.
func (n *NFTables) InForce(ctx context.Context, rules []plan.Rule) (map[string]bool, error) {
	release, err := n.hold(ctx)
	if err != nil {
		return nil, fmt.Errorf("look at the firewall: %w", err)
	}
	defer release()
	each := make([][]element, len(rules))
	for i, r := range rules {
		if each[i], err = elementsOf(r); err != nil {
			return nil, err
		}
	}
	v, err := n.look(slices.Concat(each...))
	if err != nil {
		return nil, fmt.Errorf("look at the firewall: %w", err)
	}
	inForce := make(map[string]bool, len(rules))
	for i, r := range rules {
		inForce[r.Key()] = v.holds(each[i]) && !slices.ContainsFunc(each[i], func(e element) bool { return !v.whole(e.part) })
	}
	return inForce, nil
}
