package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"vifctl/hooks/journal"
	"vifctl/hooks/kernel"
	"vifctl/hooks/plan"
)

// xenstoreWriter is what taking a step needs of the xenstore.
type xenstoreWriter interface {
	Write(ctx context.Context, path, value string) error
}

// Firewall puts rules in force and takes others out, in one transaction.
type Firewall interface {
	Change(ctx context.Context, add, remove []plan.Rule) error
}

// Switch is Open vSwitch.
type Switch interface {
	// SetPort makes an interface a port of a bridge, or of none.
	SetPort(ctx context.Context, port plan.SwitchPort) error
	// SetGuard has what comes from a port checked, or no longer.
	SetGuard(ctx context.Context, guard plan.SwitchGuard) error
}

// Limits bounds what comes from an interface, or no longer.
type Limits interface {
	SetLimit(ctx context.Context, limit plan.Limit) error
}

// DHCP has addresses leased, or no longer.
type DHCP interface {
	SetDHCP(ctx context.Context, host plan.DHCPHost) error
}

// Hooks runs a vif-post.d hook.
type Hooks interface {
	Run(ctx context.Context, hook plan.HookRun) error
}

// Executor takes steps, in the network namespace that its kernel was opened in.
type Executor struct {
	Kernel *kernel.Kernel
	Tools
}

// Tools are what taking a step may need besides the kernel. One that no step
// will need may be nil.
type Tools struct {
	Xenstore xenstoreWriter
	Hooks    Hooks
	Firewall Firewall
	Switch   Switch
	Limits   Limits
	DHCP     DHCP
	Log      *slog.Logger
}

// undoTimeout is what there is for undoing when a call's own time is up.
const undoTimeout = 5 * time.Second

// Take takes the actions that are not satisfied, in order, until one fails. It returns how
// many it came to: the one that failed counts, since it may have half happened.
func (x *Executor) Take(ctx context.Context, actions []plan.Action) (taken int, err error) {
	for taken < len(actions) {
		steps := together(actions[taken:])
		if len(steps) == 0 {
			taken++
			continue
		}
		taken += len(steps)
		if err := ctx.Err(); err != nil {
			return taken - len(steps), err
		}
		if err := x.do(ctx, steps); err != nil {
			return taken, err
		}
	}
	return taken, nil
}

// TakeOrUndo takes the actions that are not satisfied, in order; when one fails, it undoes
// it and those before it, newest first. left, oldest first, is what could not be undone,
// which the error tells as well.
func (x *Executor) TakeOrUndo(ctx context.Context, actions []plan.Action) (left []journal.Entry, err error) {
	taken, failure := x.Take(ctx, actions)
	if failure == nil {
		return nil, nil
	}
	return x.TakeBack(ctx, actions[:taken], failure)
}

// TakeBack undoes actions that were taken, newest first, after the failure of the last. left,
// oldest first, is what could not be undone, which the error tells beside the failure.
func (x *Executor) TakeBack(ctx context.Context, taken []plan.Action, failure error) (left []journal.Entry, err error) {
	// It must not fail for want of the time that the step used up.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTimeout)
	defer cancel()
	if left, err = x.Undo(ctx, Taken(taken)); err != nil {
		return left, undoneError(failure, err)
	}
	return nil, failure
}

// Taken are the entries that undo actions which were taken, newest first.
func Taken(actions []plan.Action) (entries []journal.Entry) {
	for _, a := range slices.Backward(actions) {
		if !a.Satisfied && len(a.Undo) > 0 {
			entries = append(entries, journal.Entry{Step: a.Step, Undo: a.Undo})
		}
	}
	return entries
}

// Repair takes the actions that are not satisfied, in order, of a port that is in
// use: what cannot be taken keeps nothing else from being taken, and nothing is
// undone. Only, after a failure a port is neither set up nor put into a bridge, since
// what failed may be its filter.
func (x *Executor) Repair(ctx context.Context, actions []plan.Action) error {
	var failed []error
	for len(actions) > 0 {
		steps := together(actions)
		if len(steps) == 0 {
			actions = actions[1:]
			continue
		}
		actions = actions[len(steps):]
		if errors.Join(failed...) != nil && slices.ContainsFunc(steps, admits) {
			failed = append(failed, fmt.Errorf("%s: left as it is until the rest is right", steps[0].Key()))
			continue
		}
		err := ctx.Err()
		if err == nil {
			err = x.do(ctx, steps)
		}
		failed = append(failed, err)
	}
	return errors.Join(failed...)
}

// together are the steps at the head of actions that are one change, none where
// the first is satisfied.
func together(actions []plan.Action) []plan.Step {
	var steps []plan.Step
	for _, a := range actions {
		if a.Satisfied || len(steps) > 0 && !plan.Together(steps[len(steps)-1], a.Step) {
			break
		}
		steps = append(steps, a.Step)
	}
	return steps
}

func admits(s plan.Step) bool { return s.Traits().Admits }

// Undo takes back entries, newest first. It goes on after a failure, and returns, oldest
// first, those that could not be taken back, and all failures joined. What has gone
// together with its interface needs no undoing.
func (x *Executor) Undo(ctx context.Context, entries []journal.Entry) (left []journal.Entry, err error) {
	var failed []error
	for len(entries) > 0 {
		n := 1
		for n < len(entries) && len(entries[n-1].Undo) == 1 && len(entries[n].Undo) == 1 &&
			plan.Together(entries[n-1].Undo[0], entries[n].Undo[0]) {
			n++
		}
		var steps []plan.Step
		for _, e := range entries[:n] {
			steps = append(steps, e.Undo...)
		}
		if err := x.undoSteps(ctx, steps); err != nil {
			failed = append(failed, err)
			left = append(reversed(entries[:n]), left...)
		}
		entries = entries[n:]
	}
	return left, errors.Join(failed...)
}

func (x *Executor) undoSteps(ctx context.Context, steps []plan.Step) error {
	var failed []error
	for len(steps) > 0 {
		n := 1
		for n < len(steps) && plan.Together(steps[n-1], steps[n]) {
			n++
		}
		if err := x.do(ctx, steps[:n]); err != nil && !kernel.Gone(err) {
			failed = append(failed, err)
		}
		steps = steps[n:]
	}
	return errors.Join(failed...)
}

// do takes steps that are one change.
func (x *Executor) do(ctx context.Context, steps []plan.Step) error {
	switch steps[0].(type) {
	case plan.Rule:
		return x.changeRules(ctx, steps)
	case plan.Flows:
		return x.forgetFlows(steps)
	default:
		if len(steps) > 1 && x.Kernel.SetLink(steps...) == nil {
			return nil
		}
	}
	// The kernel does not say which of several attributes it refused, and may
	// have taken some: one by one, each has its own error.
	var failed []error
	for _, s := range steps {
		if err := x.Do(ctx, s); err != nil && s.Traits().Tolerant {
			x.Log.Warn("went on without a step", "step", s.Traits().Kind, "error", err)
		} else {
			failed = append(failed, err)
		}
	}
	return errors.Join(failed...)
}

// addAndRemove are the rules at the head of steps, by what becomes of them.
func addAndRemove(steps []plan.Step) (add, remove []plan.Rule) {
	rules, _ := plan.GroupRules(steps)
	for _, r := range rules {
		if r.Absent {
			r.Absent = false
			remove = append(remove, r)
		} else {
			add = append(add, r)
		}
	}
	return add, remove
}

func (x *Executor) changeRules(ctx context.Context, steps []plan.Step) error {
	add, remove := addAndRemove(steps)
	if err := x.Firewall.Change(ctx, add, remove); err != nil {
		return fmt.Errorf("firewall: %w", err)
	}
	return nil
}
