package engine

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"vifctl/hooks/event"
	"vifctl/hooks/journal"
	"vifctl/hooks/plan"
)

// A port that is up is held against its plan by making its own call again: the
// same way, with today's configuration, but for the deeds (hooks, the word to the
// toolstack), which were done. What differs is what somebody took away, or what
// the configuration has changed its mind about.

// ErrNotUp says that the journal knows of no call of ours that brought the port up.
var ErrNotUp = errors.New("no call of ours brought it up")

// Check works out what a port that is up lacks, and what it has and no longer
// needs; it changes nothing. It fails with ErrNotUp, ErrGone, ErrNoKeys or
// ErrBusy where that cannot be told.
func (r *Runtime) Check(ctx context.Context, port journal.Port) (*Work, error) {
	ctx, cancel := context.WithTimeout(ctx, callDeadline)
	defer cancel()
	lock, err := r.lockIdle(ctx, port.NIC)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", port.Name, err)
	}
	defer lock.Release()
	return r.check(ctx, port)
}

// Repair does what Check tells. One step that fails keeps no other from being
// taken, except that a port is not set up, nor put into a bridge, after a failure.
// A port that lacks nothing costs no write, to the kernel or to the journal. The
// Work is what was missing, also where the error tells that not all of it could be
// put back.
func (r *Runtime) Repair(ctx context.Context, port journal.Port) (*Work, error) {
	ctx, cancel := context.WithTimeout(ctx, callDeadline)
	defer cancel()
	lock, err := r.lockIdle(ctx, port.NIC)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", port.Name, err)
	}
	defer lock.Release()
	w, err := r.check(ctx, port)
	if err != nil || w.Right() {
		return w, err
	}
	found := *w
	return &found, r.up(ctx, w)
}

// check is to be called under the NIC's lock.
func (r *Runtime) check(ctx context.Context, port journal.Port) (*Work, error) {
	record, err := r.current(port.NIC, port.Kind)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", port.Name, err)
	}
	if record == nil || record.Index != port.Index {
		return nil, fmt.Errorf("%s: %w", port.Name, ErrNotUp)
	}
	switch _, there, err := r.Reader.LinkByIndex(record.Index); {
	case err != nil:
		return nil, fmt.Errorf("%s: %w", record.Name, err)
	case !there:
		return nil, fmt.Errorf("%s: %w", record.Name, ErrGone)
	}
	call, err := recall(record)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", record.Name, err)
	}
	if err := r.hasBackend(ctx, call); err != nil {
		return nil, fmt.Errorf("%s: %w", record.Name, err)
	}
	w, err := r.prepare(ctx, call, manner{again: true})
	if err != nil {
		return nil, err
	}
	if a, b := w.record.UUID, record.UUID; a != b && a != "" && b != "" {
		return nil, fmt.Errorf("%s: domain %d is another guest by now: %w", record.Name, port.NIC.Domid, ErrNotUp)
	}
	return w, nil
}

// Missing is what a port's plan wants and the host does not have.
func (w *Work) Missing() []plan.Action {
	var missing []plan.Action
	for _, a := range w.Actions {
		if !a.Satisfied && !a.Step.Traits().Effect {
			missing = append(missing, a)
		}
	}
	return missing
}

// Right reports whether a port is as it should be: nothing is missing, and
// nothing is there that it no longer wants.
func (w *Work) Right() bool { return len(w.Missing())+len(w.Undo)+len(w.Left) == 0 }

// recall is the call that brought a port up.
func recall(record *journal.Record) (event.Call, error) {
	if record.Kind == plan.Tap {
		return callOf(event.Add, record)
	}
	return callOf(event.Online, record)
}

// callOf is a call about a port that an earlier one brought up.
func callOf(command event.Command, record *journal.Record) (event.Call, error) {
	args := []string{string(command), "type_if=vif", "vif=" + record.Device}
	if record.Kind == plan.Tap {
		args = []string{string(command), "type_if=tap", "INTERFACE=" + record.Device}
	}
	args = append(args, "XENBUS_PATH="+backendOf(record))
	for name, value := range record.Params {
		args = append(args, name+"="+value)
	}
	return event.Parse(scriptOf(record), args, func(string) string { return "" })
}

// backendOf and scriptOf are what a call said, or what it must have said where
// the record is of before it was written down.
func backendOf(record *journal.Record) string {
	if record.Backend != "" {
		return record.Backend
	}
	return "backend/vif/" + strings.ReplaceAll(record.NIC.String(), ".", "/")
}

func scriptOf(record *journal.Record) string {
	if record.Script != "" {
		return record.Script
	}
	return "vif-" + record.Mode
}
