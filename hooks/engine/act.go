package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

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

// Apply takes the actions that are not satisfied, in order. When one fails,
// those taken before it are undone, newest first, and the error tells both what
// failed and whatever could not be undone.
func (x *Executor) Apply(ctx context.Context, actions []plan.Action) error {
	for i := 0; i < len(actions); i++ {
		if actions[i].Satisfied {
			continue
		}
		steps := together(actions[i:])
		err := ctx.Err()
		if err == nil {
			err = x.do(ctx, steps)
		}
		i += len(steps) - 1
		if err == nil {
			continue
		}
		// The step itself may have half happened: it is undone as well. The
		// rollback must not fail for want of the time that the step used up.
		undo, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTimeout)
		defer cancel()
		var back []plan.Step
		for ; i >= 0; i-- {
			if !actions[i].Satisfied {
				back = append(back, actions[i].Undo...)
			}
		}
		if left := x.Undo(undo, back); left != nil {
			return &RollbackError{Cause: err, Left: left}
		}
		return err
	}
	return nil
}

// Mend takes the actions that are not satisfied, in order, of a port that is in
// use: what cannot be taken keeps nothing else from being taken, and nothing is
// undone. Only, after a failure a port is neither set up nor put into a bridge, since
// what failed may be its filter.
func (x *Executor) Mend(ctx context.Context, actions []plan.Action) error {
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

// RollbackError says that a step failed, and not all that was done before it could be
// undone.
type RollbackError struct{ Cause, Left error }

// Error implements error.
func (e *RollbackError) Error() string {
	return fmt.Sprintf("%v; and this could not be undone: %v", e.Cause, e.Left)
}

// Unwrap lets errors.Is see both.
func (e *RollbackError) Unwrap() []error { return []error{e.Cause, e.Left} }

// Undo takes steps that bring something back. It goes on after a failure and
// returns all failures joined. What has gone together with its interface needs
// no undoing.
func (x *Executor) Undo(ctx context.Context, steps []plan.Step) error {
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

func (x *Executor) changeRules(ctx context.Context, steps []plan.Step) error {
	rules, _ := plan.GroupRules(steps)
	var add, remove []plan.Rule
	for _, r := range rules {
		if r.Absent {
			r.Absent = false
			remove = append(remove, r)
		} else {
			add = append(add, r)
		}
	}
	if err := x.Firewall.Change(ctx, add, remove); err != nil {
		return fmt.Errorf("firewall: %w", err)
	}
	return nil
}
