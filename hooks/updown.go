package hooks

import (
	"context"
	"errors"
	"fmt"

	"vifctl/hooks/apply"
	"vifctl/hooks/journal"
	"vifctl/hooks/plan"
)

// up brings a port up: intent first, then what belongs to the host, then the
// port itself; what an earlier call left and nobody wants any more goes last,
// so that nothing is missing in between.
func (r *Runtime) up(ctx context.Context, w *Work) error {
	if err := r.remember(w); err != nil {
		return fmt.Errorf("%s: %w", w.Event.Name, err)
	}
	host, port := splitHost(w.Actions)
	err := r.ensureHost(ctx, host)
	if err == nil {
		err = r.Executor.Apply(ctx, port)
	}
	if err != nil {
		var rollback *apply.RollbackError
		if errors.As(err, &rollback) {
			// What is left stays in the journal, for the next call to undo.
			return err
		}
		return errors.Join(err, r.forget(w))
	}
	left, err := r.undo(ctx, w, w.Undo, w.record)
	if len(left) > 0 {
		// Still ours to undo, with the port.
		w.record.Entries = append(left, w.record.Entries...)
		err = errors.Join(err, r.Journal.Write(w.record))
	}
	if err != nil {
		r.Log.Warn("what an earlier call did could not be undone", "port", w.Event.Name, "error", err)
	}
	return nil
}

// remember writes the intent, unless the journal holds just that already.
func (r *Runtime) remember(w *Work) error {
	changed := w.old == nil || w.old.Port != w.record.Port || w.old.Mode != w.record.Mode ||
		len(w.old.Entries) != len(w.record.Entries) || len(w.Undo) > 0
	if !changed {
		return nil
	}
	if w.old != nil {
		// Until it is undone, what is no longer wanted stays in the record.
		intent := *w.record
		intent.Entries = append(reversed(w.Undo), w.record.Entries...)
		return r.Journal.Write(&intent)
	}
	return r.Journal.Write(w.record)
}

// forget puts the journal back as it was before a call that failed.
func (r *Runtime) forget(w *Work) error {
	if w.old == nil {
		return r.Journal.Delete(w.Event.NIC, w.Event.Kind)
	}
	return r.Journal.Write(w.old)
}

// splitHost takes out the facts that belong to the host.
func splitHost(actions []plan.Action) (host, port []plan.Action) {
	for _, a := range actions {
		if s, ok := a.Step.(plan.Sysctl); ok && s.Host {
			host = append(host, a)
		} else {
			port = append(port, a)
		}
	}
	return host, port
}

// ensureHost takes the steps that serve every port, under the one lock that
// all calls share. They are never undone by a port.
func (r *Runtime) ensureHost(ctx context.Context, actions []plan.Action) error {
	for _, a := range actions {
		if a.Satisfied {
			continue
		}
		lock, err := r.Journal.LockHost(ctx)
		if err != nil {
			return err
		}
		err = r.Executor.Apply(ctx, actions)
		lock.Release()
		return err
	}
	return nil
}

// down undoes what was done for a port, all of it, whatever fails on the way.
// The hooks come first: they may still look at the port under the name they
// knew it by.
func (r *Runtime) down(ctx context.Context, w *Work) error {
	var failed []error
	for _, h := range w.Hooks {
		failed = append(failed, r.Executor.Do(ctx, h))
	}
	if w.old != nil {
		left, err := r.undo(ctx, w, w.Undo, nil)
		failed = append(failed, err)
		if len(left) > 0 {
			w.old.Entries = left
			failed = append(failed, r.Journal.Write(w.old))
		} else {
			failed = append(failed, r.Journal.Delete(w.Event.NIC, w.Event.Kind))
		}
	}
	return errors.Join(failed...)
}

// undo takes back entries, newest first, and returns, oldest first, those that
// could not be. What belongs to the NIC is handed over to the sibling port
// where that one wants it, too. keep, where it is not nil, is a record that is
// being written: what it claims is not undone.
func (r *Runtime) undo(ctx context.Context, w *Work, entries []journal.Entry, keep *journal.Record) (left []journal.Entry, err error) {
	if len(entries) == 0 {
		return nil, nil
	}
	sibling, err := r.Journal.Read(w.Event.NIC, w.Event.Kind.Other())
	if err != nil {
		r.Log.Warn("the other port of the NIC is not known", "error", err)
	}
	var failed []error
	adopted := false
	var mine []journal.Entry
	for _, e := range entries {
		switch {
		case keep.Claims(e.Step.Key()):
		case e.Step.Owner() == plan.OwnerNIC && sibling.Adopt(e):
			adopted = true
		default:
			mine = append(mine, e)
		}
	}
	for len(mine) > 0 {
		batch := together(mine)
		var steps []plan.Step
		for _, e := range batch {
			steps = append(steps, e.Undo...)
		}
		if err := r.Executor.Undo(ctx, steps); err != nil {
			failed = append(failed, err)
			left = append(reversed(batch), left...)
		}
		mine = mine[len(batch):]
	}
	if adopted {
		failed = append(failed, r.Journal.Write(sibling))
	}
	return left, errors.Join(failed...)
}

func reversed(entries []journal.Entry) []journal.Entry {
	out := make([]journal.Entry, 0, len(entries))
	for i := len(entries) - 1; i >= 0; i-- {
		out = append(out, entries[i])
	}
	return out
}

// together takes from the front of entries what is one change: firewall rules
// that stand side by side, or any other entry alone.
func together(entries []journal.Entry) []journal.Entry {
	n := 0
	for n < len(entries) && plan.KindOf(entries[n].Step) == "rule" {
		n++
	}
	return entries[:max(n, 1)]
}
