package engine

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"

	"vifctl/configs"
	"vifctl/hooks/event"
	"vifctl/hooks/journal"
	"vifctl/hooks/kernel"
	"vifctl/hooks/plan"
	"vifctl/modes"
)

// Decision is what a call about a port comes to: what a preview prints and what Act
// does.
type Decision struct {
	Event event.Event
	// Mode and Guest by name; Guest is "" where it could not be read.
	Mode, Guest string
	// Bridge the port joins, "" without one.
	Bridge string
	// Network asks for some of it, where the configuration leaves that open.
	Network NetworkAsks
	// Known: the journal has what an earlier call did. Gone: the port has gone since,
	// and what was on it with it.
	Known, Gone bool
	// Actions in their order: of a port that comes up its plan, of one that goes down
	// its hooks.
	Actions []plan.Action
	// Undo is what has to go, newest first: of a port that goes down all that was done
	// for it, of one that comes up what an earlier call did for it that is no longer
	// wanted.
	Undo []journal.Entry
	// Left is what another port of the guest still wants: that one undoes it.
	Left     []journal.Entry
	Warnings []string

	// told are a script's lines for each change that is to be made, in their order; nil
	// where none was asked for (Tell).
	told [][]string
}

// NetworkAsks is what a network that vifctl started asks for the guests on it.
type NetworkAsks struct {
	// Name is its mode and its name, "" where none asks for anything.
	Name string
	plan.ForGuests
}

// port is the subject of a call about one port. It is to be carried under the lock of
// its NIC.
type port struct {
	*Engine
	call event.Call
	// wait is how long to wait for a port that is not there yet.
	wait time.Duration
	// repair: the call was carried out before, so its effects (hooks, what the toolstack
	// is told) are done, and only its facts are looked at.
	repair bool
	// preview: nothing will be changed, so no lock is taken.
	preview bool

	facts
	Decision
	// record is what the journal will hold of a port that comes up.
	record *journal.Record
	// common is the lock that all calls share, held from when what a guest's ports have in
	// common is looked at until the intent is written down.
	common *journal.Lock
	// taken is how many of the actions Act came to.
	taken int
}

// facts are what a decision about a port is made from.
type facts struct {
	boot string
	// old is what the journal holds of the port, nil where it knows of nothing that was
	// done in this run of the kernel; damaged: it cannot be read.
	old     *journal.Record
	damaged bool
	// complained: an earlier call has left its error in the xenstore.
	complained bool
	who        Identity
	entry      configs.Guest
	// link is the port itself.
	link plan.Link
	// request is what the mode is asked, and host what it looks at.
	request plan.Request
	host    *plan.Snapshot
}

// port makes a subject of a call.
func (e *Engine) port(call event.Call) *port {
	return &port{Engine: e, call: call, Decision: Decision{Event: event.Event{Call: call, Name: call.Device}, Mode: modes.OfScript(call.Script)}}
}

// Look implements Subject.
func (p *port) Look(ctx context.Context) error {
	var err error
	if p.boot, err = kernel.BootID(); err != nil {
		return err
	}
	old, err := p.Journal.Read(p.call.NIC, p.call.Kind)
	if err != nil {
		p.damaged = true
		p.warn("%v; it is set aside, so what an earlier call did is not known", err)
	}
	if old != nil && old.Boot == p.boot {
		p.old, p.Known = old, true
	}
	if p.call.Command.Up() {
		return p.lookUp(ctx)
	}
	return p.lookDown(ctx)
}

// Decide implements Subject.
func (p *port) Decide(ctx context.Context) error {
	if p.call.Command.Up() {
		return p.decideUp(ctx)
	}
	return p.decideDown()
}

// Record implements Subject: the intent of a port that comes up. One that goes down has
// its record until it is undone.
func (p *port) Record(context.Context) error {
	defer p.unshare()
	if p.damaged {
		if _, err := p.Journal.SetAside(p.call.NIC, p.call.Kind); err != nil {
			return fmt.Errorf("%s: %w", p.Event.Device, err)
		}
	}
	if !p.repair { // the first call said so
		for _, warning := range p.Warnings {
			p.Log.Warn(warning, "port", p.Event.Name)
		}
	}
	if !p.call.Command.Up() {
		return nil
	}
	if err := p.writeIntent(); err != nil {
		return fmt.Errorf("%s: %w", p.Event.Name, err)
	}
	return nil
}

func (p *port) writeIntent() error {
	if slices.ContainsFunc(p.record.Entries, isShared) {
		if err := p.members(p.record).Add(p.call.NIC, p.call.Kind); err != nil {
			return err
		}
	}
	stale := slices.Concat(reversed(p.Left), reversed(p.Undo))
	if p.old != nil && len(stale) == 0 && reflect.DeepEqual(p.old, p.record) {
		return nil
	}
	// Until it is undone, what is no longer wanted stays in the record.
	intent := *p.record
	intent.Entries = slices.Concat(stale, p.record.Entries)
	return p.Journal.Write(&intent)
}

// Act implements Subject.
func (p *port) Act(ctx context.Context) (err error) {
	if p.repair || !p.call.Command.Up() {
		return p.Executor.Repair(ctx, p.Actions)
	}
	if p.taken, err = p.Executor.Take(ctx, p.Actions); err != nil {
		return err
	}
	return p.Executor.forgetStrays(p.Actions)
}

// Settle implements Subject.
func (p *port) Settle(ctx context.Context, failure error) error {
	switch {
	case !p.call.Command.Up():
		return errors.Join(failure, p.takeDown(ctx))
	case failure != nil && !p.repair:
		return p.rollBack(ctx, failure)
	}
	p.dropStale(ctx)
	return failure
}

// takeDown undoes what was done for a port, all of it, whatever fails on the way. The
// hooks have come first: they may still look at the port under the name they knew it by.
func (p *port) takeDown(ctx context.Context) error {
	if p.old == nil {
		return nil
	}
	left, err := p.undo(ctx, p.old, append(slices.Clone(p.Left), p.Undo...), true)
	if len(left) == 0 {
		return errors.Join(err, p.Journal.Delete(p.call.NIC, p.call.Kind))
	}
	p.old.Entries = left
	return errors.Join(err, p.Journal.Write(p.old))
}

// rollBack undoes the actions that were taken, the one that failed as well, since it may
// have half happened, and puts the journal back as it was. It must not fail for want of
// the time that the failure used up.
func (p *port) rollBack(ctx context.Context, failure error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoTimeout)
	defer cancel()
	if _, err := p.undo(ctx, p.record, Taken(p.Actions[:p.taken]), p.old == nil); err != nil {
		// What is left stays in the journal, for the next call to undo.
		return undoneError(failure, err)
	}
	if p.old != nil {
		return errors.Join(failure, p.Journal.Write(p.old))
	}
	return errors.Join(failure, p.Journal.Delete(p.call.NIC, p.call.Kind))
}

// dropStale undoes what an earlier call did and the port no longer wants, last, so that
// nothing is missing in between. What cannot be undone is worth a warning, and stays to
// be undone with the port.
func (p *port) dropStale(ctx context.Context) {
	if len(p.Undo)+len(p.Left) == 0 {
		return
	}
	left, err := p.undo(ctx, p.record, append(slices.Clone(p.Left), p.Undo...), false)
	p.record.Entries = append(left, p.record.Entries...)
	if err = errors.Join(err, p.Journal.Write(p.record)); err != nil {
		p.Log.Warn("what an earlier call did could not be undone", "port", p.Event.Name, "error", err)
	}
}

func (d *Decision) warn(format string, args ...any) {
	d.Warnings = append(d.Warnings, fmt.Sprintf(format, args...))
}

// Missing is what a port's plan wants and the host does not have.
func (d *Decision) Missing() []plan.Action {
	var missing []plan.Action
	for _, a := range d.Actions {
		if t := a.Step.Traits(); !a.Satisfied && !t.Effect && !t.Passing {
			missing = append(missing, a)
		}
	}
	return missing
}

// Right reports whether a port is right: nothing is missing, and nothing is
// there that it no longer wants.
func (d *Decision) Right() bool { return len(d.Missing())+len(d.Undo)+len(d.Left) == 0 }

// Done are the steps that the decision takes, in their order: what is missing, then what
// undoes what has to go.
func (d *Decision) Done() []plan.Step {
	var steps []plan.Step
	for _, a := range d.Actions {
		if !a.Satisfied {
			steps = append(steps, a.Step)
		}
	}
	for _, e := range d.Undo {
		steps = append(steps, e.Undo...)
	}
	return steps
}

// reversed is a copy of entries in the other order.
func reversed(entries []journal.Entry) []journal.Entry {
	out := slices.Clone(entries)
	slices.Reverse(out)
	return out
}
