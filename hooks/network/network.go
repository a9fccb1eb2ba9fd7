// Package network starts and stops the host's side of a mode: what Xen's
// network-* scripts did. A start is a subject of the engine like a port; but a host may
// be reached only by what is being rewired. So a start is undone as a whole when a step fails, when
// a gateway that answered before does not any more, when it is not confirmed in
// time, and when its own process dies: another one waits for that.
package network

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"vifctl/configs"
	"vifctl/hooks/engine"
	"vifctl/hooks/guard"
	"vifctl/hooks/journal"
	"vifctl/hooks/kernel"
)

// Deadlines.
const (
	// deadline is for a start or a stop, gateways included.
	deadline = 40 * time.Second
	// undoDeadline is for undoing one that failed.
	undoDeadline = 20 * time.Second
)

// Networks is everything a start or a stop needs.
type Networks struct {
	Reader   *engine.Reader
	Executor *engine.Executor
	Journal  *journal.Journal
	// Host is what the configuration says of all guests.
	Host configs.Host
	// Kept is an entry of the configuration that keeps its guest from the world, "" for none.
	Kept string
	// Guard starts the process that takes over when this one dies; release tells
	// it that this one is done. nil: there is none.
	Guard func(mode, name, token string) (release func(), err error)
	Log   *slog.Logger
}

// records returns those of this run of the kernel.
func (r *Networks) records() ([]*journal.Network, error) {
	all, err := r.Journal.Networks()
	if err != nil {
		return nil, err
	}
	boot, err := kernel.BootID()
	if err != nil {
		return nil, err
	}
	var ours []*journal.Network
	for _, n := range all {
		if n.Boot == boot {
			ours = append(ours, n)
		}
	}
	return ours, nil
}

// tidy undoes what dead processes left unfinished, as no other can be at work now:
// starts and stops that did not come to their end, and starts that were not
// confirmed in time while no process watched. What cannot be undone is forgotten
// with forget, else it is an error.
func (r *Networks) tidy(ctx context.Context, forget bool) error {
	all, err := r.records()
	if err != nil {
		return err
	}
	var failed []error
	for _, n := range all {
		late, err := guard.Deadline(n.ConfirmBy).Abandoned()
		if err != nil {
			return err
		}
		if n.State == journal.Started && !late {
			continue
		}
		what := n.Mode + " " + n.Name
		r.Log.Warn("undoing what was left half-way", "network", what)
		err = r.undo(ctx, n, all)
		switch {
		case err != nil && forget:
			r.Log.Warn("what could not be undone is forgotten", "network", what, "error", err)
			failed = append(failed, r.Journal.DeleteNetwork(n.Mode, n.Name))
		case err != nil:
			failed = append(failed, fmt.Errorf("undo what was left of %s: %w (`vifctl network stop %s --force` forgets it)", what, err, n.Mode))
		}
	}
	return errors.Join(failed...)
}

// renamesOnlyDown: before Linux 6.2 an interface that is up keeps its name.
func renamesOnlyDown() bool {
	var name unix.Utsname
	var major, minor int
	if unix.Uname(&name) != nil {
		return true
	}
	_, err := fmt.Sscanf(unix.ByteSliceToString(name.Release[:]), "%d.%d", &major, &minor)
	return err != nil || major < 6 || major == 6 && minor < 2
}

// token is a random word that tells this start from all others.
func token() string {
	return fmt.Sprintf("%016x", rand.Uint64())
}

// freshMAC is a hardware address that no card has: a locally administered one.
func freshMAC() string {
	b := binary.BigEndian.AppendUint64(nil, rand.Uint64())
	b[0] = b[0]&^1 | 2
	return net.HardwareAddr(b[:6]).String()
}

func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }
