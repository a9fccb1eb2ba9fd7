package watch

import (
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"vifctl/hooks/event"
	"vifctl/hooks/journal"
	"vifctl/hooks/plan"
)

// call is one of a script's, as it is seen from outside.
type call struct {
	kind    plan.Kind
	command event.Command
	// took is from its first look to its end, without the start of its process; 0
	// where it was over before it was seen to begin.
	took time.Duration
}

// calls tells calls from what happens in the journal's folder. A call holds the
// lock of its NIC from its first look to its end, and the lock is a file that comes
// with it and goes with it: so that the call need not leave word of how long it
// took, which would cost it time. Who only looks has the file opened for reading.
type calls struct {
	held map[plan.NIC]*heldLock
}

type heldLock struct {
	began, ended time.Time
	// read is which read of the folder told of its begin.
	read int
	// took is when it was seen to end.
	took time.Duration
	kind plan.Kind
	// wrote and removed: a record was written, or removed, or first the one and
	// then the other.
	wrote, removed bool
}

// mostHeld is how many locks are remembered before those that have gone are
// forgotten.
const mostHeld = 64

// see takes in one event of the folder, told of by the read of this number, and
// returns the call whose end it is.
func (c *calls) see(name string, mask uint32, read int, now time.Time) (nic plan.NIC, ended call, ok bool) {
	if c.held == nil {
		c.held = map[plan.NIC]*heldLock{}
	}
	if of, kind, ok := journal.PortOf(name); ok {
		if h := c.held[of]; h != nil && h.ended.IsZero() {
			h.kind = kind
			h.wrote = h.wrote || mask&unix.IN_MOVED_TO != 0
			h.removed = h.removed || mask&(unix.IN_DELETE|unix.IN_MOVED_FROM) != 0
		}
		return nic, call{}, false
	}
	lock, found := strings.CutSuffix(name, ".lock")
	if nic, ok = nicIn(lock, "."); !found || !ok {
		return nic, call{}, false
	}
	h := c.held[nic]
	switch {
	case mask&unix.IN_CREATE != 0:
		c.forgetEnded(now)
		c.held[nic] = &heldLock{began: now, read: read}
	case h == nil:
	case mask&unix.IN_DELETE != 0:
		h.ended = now
		if read != h.read {
			h.took = now.Sub(h.began)
		}
	case mask&unix.IN_CLOSE_WRITE != 0 && !h.ended.IsZero():
		delete(c.held, nic)
		return nic, call{kind: h.kind, command: h.command(), took: h.took}, true
	}
	return nic, call{}, false
}

// command is what a call must have been, "" where it left no record otherwise
// than it was: one that failed, or had nothing to do.
func (h *heldLock) command() event.Command {
	switch {
	case h.wrote == h.removed:
		return ""
	case h.kind == plan.Vif && h.wrote:
		return event.Online
	case h.kind == plan.Vif:
		return event.Offline
	case h.wrote:
		return event.Add
	}
	return event.Remove
}

func (c *calls) forgetEnded(now time.Time) {
	if len(c.held) < mostHeld {
		return
	}
	for nic, h := range c.held {
		if !h.ended.IsZero() && now.Sub(h.ended) > time.Second {
			delete(c.held, nic)
		}
	}
}
