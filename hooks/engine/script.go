package engine

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"vifctl/hooks/firewall"
	"vifctl/hooks/openvswitch"
	"vifctl/hooks/plan"
)

// A Script tells steps as lines of a POSIX shell that do what the executor would: those of
// the firewall as commands of its backend, each change as if those before had been made.
// It asks the host for what is there, and changes nothing.
type Script struct {
	firewall *HostFirewall
	rules    *firewall.Script
}

// NewScript begins one. The firewall must stay open as long.
func NewScript(f *HostFirewall) *Script { return &Script{firewall: f} }

// Commands are the lines of steps that are one change.
func (s *Script) Commands(ctx context.Context, steps []plan.Step) (lines []string, err error) {
	if _, ok := steps[0].(plan.Rule); ok {
		add, remove := addAndRemove(steps)
		for _, step := range steps {
			lines = append(lines, step.Commands()...)
		}
		told, err := s.change(ctx, add, remove)
		if err != nil {
			return nil, fmt.Errorf("the firewall's commands: %w", err)
		}
		return append(lines, told...), nil
	}
	if guard, ok := steps[0].(plan.SwitchGuard); ok {
		return append(guard.Commands(), openvswitch.Commands(guard)...), nil
	}
	for _, step := range steps {
		lines = append(lines, step.Commands()...)
	}
	return lines, nil
}

// change tells what HostFirewall's Change does.
func (s *Script) change(ctx context.Context, add, remove []plan.Rule) (lines []string, err error) {
	trust, add := forFirewalld(add)
	distrust, remove := forFirewalld(remove)
	if len(add)+len(remove) > 0 {
		fw, err := s.firewall.open()
		if err != nil {
			return nil, err
		}
		if s.rules == nil {
			s.rules = firewall.NewScript(fw)
		}
		if lines, err = s.rules.Change(ctx, add, remove); err != nil {
			return nil, explain(err)
		}
	}
	var firewalld firewall.Firewalld
	return slices.Concat(firewalld.Commands(nil, distrust), lines, firewalld.Commands(trust, nil)), nil
}

// Tell has the decision printed with the commands of the firewall's backend. Without it, and
// where the host may not be asked for its rules, it says what they are to achieve.
func (d *Decision) Tell(ctx context.Context, s *Script) error {
	var told [][]string
	for _, c := range d.changes() {
		if c.satisfied {
			continue
		}
		lines, err := s.Commands(ctx, c.steps)
		if err != nil {
			return err
		}
		told = append(told, lines)
	}
	d.told = told
	return nil
}

// A stepsTogether are steps that are one change, or one that is satisfied.
type stepsTogether struct {
	steps     []plan.Step
	satisfied bool
	// undo: they take back what is no longer wanted.
	undo bool
	// lines are what a script has for them.
	lines []string
}

// changes are a decision's in their order, as the executor makes them.
func (d *Decision) changes() (all []stepsTogether) {
	told := d.told
	add := func(c stepsTogether) {
		if !c.satisfied && len(told) > 0 {
			c.lines, told = told[0], told[1:]
		} else {
			for _, s := range c.steps {
				c.lines = append(c.lines, toRead(s)...)
			}
		}
		all = append(all, c)
	}
	for actions := d.Actions; len(actions) > 0; {
		if steps := together(actions); len(steps) > 0 {
			add(stepsTogether{steps: steps})
			actions = actions[len(steps):]
			continue
		}
		add(stepsTogether{steps: []plan.Step{actions[0].Step}, satisfied: true})
		actions = actions[1:]
	}
	var undo []plan.Step
	for _, e := range d.Undo {
		undo = append(undo, e.Undo...)
	}
	for len(undo) > 0 {
		n := 1
		for n < len(undo) && plan.Together(undo[n-1], undo[n]) {
			n++
		}
		add(stepsTogether{steps: undo[:n], undo: true})
		undo = undo[n:]
	}
	return all
}

// toRead are a step's commands for a person who reads them: what keeps a script from ending
// at one that may fail says nothing about the step.
func toRead(s plan.Step) []string {
	lines := slices.Clone(s.Commands())
	for i, line := range lines {
		lines[i] = strings.TrimSuffix(line, " || true")
	}
	return lines
}
