// Package hooks is the runtime: it takes one call of xl's, of the watcher's or
// of a person's all the way from argv to the kernel and back to the xenstore.
// Its parts (event, snapshot, plan, apply, journal, xenstore, process) each do
// one thing; this package only puts them in order.
package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"vifctl/configs"
	"vifctl/hooks/event"
	"vifctl/hooks/journal"
	"vifctl/hooks/kernel"
	"vifctl/hooks/plan"
)

// Deadlines. libxl kills a script after 40 s (LIBXL_HOTPLUG_TIMEOUT), and then
// nobody is left to roll back.
const (
	callDeadline = 25 * time.Second
	// portWait is how long a port that is not there yet is waited for.
	portWait = 10 * time.Second
	portPoll = 10 * time.Millisecond
	// hookDeadline is for one vif-post.d hook.
	hookDeadline = 15 * time.Second
	// lastWords is what stays for telling the toolstack after the rest failed.
	lastWords = 3 * time.Second
)

// Xenstore is what the runtime needs of the xenstore.
type Xenstore interface {
	ReadAll(ctx context.Context, paths ...string) (map[string]string, error)
	Write(ctx context.Context, path, value string) error
}

// Runtime is everything a call needs.
type Runtime struct {
	// Xenstore is nil where there is no daemon to talk to; NoXenstore then
	// says why.
	Xenstore   Xenstore
	NoXenstore error
	Reader     *Reader
	Executor   *Executor
	Journal    *journal.Journal
	Config     configs.Config
	// HookDir is the folder of the vif-post.d hooks.
	HookDir string
	Log     *slog.Logger
}

// Run does what a call asks for. Its error is one sentence; where the call's
// backend is known, the sentence has been left there for xl to show, too.
func (r *Runtime) Run(ctx context.Context, call event.Call) error {
	if call.Ignored != "" {
		r.Log.Debug("nothing to do", "why", call.Ignored)
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, callDeadline)
	defer cancel()
	err := r.run(ctx, call)
	if err != nil {
		r.Complain(ctx, call, err)
	}
	return err
}

func (r *Runtime) run(ctx context.Context, call event.Call) error {
	lock, err := r.Journal.LockCall(ctx, call.NIC)
	if err != nil {
		return fmt.Errorf("%s: %w", call.Device, err)
	}
	defer lock.Release()
	w, err := r.prepare(ctx, call, manner{wait: portWait})
	if errors.Is(err, errAbsent) && call.Command == event.Add && r.works(call.NIC) {
		// A NIC attached to a running guest has none: Xen does not tell the device
		// model. To fail would be to call the whole NIC failed, which works.
		r.Log.Warn("the emulated NIC has no tap, now: should one come, `vifctl watch` brings it up", "port", call.Device)
		return nil
	}
	if err != nil {
		return err
	}
	switch err = r.carryOut(ctx, w); {
	case err != nil:
		return err
	case !call.Command.Up() && w.old == nil:
		r.Log.Info("nothing to undo: no call of ours brought it up", "port", w.Event.Name)
	default:
		r.Log.Info(string(call.Command), "port", w.Event.Name, "guest", w.Guest, "mode", w.Mode, "bridge", w.Bridge)
	}
	return nil
}

// carryOut does what was prepared, under the NIC's lock.
func (r *Runtime) carryOut(ctx context.Context, w *Work) error {
	if w.damaged {
		if _, err := r.Journal.SetAside(w.Event.NIC, w.Event.Kind); err != nil {
			return fmt.Errorf("%s: %w", w.Event.Device, err)
		}
	}
	for _, warning := range w.Warnings {
		r.Log.Warn(warning, "port", w.Event.Name)
	}
	if w.Event.Command.Up() {
		return r.up(ctx, w)
	}
	return r.down(ctx, w)
}

// Prepare works out what a call would do, and changes nothing: neither the
// kernel nor the xenstore nor the journal.
func (r *Runtime) Prepare(ctx context.Context, call event.Call) (*Work, error) {
	if call.Ignored != "" {
		return &Work{Event: event.Event{Call: call, Name: call.Device}}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, callDeadline)
	defer cancel()
	return r.prepare(ctx, call, manner{})
}

// Complain tells the toolstack what went wrong, in one line, as the contract
// has it: the sentence first, then the state that makes xl look for it.
func (r *Runtime) Complain(ctx context.Context, call event.Call, failure error) {
	if r.Xenstore == nil || call.Backend == "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), lastWords)
	defer cancel()
	sentence := oneLine(failure.Error())
	for _, w := range []plan.XenstoreWrite{
		{Path: call.Key("hotplug-error"), Value: sentence},
		{Path: call.Key("hotplug-status"), Value: "error"},
	} {
		if err := r.Xenstore.Write(ctx, w.Path, w.Value); err != nil {
			r.Log.Error("could not tell the toolstack", "path", w.Path, "error", err)
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

// bootID identifies this run of the kernel.
func bootID() (string, error) {
	id, _, err := kernel.Setting("/proc/sys/kernel/random/boot_id")
	if err != nil || id == "" {
		return "", fmt.Errorf("read the kernel's boot id: %w", err)
	}
	return id, nil
}
