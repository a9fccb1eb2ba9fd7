package network

import (
	"context"
	"errors"
	"time"

	"vifctl/hooks/engine"
	"vifctl/hooks/journal"
)

// Start does what a request asks for, all of it or nothing. With confirm, it is
// undone after that time unless somebody confirms it.
func (r *Runtime) Start(ctx context.Context, req Request, confirm time.Duration) (*Work, error) {
	ctx, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	lock, err := r.Journal.LockHost(ctx)
	if err != nil {
		return nil, err
	}
	defer lock.Release()
	if err := r.tidy(ctx, false); err != nil {
		return nil, err
	}
	w, err := r.prepare(ctx, req, true)
	if err != nil {
		return w, err
	}
	for _, warning := range w.Warnings {
		r.Log.Warn(warning)
	}
	if w.Nothing != "" {
		return w, nil
	}
	if w.Before {
		return w, r.renew(ctx, w)
	}
	if err := r.Journal.SetLastWords(""); err != nil {
		return w, err
	}
	// The intent first: whoever finds it undoes it.
	if err := r.Journal.WriteNetwork(w.record); err != nil {
		return w, err
	}
	release, err := r.guard(w, confirm)
	if err != nil {
		return w, errors.Join(err, r.Journal.DeleteNetwork(w.Mode, w.Name))
	}
	defer release()
	if err := r.Executor.Apply(ctx, w.Actions()); err != nil {
		var rollback *engine.RollbackError
		if errors.As(err, &rollback) {
			// What is left stays in the journal, for the next call to undo.
			return w, err
		}
		return w, errors.Join(err, r.Journal.DeleteNetwork(w.Mode, w.Name))
	}
	w.record.State = journal.Started
	if confirm > 0 {
		now, err := sinceBoot()
		if err != nil {
			return w, err
		}
		w.record.ConfirmBy = int64(now + confirm)
	}
	if err := r.Journal.WriteNetwork(w.record); err != nil {
		undo, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoDeadline)
		defer cancel()
		return w, errors.Join(err, r.undo(undo, w.record, nil))
	}
	return w, nil
}

// guard lets another process watch this one where the host's own connection is
// at stake.
func (r *Runtime) guard(w *Work, confirm time.Duration) (release func(), err error) {
	if r.Guard == nil || !w.rewires() && confirm == 0 {
		return func() {}, nil
	}
	return r.Guard(w.Mode, w.Name, w.record.Token)
}

// renew brings back what has gone of a network since it was started, and sets
// what is set otherwise by now.
func (r *Runtime) renew(ctx context.Context, w *Work) error {
	w.record.State = journal.Started
	intent := *w.record
	for _, e := range w.Stale {
		intent.Settings = append([]journal.Entry{e}, intent.Settings...)
	}
	if err := r.Journal.WriteNetwork(&intent); err != nil {
		return err
	}
	if err := r.Executor.Apply(ctx, w.Actions()); err != nil {
		return err
	}
	if len(w.Stale) == 0 {
		return nil
	}
	left, err := r.takeBack(ctx, w.Stale)
	for _, e := range left {
		w.record.Settings = append([]journal.Entry{e}, w.record.Settings...)
	}
	return errors.Join(err, r.Journal.WriteNetwork(w.record))
}

// Confirm takes every start that waits for it as good, and returns their names.
func (r *Runtime) Confirm(ctx context.Context) (names []string, err error) {
	lock, err := r.Journal.LockHost(ctx)
	if err != nil {
		return nil, err
	}
	defer lock.Release()
	all, err := r.records()
	if err != nil {
		return nil, err
	}
	for _, n := range all {
		if n.ConfirmBy == 0 || n.State != journal.Started {
			continue
		}
		n.ConfirmBy = 0
		if err := r.Journal.WriteNetwork(n); err != nil {
			return names, err
		}
		names = append(names, n.Mode+" "+n.Name)
	}
	return names, nil
}
