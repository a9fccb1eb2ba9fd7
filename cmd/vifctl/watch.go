package main

import (
	"context"
	"log/slog"
	"math"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/coreos/go-systemd/v22/daemon"

	"vifctl/cmd/vifctl/command"
	"vifctl/hooks/journal"
	"vifctl/hooks/journald"
	"vifctl/hooks/kernel"
	"vifctl/hooks/session"
	"vifctl/hooks/xenstore"
	"vifctl/watch"
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

func watchCommand() command.Command {
	o := &watchOptions{}
	return command.Command{
		Name: "watch", Args: "[--once] [--metrics SOCKET] …", About: "bring up late taps, put back what goes missing",
		Detail: "It stays in the foreground, as supervisors want it. It brings up taps that no script is called for, puts back what goes missing " +
			"of a port that is up, removes what dead guests have left, and applies a changed configuration to the ports that are up.",
		Flags: []command.Flag{
			{Name: "once", Help: "do what there is to do, and end", Into: &o.once},
			{Name: "metrics", Value: "SOCKET", Help: "answer Prometheus at this Unix socket", Into: &o.metrics},
			{Name: "hooks-apart", Help: "run each hook of vif-post.d in a unit of systemd's own", Into: &o.hooksApart},
			{Name: "without-hooks", Help: "run no hook of vif-post.d for a late tap", Into: &o.withoutHooks},
			{
				Name: "buffer", Value: "BYTES", Help: "room for the kernel's events",
				Into: command.Number{Into: &o.buffer, Least: 1, Most: math.MaxInt32, What: "a number of bytes"},
			},
		},
		Examples: []command.Example{{Line: "vifctl watch --once", About: "bring up what was missed"}},
		Run:      o.run,
	}
}

// run is the daemon. It stays in the foreground, as supervisors want it.
func (o *watchOptions) run(ctx context.Context, c *command.Call) error {
	if len(c.Words) > 0 {
		return command.Usagef("watch takes no argument but its options, and %q is none", c.Words[0])
	}
	// The reader of our output may be started again; that must not end us.
	signal.Ignore(syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	w, err := newWatcher(c, o)
	if err != nil {
		return err
	}
	if o.once {
		return w.Once(ctx)
	}
	supervised(w)
	defer tellSystemd(w.Log, daemon.SdNotifyStopping)
	return w.Run(ctx)
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

func newWatcher(c *command.Call, o *watchOptions) (*watch.Watcher, error) {
	if err := mayAsk(); err != nil {
		return nil, err
	}
	dir, err := session.RunDir(c.Getenv)
	if err != nil {
		return nil, err
	}
	boot, err := kernel.BootID()
	if err != nil {
		return nil, err
	}
	path, err := session.ConfigPath(c.Getenv)
	if err != nil {
		return nil, err
	}
	log := watchLog(c)
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
		ctx, cancel := context.WithTimeout(ctx, session.DialTimeout)
		defer cancel()
		return session.DialXenstore(ctx)
	}, log)
	return &watch.Watcher{
		Open: func() watch.Runtime {
			return &lateRuntime{caller: caller(c), dir: dir, hookDir: hookDir, apart: o.hooksApart, log: log, store: store, settings: settings}
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
func watchLog(c *command.Call) *slog.Logger {
	plain := session.NewHandler(c.Errors, c.Name, slog.LevelInfo)
	if journald.Is(c.Stderr, c.Getenv("JOURNAL_STREAM")) {
		if h, err := journald.Open(journald.Socket, c.Name, plain); err == nil {
			return slog.New(h)
		}
	}
	return slog.New(plain)
}
