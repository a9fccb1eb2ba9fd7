// Package apply takes the steps of a plan: it is the one place that changes
// the kernel. It knows no mode and decides nothing.
package apply

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"vifctl/hooks/plan"
)

// answerTimeout bounds one request to the kernel; netlink's own is 60 s,
// longer than xl waits for us.
const answerTimeout = 5 * time.Second

// Xenstore is what taking a step needs of the xenstore.
type Xenstore interface {
	Write(ctx context.Context, path, value string) error
}

// Hooks runs a vif-post.d hook.
type Hooks interface {
	Run(ctx context.Context, hook plan.HookRun) error
}

// Executor takes steps in the network namespace it was opened in.
type Executor struct {
	kernel *netlink.Handle
	// names is a socket for asking for an interface's name.
	names    int
	xenstore Xenstore
	hooks    Hooks
	log      *slog.Logger
}

// Open opens an executor. xenstore and hooks may be nil where no step will
// need them.
func Open(xenstore Xenstore, hooks Hooks, log *slog.Logger) (*Executor, error) {
	h, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("open a netlink socket: %w", err)
	}
	if err := h.SetSocketTimeout(answerTimeout); err != nil {
		h.Close()
		return nil, fmt.Errorf("prepare a netlink socket: %w", err)
	}
	names, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		h.Close()
		return nil, fmt.Errorf("open a socket: %w", err)
	}
	return &Executor{kernel: h, names: names, xenstore: xenstore, hooks: hooks, log: log}, nil
}

// Close frees the executor's sockets.
func (x *Executor) Close() {
	x.kernel.Close()
	_ = unix.Close(x.names)
}

// Apply takes the actions that are not satisfied, in order. When one fails,
// those taken before it are undone, newest first, and the error tells both what
// failed and whatever could not be undone.
func (x *Executor) Apply(ctx context.Context, actions []plan.Action) error {
	for i, a := range actions {
		if a.Satisfied {
			continue
		}
		err := ctx.Err()
		if err == nil {
			err = x.Do(ctx, a.Step)
		}
		if err == nil {
			continue
		}
		if tolerant(a.Step) {
			x.log.Warn("went on without a step", "step", plan.KindOf(a.Step), "error", err)
			continue
		}
		// The step itself may have half happened: it is undone as well. The
		// rollback must not fail for want of the time that the step used up.
		undo, cancel := context.WithTimeout(context.WithoutCancel(ctx), answerTimeout)
		defer cancel()
		var steps []plan.Step
		for ; i >= 0; i-- {
			if !actions[i].Satisfied {
				steps = append(steps, actions[i].Undo...)
			}
		}
		if left := x.Undo(undo, steps); left != nil {
			return &RollbackError{Cause: err, Left: left}
		}
		return err
	}
	return nil
}

// RollbackError says that a step failed, and not all that was done before it could be
// undone.
type RollbackError struct{ Cause, Left error }

// Error implements error.
func (e *RollbackError) Error() string {
	return fmt.Sprintf("%v; and this could not be undone: %v", e.Cause, e.Left)
}

// Unwrap lets errors.Is see both.
func (e *RollbackError) Unwrap() []error { return []error{e.Cause, e.Left} }

// Undo takes steps that bring something back. It goes on after a failure and
// returns all failures joined. What has gone together with its interface needs
// no undoing.
func (x *Executor) Undo(ctx context.Context, steps []plan.Step) error {
	var failed []error
	for _, s := range steps {
		if err := x.Do(ctx, s); err != nil && !gone(err) && !tolerant(s) {
			failed = append(failed, err)
		}
	}
	return errors.Join(failed...)
}

// gone reports whether err says that the object, or the interface that carried
// it, is not there.
func gone(err error) bool {
	return errors.Is(err, errNoLink) || errors.Is(err, unix.ENODEV)
}

// tolerant reports whether a step may fail with no more than a warning.
func tolerant(s plan.Step) bool {
	switch s := s.(type) {
	case plan.MAC:
		return s.Tolerant
	case plan.MTU:
		return s.Tolerant
	case plan.XenstoreWrite:
		return s.Tolerant
	}
	return false
}
