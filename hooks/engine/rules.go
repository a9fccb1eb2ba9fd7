package engine

import (
	"context"

	"vifctl/hooks/journal"
	"vifctl/hooks/plan"
)

// A RuleInForce is one rule of a guest's in the host's firewall.
type RuleInForce struct {
	// About says in words what it is to achieve.
	About string `json:"about"`
	// Commands put it in force, in the words of the backend.
	Commands []string `json:"commands"`
	// InForce: it is there.
	InForce bool `json:"inForce"`
}

// Rules are those that a port's record wants, in its order.
func (f *HostFirewall) Rules(ctx context.Context, r *journal.Record) (all []RuleInForce, err error) {
	wanted := wantedRules(r)
	if len(wanted) == 0 {
		return nil, nil
	}
	there, err := f.InForce(ctx, wanted)
	if err != nil {
		return nil, err
	}
	for _, rule := range wanted {
		one := RuleInForce{About: rule.About(), InForce: there[rule.Key()]}
		if one.Commands, err = f.words(rule); err != nil {
			return nil, err
		}
		all = append(all, one)
	}
	return all, nil
}

func wantedRules(r *journal.Record) (rules []plan.Rule) {
	for _, e := range r.Entries {
		if rule, ok := e.Step.(plan.Rule); ok && !rule.Absent {
			rules = append(rules, rule)
		}
	}
	return rules
}

func (f *HostFirewall) words(r plan.Rule) ([]string, error) {
	if r.Kind == plan.RuleTrusted {
		return []string{plan.Command("firewall-cmd", "--zone=trusted", "--change-interface="+r.Dev.Name)}, nil
	}
	fw, err := f.open()
	if err != nil {
		return nil, err
	}
	lines, err := fw.Words(r)
	return lines, explain(err)
}
