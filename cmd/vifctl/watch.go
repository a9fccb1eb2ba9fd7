package main

import (
	"context"
	"errors"
	"log/slog"
	"os/signal"
	"strconv"
	"sync"
	"syscall"

	"vifctl/configs"
	"vifctl/hooks"
	"vifctl/hooks/journal"
	"vifctl/hooks/xenstore"
	"vifctl/watch"
	"vifctl/watch/journald"
	"vifctl/xenscripts"
)

// watchCommand is the daemon. It stays in the foreground, as whoever supervises
// it wants it.
func watchCommand(ctx context.Context, inv invocation) int {
	once, buffer, err := watchFlags(inv.Args)
	if err != nil {
		inv.complain("watch takes --once, and --buffer BYTES for the kernel's events")
		return usage
	}
	// Whoever reads what we say may be started again; that must not end us.
	signal.Ignore(syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	w, err := newWatcher(inv)
	if err != nil {
		inv.complain("%v", err)
		return failed
	}
	w.Buffer = buffer
	run := w.Run
	if once {
		run = w.Once
	} else {
		w.Log.Info("watching for taps that nobody calls us for")
	}
	if err := run(ctx); err != nil {
		inv.complain("%v", err)
		return failed
	}
	return done
}

func watchFlags(args []string) (once bool, buffer int, err error) {
	for len(args) > 0 {
		switch {
		case args[0] == "--once":
			once = true
		case args[0] == "--buffer" && len(args) > 1:
			args = args[1:]
			if buffer, err = strconv.Atoi(args[0]); err != nil || buffer <= 0 {
				return false, 0, errUsage
			}
		default:
			return false, 0, errUsage
		}
		args = args[1:]
	}
	return once, buffer, nil
}

func newWatcher(inv invocation) (*watch.Watcher, error) {
	dir, err := trustedPath(inv, "VIFCTL_RUN_DIR", runDir)
	if err != nil {
		return nil, err
	}
	boot, err := hooks.BootID()
	if err != nil {
		return nil, err
	}
	log := watchLog(inv)
	store := watch.NewStore(func(ctx context.Context) (*xenstore.Client, error) {
		ctx, cancel := context.WithTimeout(ctx, dialDeadline)
		defer cancel()
		return xenstore.Dial(ctx)
	}, log)
	return &watch.Watcher{
		Open:    func() watch.Runtime { return &lateRuntime{inv: inv, dir: dir, log: log, store: store} },
		Journal: journal.Open(dir),
		Store:   store,
		Boot:    boot,
		Log:     log,
	}, nil
}

// watchLog also tells what went well: that is what a daemon's log is for. Under
// systemd it goes to the journal with its fields.
func watchLog(inv invocation) *slog.Logger {
	plain := &plainHandler{out: inv.Stderr, name: inv.Name, level: slog.LevelInfo, mu: &sync.Mutex{}}
	if journald.Is(inv.Stderr, inv.Getenv("JOURNAL_STREAM")) {
		if h, err := journald.Open(journald.Socket, inv.Name, plain); err == nil {
			return slog.New(h)
		}
	}
	return slog.New(plain)
}

// lateRuntime is the runtime of one of the watcher's workers: a session that is
// opened when it is first needed, and again after a failure, since what failed
// may be the session. The configuration is that of the moment, as in a call.
type lateRuntime struct {
	inv   invocation
	dir   string
	log   *slog.Logger
	store *watch.Store
	s     *session
}

// AddLate implements watch.Runtime.
func (r *lateRuntime) AddLate(ctx context.Context, tap hooks.LateTap) (*hooks.Work, error) {
	if err := r.ready(true); err != nil {
		return nil, err
	}
	w, err := r.s.AddLate(ctx, tap)
	r.after(err)
	return w, err
}

// RemoveGone implements watch.Runtime.
func (r *lateRuntime) RemoveGone(ctx context.Context, tap journal.Port) (*hooks.Work, error) {
	if err := r.ready(false); err != nil {
		return nil, err
	}
	w, err := r.s.RemoveGone(ctx, tap)
	r.after(err)
	return w, err
}

// Close implements watch.Runtime.
func (r *lateRuntime) Close() {
	if r.s != nil {
		r.s.close()
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
	s := &session{Runtime: hooks.Runtime{HookDir: xenscripts.HookDir, Log: r.log, Xenstore: r.store}}
	err := s.open(r.inv, up, false)
	if err != nil {
		s.close()
		return err
	}
	r.s = s
	return nil
}

func (r *lateRuntime) configure() error {
	path, err := trustedPath(r.inv, "VIFCTL_CONFIG", configs.Default)
	if err != nil {
		return err
	}
	return r.s.configure(path, r.dir, false)
}

// after closes a session in which something failed.
func (r *lateRuntime) after(err error) {
	for _, harmless := range []error{nil, hooks.ErrBusy, hooks.ErrGone, hooks.ErrNoKeys, hooks.ErrVifDown} {
		if errors.Is(err, harmless) {
			return
		}
	}
	r.Close()
}
