package network

import (
	"context"
	"errors"
	"slices"
	"time"

	"vifctl/hooks/engine"
	"vifctl/hooks/guard"
	"vifctl/hooks/journal"
	"vifctl/hooks/plan"
)

// Start does what a request asks for, all of it or nothing. With confirm, it is
// undone after that time unless the administrator confirms it.
func (r *Networks) Start(ctx context.Context, req Request, confirm time.Duration) (*Decision, error) {
	ctx, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	lock, err := r.Journal.LockNetworks(ctx)
	if err != nil {
		return nil, err
	}
	defer lock.Release()
	if err := r.tidy(ctx, false); err != nil {
		return nil, err
	}
	s := r.start(req)
	s.ask, s.confirm = true, confirm
	defer func() { s.unshare(); s.release() }()
	return &s.Decision, engine.Carry(ctx, s)
}

// Record implements engine.Subject: the intent first, which a later call can undo, then
// the process that takes over when this one dies, where the host's own connection is at
// stake.
func (s *start) Record(context.Context) error {
	for _, warning := range s.Warnings {
		s.Log.Warn(warning)
	}
	if s.Nothing != "" {
		return nil
	}
	if s.Before {
		s.record.State = journal.Started
		intent := *s.record
		intent.Settings = append(reversed(s.Stale), intent.Settings...)
		return s.Journal.WriteNetwork(&intent)
	}
	if err := s.Journal.SetLastWords(journal.OfNetworks, ""); err != nil {
		return err
	}
	if err := s.Journal.WriteNetwork(s.record); err != nil {
		return err
	}
	if s.Guard == nil || !s.rewires() && s.confirm == 0 {
		return nil
	}
	release, err := s.Guard(s.Mode, s.Name, s.record.Token)
	if err != nil {
		return errors.Join(err, s.Journal.DeleteNetwork(s.Mode, s.Name))
	}
	s.release = release
	return nil
}

// Act implements engine.Subject. The common lock, which Look took, is held until the host is
// rewired, and not while gateways are waited for.
func (s *start) Act(ctx context.Context) error {
	actions := s.Actions()
	rewired := slices.IndexFunc(actions, func(a plan.Action) bool { _, waits := a.Step.(plan.Reachable); return waits })
	if rewired < 0 {
		rewired = len(actions)
	}
	taken, failure := s.Executor.Take(ctx, actions[:rewired])
	if failure == nil {
		s.unshare()
		var more int
		more, failure = s.Executor.Take(ctx, actions[rewired:])
		taken += more
	}
	if failure == nil {
		return nil
	}
	if err := s.share(ctx); err != nil {
		failure = errors.Join(failure, err) // it is undone all the same: the host may be cut off
	}
	defer s.unshare()
	var err error
	s.left, err = s.Executor.TakeBack(ctx, actions[:taken], failure)
	return err
}

// share takes the lock that all calls share, if it is not held.
func (s *start) share(ctx context.Context) (err error) {
	if s.common == nil {
		s.common, err = s.Journal.LockHost(ctx)
	}
	return err
}

// unshare releases it, if it is held.
func (s *start) unshare() {
	if s.common != nil {
		s.common.Release()
		s.common = nil
	}
}

// Settle implements engine.Subject.
func (s *start) Settle(ctx context.Context, failure error) error {
	switch {
	case s.Nothing != "":
		return nil
	case failure != nil && (s.Before || len(s.left) > 0):
		// What is left stays in the journal, for the next call to undo.
		return failure
	case failure != nil:
		return errors.Join(failure, s.Journal.DeleteNetwork(s.Mode, s.Name))
	case s.Before:
		return s.dropStale(ctx)
	}
	return s.started(ctx)
}

// dropStale undoes what an earlier start set that is set otherwise by now.
func (s *start) dropStale(ctx context.Context) error {
	if len(s.Stale) == 0 {
		return nil
	}
	left, err := s.Executor.Undo(ctx, s.Stale)
	s.record.Settings = append(left, s.record.Settings...)
	return errors.Join(err, s.Journal.WriteNetwork(s.record))
}

func (s *start) started(ctx context.Context) error {
	s.record.State = journal.Started
	if s.confirm > 0 {
		by, err := guard.Within(s.confirm)
		if err != nil {
			return err
		}
		s.record.ConfirmBy = int64(by)
	}
	if err := s.Journal.WriteNetwork(s.record); err != nil {
		undo, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoDeadline)
		defer cancel()
		return errors.Join(err, s.undo(undo, s.record, nil))
	}
	return nil
}

// Confirm takes every start that waits for it as good, and returns their names.
func (r *Networks) Confirm(ctx context.Context) (names []string, err error) {
	lock, err := r.Journal.LockNetworks(ctx)
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
