package main

import (
	"context"
	"errors"
	"log/slog"
	"os/signal"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"

	"github.com/coreos/go-systemd/v22/daemon"

	"vifctl/hooks/engine"
	"vifctl/hooks/journal"
	"vifctl/hooks/kernel"
	"vifctl/hooks/xenstore"
	"vifctl/watch"
	"vifctl/watch/journald"
	"vifctl/xenscripts"
)

// watchOptions are what the daemon is told.
type watchOptions struct {
	once    bool
	buffer  int
	metrics string
	// withoutHooks: no hook of vif-post.d is run. hooksApart: each is run in a
	// unit of systemd's own.
	withoutHooks, hooksApart bool
}

// watchCommand is the daemon. It stays in the foreground, as whoever supervises
// it wants it.
func watchCommand(ctx context.Context, inv invocation) int {
	o, err := watchFlags(inv.Args)
	if err != nil {
		inv.complain("watch takes --once, --metrics SOCKET, --hooks-apart or --without-hooks, and --buffer BYTES for the kernel's events")
		return usage
	}
	// Whoever reads what we say may be started again; that must not end us.
	signal.Ignore(syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	w, err := newWatcher(inv, o)
	if err != nil {
		inv.complain("%v", err)
		return failed
	}
	run := w.Run
	if o.once {
		run = w.Once
	} else {
		supervised(w)
		defer tellSystemd(w.Log, daemon.SdNotifyStopping)
	}
	if err := run(ctx); err != nil {
		inv.complain("%v", err)
		return failed
	}
	return done
}

// supervised says when we are ready, and tells systemd, where it has started us and wants to know, that and that we are
// alive.
func supervised(w *watch.Watcher) {
	w.Ready = func() {
		w.Log.Info("watching for late taps and for what goes missing")
		tellSystemd(w.Log, daemon.SdNotifyReady)
	}
	if every, err := daemon.SdWatchdogEnabled(false); err == nil && every > 0 {
		w.Alive = func() { tellSystemd(w.Log, daemon.SdNotifyWatchdog) }
		w.AliveEvery = every / 3
	}
}

func tellSystemd(log *slog.Logger, state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		log.Warn("systemd could not be told", "what", state, "error", err)
	}
}

func watchFlags(args []string) (o watchOptions, err error) {
	for len(args) > 0 {
		switch {
		case args[0] == "--once":
			o.once = true
		case args[0] == "--without-hooks":
			o.withoutHooks = true
		case args[0] == "--hooks-apart":
			o.hooksApart = true
		case args[0] == "--metrics" && len(args) > 1:
			args = args[1:]
			o.metrics = args[0]
		case args[0] == "--buffer" && len(args) > 1:
			args = args[1:]
			if o.buffer, err = strconv.Atoi(args[0]); err != nil || o.buffer <= 0 {
				return o, errUsage
			}
		default:
			return o, errUsage
		}
		args = args[1:]
	}
	return o, nil
}

func newWatcher(inv invocation, o watchOptions) (*watch.Watcher, error) {
	dir, err := trustedPath(inv, "VIFCTL_RUN_DIR", runDir)
	if err != nil {
		return nil, err
	}
	boot, err := kernel.BootID()
	if err != nil {
		return nil, err
	}
	path, err := configPath(inv)
	if err != nil {
		return nil, err
	}
	log := watchLog(inv)
	hookDir := xenscripts.HookDir
	if o.withoutHooks {
		if hooks, _ := filepath.Glob(filepath.Join(hookDir, "*.hook")); len(hooks) > 0 {
			log.Warn("the hooks of vif-post.d are not run for late taps", "hooks", len(hooks))
		}
		hookDir = ""
	}
	settings := &liveSettings{path: path}
	if _, err := settings.Reload(); err != nil {
		log.Error("without a valid configuration nothing comes up and nothing is put back", "error", err)
	}
	store := watch.NewStore(func(ctx context.Context) (*xenstore.Client, error) {
		ctx, cancel := context.WithTimeout(ctx, dialDeadline)
		defer cancel()
		return xenstore.Dial(ctx)
	}, log)
	return &watch.Watcher{
		Open: func() watch.Runtime {
			return &lateRuntime{dir: dir, hookDir: hookDir, apart: o.hooksApart, log: log, store: store, settings: settings}
		},
		Journal: journal.Open(dir),
		Store:   store,
		Boot:    boot,
		Log:     log,

		Settings: settings,
		Buffer:   o.buffer,
		Metrics:  o.metrics,
		Drops:    settings.drops,
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
// may be the session.
type lateRuntime struct {
	dir      string
	hookDir  string // "" is none
	apart    bool   // see session
	log      *slog.Logger
	store    *watch.Store
	settings *liveSettings
	s        *session
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
	s := &session{Engine: engine.Engine{HookDir: r.hookDir, Log: r.log, Xenstore: r.store}, apart: r.apart}
	config, err := r.settings.current()
	if err != nil && up {
		return err
	}
	s.Config = config
	s.dir, s.Journal = r.dir, journal.Open(r.dir)
	if err := s.openTools(); err != nil {
		s.close()
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
