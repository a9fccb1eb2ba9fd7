package hooks

import (
	"context"
	"errors"
	"fmt"
	"slices"

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
	left, err := r.undo(ctx, w.Undo)
	err = errors.Join(err, r.handOver(w))
	if len(w.Undo)+len(w.HandOver) > 0 {
		// What is left is still ours to undo, with the port.
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
		len(w.old.Entries) != len(w.record.Entries) || len(w.Undo)+len(w.HandOver) > 0
	if !changed {
		return nil
	}
	if w.old != nil {
		// Until it is undone, what is no longer wanted stays in the record.
		intent := *w.record
		intent.Entries = slices.Concat(reversed(w.HandOver), reversed(w.Undo), w.record.Entries)
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
		left, err := r.undo(ctx, w.Undo)
		failed = append(failed, err, r.handOver(w))
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
		batch := together(entries)
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

// handOver makes the NIC's other port responsible for what it still needs. It
// comes before this port's record goes, so that a call killed in between
// leaves it with both rather than with none.
func (r *Runtime) handOver(w *Work) error {
	if len(w.HandOver) == 0 {
		return nil
	}
	sibling, err := r.Journal.Read(w.Event.NIC, w.Event.Kind.Other())
	if err != nil {
		return err
	}
	for _, e := range w.HandOver {
		sibling.Adopt(e)
	}
	return r.Journal.Write(sibling)
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

// reversed is a copy of entries in the other order.
func reversed(entries []journal.Entry) []journal.Entry {
	out := slices.Clone(entries)
	slices.Reverse(out)
	return out
}
