package firewall

import (
	"context"
	"fmt"

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
	all, err := elementsOfAll(rules)
	if err != nil {
		return nil, err
	}
	v, err := n.look(all)
	if err != nil {
		return nil, fmt.Errorf("look at the firewall: %w", err)
	}
	inForce := make(map[string]bool, len(rules))
	for i, r := range rules {
		ok := v.holds(all[i])
		for p := range all[i].parts() {
			ok = ok && v.whole(p)
		}
		inForce[r.Key()] = ok
	}
	return inForce, nil
}

func elementsOfAll(rules []plan.Rule) ([]needs, error) {
	all := make([]needs, len(rules))
	for i, r := range rules {
		var err error
		if all[i], err = elementsOf(r); err != nil {
			return nil, err
		}
	}
	return all, nil
}
