// Package watch brings up what xl calls no script for: an emulated NIC's tap
// that appears when xl has called everything, seconds after its vif. It listens
// for interfaces, for the journal and for the xenstore, and for such a tap runs
// the runtime that a call would have run.
//
// It decides by what it finds, never by an event: whatever was missed, while it
// was dead or while the kernel dropped events, is found by looking again. It
// never touches an interface whose vif no call of ours brought up,
// never does again what is done, and never works on a NIC at which a call is at
// work.
package watch

import (
	"cmp"
	"context"
	"log/slog"
	"runtime"
	"sync"
	"time"

	"vifctl/hooks/engine"
	"vifctl/hooks/journal"
	"vifctl/hooks/network"
)

// Runtime is what the watcher needs of engine.Engine. Each worker has one.
type Runtime interface {
	AddLate(ctx context.Context, tap engine.LateTap) (*engine.Decision, error)
	RemoveGone(ctx context.Context, tap journal.Port) (*engine.Decision, error)
	Repair(ctx context.Context, port journal.Port) (*engine.Decision, error)
	CollectGarbage(ctx context.Context) ([]string, error)
	// NotTheirOwn says what guests have that is the host's, a router's or another
	// guest's by now: a sentence each.
	NotTheirOwn(ctx context.Context) ([]string, error)
	// KeepHost puts back what of the host's side connects guests with the world.
	KeepHost(ctx context.Context) (network.Kept, error)
	Close()
}

// Watcher is the daemon. Its zero durations and numbers stand for the standard.
type Watcher struct {
	// Open returns the runtime of one worker. What that needs it opens when it
	// is first asked.
	Open    func() Runtime
	Journal *journal.Journal
	// Store is what the runtimes ask, too. The watcher runs it.
	Store *Store
	// Boot is the kernel's boot id, as in the journal.
	Boot string
	Log  *slog.Logger
	// Settings are what the runtimes go by; nil where they do not change.
	Settings Settings
	// Ready is called once all has been looked at for the first time, and then
	// Alive at least every AliveEvery, by the one who decides, as long as it does.
	// Each may be nil.
	Ready, Alive func()
	AliveEvery   time.Duration
	// Metrics is where they are asked for, a socket; "" is nowhere. Drops reads
	// the firewall's counters for them; it may be nil.
	Metrics string
	Drops   func(context.Context) (map[string]uint64, error)

	// Workers is how many taps are worked on at the same time.
	Workers int
	// Buffer is how much the kernel may keep for us, in bytes, 16 MiB where it
	// is 0. It is forced, where that is allowed.
	Buffer int
	Timing Timing
}

// Timing is how long the watcher waits for what.
type Timing struct {
	// Patience is how long a tap waits for its vif and its backend, and a vif
	// for a call, before that is worth a warning: 30 s.
	Patience time.Duration
	// Settle is how long a tap that was there before its vif's call is left to
	// the call that follows: xl makes it at once. 2 s.
	Settle time.Duration
	// Grace is how long what was done for a tap that has gone is left to the
	// call that takes it down: 3 s.
	Grace time.Duration
	// Round is how long it takes until all ports have been looked at though
	// nothing told that one lacks something, if they are few: a minute.
	Round time.Duration
	// Garbage is how often what no call will undo is looked for, beside at the
	// start: every ten minutes.
	Garbage time.Duration
	// Whose is the least time between two looks at whose the guests' addresses are: 5 s.
	Whose time.Duration
}

// stopGrace is how long work under way may go on when the watcher is to stop:
// it takes milliseconds, and to end it half-way is to roll it back.
const stopGrace = 3 * time.Second

// Run watches until ctx ends, which is no error. What is under way then is
// finished.
func (w *Watcher) Run(ctx context.Context) error { return w.run(ctx, false) }

// Once looks at everything once, does what there is to do, and does not wait
// for what may come. Its error tells that something failed, which the log has
// told of.
func (w *Watcher) Once(ctx context.Context) error { return w.run(ctx, true) }

func (w *Watcher) run(ctx context.Context, once bool) error {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	defer running.Wait()
	defer cancel()
	// Listen first, look then: so nothing falls between.
	links, err := subscribe(w.Buffer, w.Log)
	if err != nil {
		return err
	}
	running.Go(func() { links.run(ctx) })
	folder, err := watchFolder(w.Journal.Dir(), w.Log)
	if err != nil {
		return err
	}
	running.Go(func() { folder.run(ctx) })
	drift, err := watchDrift(w.Log)
	if err != nil {
		return err
	}
	running.Go(func() { drift.run(ctx) })
	settings, err := watchSettings(w.Settings, w.Log)
	if err != nil {
		return err
	}
	running.Go(func() { settings.run(ctx) })
	running.Go(func() { w.Store.Run(ctx) })
	l := newLoop(w, once, sources{links.news, folder.news, drift.news, settings.news})
	l.overflows = func() int64 { return links.overflows.Load() + drift.overflows.Load() }
	if !once {
		socket, err := openPoll()
		if err != nil {
			return err
		}
		l.poll = newPoll(drift.hint, w.Log)
		running.Go(func() { l.poll.run(ctx, socket) })
	}
	if w.Metrics != "" {
		metrics, err := listenForMetrics(w.Metrics, l.asked, w.Drops, w.Log)
		if err != nil {
			return err
		}
		running.Go(func() { metrics.run(ctx) })
	}
	return l.run(ctx)
}

func (w *Watcher) timing() Timing {
	return Timing{
		Patience: cmp.Or(w.Timing.Patience, 30*time.Second),
		Settle:   cmp.Or(w.Timing.Settle, 2*time.Second),
		Grace:    cmp.Or(w.Timing.Grace, 3*time.Second),
		Round:    cmp.Or(w.Timing.Round, round),
		Garbage:  cmp.Or(w.Timing.Garbage, 10*time.Minute),
		Whose:    cmp.Or(w.Timing.Whose, 5*time.Second),
	}
}

// workers is never 1: a vif-post.d hook that hangs must not hold up every guest
// of a host with one processor.
func (w *Watcher) workers() int {
	return cmp.Or(w.Workers, max(2, runtime.GOMAXPROCS(0)))
}
