package main

import (
	"context"
	"errors"
	"log/slog"

	"vifctl/hooks/engine"
	"vifctl/hooks/journal"
	"vifctl/hooks/network"
	"vifctl/hooks/session"
	"vifctl/watch"
)

// lateRuntime is the runtime of one of the watcher's workers: a session that is
// opened when it is first needed, and again after a failure, since what failed
// may be the session.
type lateRuntime struct {
	caller   session.Caller
	dir      string
	hookDir  string // "" is none
	apart    bool   // see session.Session
	log      *slog.Logger
	store    *watch.Store
	settings *liveSettings
	s        *session.Session
}

// AddLate implements watch.Runtime.
func (r *lateRuntime) AddLate(ctx context.Context, tap engine.LateTap) (*engine.Decision, error) {
	if err := r.ready(true); err != nil {
		return nil, err
	}
	w, err := r.s.AddLate(ctx, tap)
	r.after(err)
	return w, err
}

// RemoveGone implements watch.Runtime.
func (r *lateRuntime) RemoveGone(ctx context.Context, tap journal.Port) (*engine.Decision, error) {
	if err := r.ready(false); err != nil {
		return nil, err
	}
	w, err := r.s.RemoveGone(ctx, tap)
	r.after(err)
	return w, err
}

// Repair implements watch.Runtime.
func (r *lateRuntime) Repair(ctx context.Context, port journal.Port) (*engine.Decision, error) {
	if err := r.ready(true); err != nil {
		return nil, err
	}
	w, err := r.s.Repair(ctx, port)
	r.after(err)
	return w, err
}

// CollectGarbage implements watch.Runtime.
func (r *lateRuntime) CollectGarbage(ctx context.Context) ([]string, error) {
	if err := r.ready(false); err != nil {
		return nil, err
	}
	removed, err := r.s.CollectGarbage(ctx)
	r.after(err)
	return removed, err
}

// NotTheirOwn implements watch.Runtime.
func (r *lateRuntime) NotTheirOwn(ctx context.Context) ([]string, error) {
	if err := r.ready(false); err != nil {
		return nil, err
	}
	found, err := r.s.NotTheirOwn(ctx)
	r.after(err)
	return found, err
}

// KeepHost implements watch.Runtime.
func (r *lateRuntime) KeepHost(ctx context.Context) (network.Kept, error) {
	if err := r.ready(false); err != nil {
		return network.Kept{}, err
	}
	kept, err := (&network.Networks{Reader: r.s.Reader, Executor: r.s.Executor, Journal: r.s.Journal, Log: r.log, Host: r.s.Config.Host}).Keep(ctx)
	r.after(err)
	return kept, err
}

// Close implements watch.Runtime.
func (r *lateRuntime) Close() {
	if r.s != nil {
		r.s.Close()
		r.s = nil
	}
}

// ready sees to a session and its configuration. up: without a valid one
// nothing comes up.
func (r *lateRuntime) ready(up bool) error {
	if r.s != nil {
		host := r.s.Config.Host
		if err := r.configure(); err != nil && up {
			return err
		}
		if r.s.Config.Host == host {
			return nil
		}
		r.Close() // the firewall is opened by the host's settings
	}
	s := session.New(r.caller)
	s.HookDir, s.HooksApart, s.Log, s.Xenstore = r.hookDir, r.apart, r.log, r.store
	config, err := r.settings.current()
	if err != nil && up {
		return err
	}
	s.Config = config
	s.Dir, s.Journal = r.dir, journal.Open(r.dir)
	if err := s.OpenTools(); err != nil {
		s.Close()
		return err
	}
	r.s = s
	return nil
}

// configure gives the session the configuration that is in force.
func (r *lateRuntime) configure() (err error) {
	r.s.Config, err = r.settings.current()
	return err
}

// after closes a session in which something failed.
func (r *lateRuntime) after(err error) {
	for _, harmless := range []error{nil, engine.ErrBusy, engine.ErrGone, engine.ErrNoKeys, engine.ErrVifDown, engine.ErrNotUp} {
		if errors.Is(err, harmless) {
			return
		}
	}
	r.Close()
}
