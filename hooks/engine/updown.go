package engine

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"

	"vifctl/hooks/journal"
	"vifctl/hooks/plan"
)

// up brings a port up: intent first, then what belongs to the host, then the
// port itself; what an earlier call left and nobody wants any more goes last,
// so that nothing is missing in between.
func (r *Runtime) up(ctx context.Context, w *Work) error {
	intent := r.remember
	if slices.ContainsFunc(w.record.Entries, isShared) {
		intent = func(w *Work) error { return r.enrol(ctx, w) }
	}
	if err := intent(w); err != nil {
		return fmt.Errorf("%s: %w", w.Event.Name, err)
	}
	host, port := splitHost(w.Actions)
	err := r.ensureHost(ctx, host)
	if err == nil {
		if w.again {
			return errors.Join(r.Executor.Mend(ctx, port), r.leaveStale(ctx, w))
		}
		err = r.Executor.Apply(ctx, port)
	}
	if err != nil {
		var rollback *RollbackError
		if errors.As(err, &rollback) {
			// What is left stays in the journal, for the next call to undo.
			return err
		}
		err = errors.Join(err, r.forget(context.WithoutCancel(ctx), w))
		if old, found := r.predecessor(w, err); found {
			return r.succeed(ctx, w.Event.Call, old)
		}
		return err
	}
	return r.leaveStale(ctx, w)
}

// leaveStale undoes what an earlier call did and the port no longer wants. What
// cannot be undone is worth a warning, and stays to be undone with the port.
func (r *Runtime) leaveStale(ctx context.Context, w *Work) error {
	if len(w.Undo)+len(w.Left) == 0 {
		return nil
	}
	left, err := r.takeBack(ctx, w, false)
	// What is left is still ours to undo, with the port.
	w.record.Entries = append(left, w.record.Entries...)
	if err = errors.Join(err, r.Journal.Write(w.record)); err != nil {
		r.Log.Warn("what an earlier call did could not be undone", "port", w.Event.Name, "error", err)
	}
	return nil
}

// takeBack undoes what has to go, newest first, and returns, oldest first, what
// could not be.
func (r *Runtime) takeBack(ctx context.Context, w *Work, leave bool) ([]journal.Entry, error) {
	entries := w.Undo
	shared := leave && slices.ContainsFunc(w.old.Entries, isShared)
	if shared || len(w.Left) > 0 || slices.ContainsFunc(entries, isShared) {
		// In one list again, since what another port wants may have changed.
		return r.undoShared(ctx, w, append(slices.Clone(w.Left), entries...), leave)
	}
	return r.undo(ctx, entries)
}

// remember writes the intent, unless the journal holds just that already.
func (r *Runtime) remember(w *Work) error {
	if w.old != nil && len(w.Undo)+len(w.Left) == 0 && reflect.DeepEqual(w.old, w.record) {
		return nil
	}
	if w.old != nil {
		// Until it is undone, what is no longer wanted stays in the record.
		intent := *w.record
		intent.Entries = slices.Concat(reversed(w.Left), reversed(w.Undo), w.record.Entries)
		return r.Journal.Write(&intent)
	}
	return r.Journal.Write(w.record)
}

// forget puts the journal back as it was before a call that failed.
func (r *Runtime) forget(ctx context.Context, w *Work) error {
	if w.old != nil {
		return r.Journal.Write(w.old)
	}
	err := r.Journal.Delete(w.Event.NIC, w.Event.Kind)
	if slices.ContainsFunc(w.record.Entries, isShared) {
		_, leaveErr := r.undoShared(ctx, w, nil, true)
		err = errors.Join(err, leaveErr)
	}
	return err
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
		left, err := r.takeBack(ctx, w, true)
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
// could not be.
func (r *Runtime) undo(ctx context.Context, entries []journal.Entry) (left []journal.Entry, err error) {
	var failed []error
	for len(entries) > 0 {
		batch := undoneTogether(entries)
		var steps []plan.Step
		for _, e := range batch {
			steps = append(steps, e.Undo...)
		}
		if err := r.Executor.Undo(ctx, steps); err != nil {
			failed = append(failed, err)
			left = append(reversed(batch), left...)
		}
		entries = entries[len(batch):]
	}
	return left, errors.Join(failed...)
}

// undoneTogether takes from the front of entries what is undone by one request to
// the kernel.
func undoneTogether(entries []journal.Entry) []journal.Entry {
	n := 1
	for n < len(entries) && len(entries[n-1].Undo) == 1 && len(entries[n].Undo) == 1 &&
		plan.Together(entries[n-1].Undo[0], entries[n].Undo[0]) {
		n++
	}
	return entries[:n]
}

// reversed is a copy of entries in the other order.
func reversed(entries []journal.Entry) []journal.Entry {
	out := slices.Clone(entries)
	slices.Reverse(out)
	return out
}
