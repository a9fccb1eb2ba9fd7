// Package engine carries out what the toolstack, the watcher or a person asks, always
// in the same steps:
//
//	Look    the journal's record, the backend's keys, the configuration, the kernel
//	Decide  the mode's plan, held against what was seen: once, and nothing is changed
//	Record  the intent, and what undoes it, in the journal, before anything is done
//	Act     the steps, in order; when one fails, those before it are undone
//	Settle  what an earlier call left and is no longer wanted goes; the record is as
//	        things are now
//
// A port that comes or goes, a late tap, a repair and the host's side of a mode are
// subjects of it, and a preview is a subject that ends with Decide.
package engine

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"vifctl/configs"
	"vifctl/hooks/event"
	"vifctl/hooks/journal"
	"vifctl/hooks/plan"
)

// Deadlines. libxl kills a script after 40 s (LIBXL_HOTPLUG_TIMEOUT), and then
// no process is left to roll back.
const (
	callDeadline = 25 * time.Second
	// portWait is how long a port that is not there yet is waited for.
	portWait = 10 * time.Second
	portPoll = 10 * time.Millisecond
	// hookDeadline is for one vif-post.d hook.
	hookDeadline = 15 * time.Second
	// lastWords is the time left to tell the toolstack after the rest failed.
	lastWords = 3 * time.Second
)

// KeysDeadline is for the backend's keys when a port goes down, being connected to the xenstored
// included: only its hooks want them.
const KeysDeadline = 2 * time.Second

// Subject is what one run of the engine works on.
type Subject interface {
	Look(ctx context.Context) error
	Decide(ctx context.Context) error
	Record(ctx context.Context) error
	Act(ctx context.Context) error
	// Settle gets the error of Act, and returns it or one that says more.
	Settle(ctx context.Context, failure error) error
}

// Carry takes a subject through all steps.
func Carry(ctx context.Context, s Subject) error {
	if err := Preview(ctx, s); err != nil {
		return err
	}
	if err := s.Record(ctx); err != nil {
		return err
	}
	return s.Settle(ctx, s.Act(ctx))
}

// Preview takes a subject through the steps that change nothing.
func Preview(ctx context.Context, s Subject) error {
	if err := s.Look(ctx); err != nil {
		return err
	}
	return s.Decide(ctx)
}

// Xenstore is what the engine needs of the xenstore.
type Xenstore interface {
	ReadAll(ctx context.Context, paths ...string) (map[string]string, error)
	Write(ctx context.Context, path, value string) error
}

// Engine holds what its steps need of the host.
type Engine struct {
	// Xenstore is nil where there is no daemon to talk to; NoXenstore then
	// says why.
	Xenstore   Xenstore
	NoXenstore error
	// KeysBy is until when the keys of a port that goes down are waited for; zero: for
	// KeysDeadline from when they are read.
	KeysBy   time.Time
	Reader   *Reader
	Executor *Executor
	Journal  *journal.Journal
	Config   configs.Config
	// HookDir is the folder of the vif-post.d hooks.
	HookDir string
	Log     *slog.Logger
}

// Complain tells the toolstack what went wrong, in one line, as the contract
// has it: the sentence first, then the state that makes xl look for it.
func (e *Engine) Complain(ctx context.Context, call event.Call, failure error) {
	if e.Xenstore == nil || call.Backend == "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWords)
	defer cancel()
	// A word to a backend that has been removed would make it anew.
	var keys []string
	for _, name := range alwaysThere() {
		keys = append(keys, call.Key(name))
	}
	there, err := e.Xenstore.ReadAll(ctx, keys...)
	if err != nil || len(there) == 0 {
		e.Log.Debug("the toolstack is not told: the backend is not there", "path", call.Backend, "error", err)
		return
	}
	sentence := oneLine(failure.Error())
	for _, w := range []plan.XenstoreWrite{
		{Path: call.Key(hotplugError), Value: sentence},
		{Path: call.Key("hotplug-status"), Value: "error"},
	} {
		if err := e.Xenstore.Write(ctx, w.Path, w.Value); err != nil {
			e.Log.Error("could not tell the toolstack", "path", w.Path, "error", err)
			return
		}
	}
}

// oneLine makes one line of joined errors, of a length that xl still prints
// and that fits into a xenstore value.
func oneLine(s string) string {
	const most = 1000
	s = strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r == '\n' || r == '\r' }), "; ")
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return s
}

// undoneError says that a step failed, and that not all that was done before it could
// be undone.
func undoneError(failure, left error) error {
	return fmt.Errorf("%w; and this could not be undone: %w", failure, left)
}
