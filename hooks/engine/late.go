package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"vifctl/hooks/event"
	"vifctl/hooks/journal"
	"vifctl/hooks/kernel"
	"vifctl/hooks/plan"
)

// LateTap is an emulated NIC's tap that the toolstack calls no script for.
type LateTap struct {
	NIC plan.NIC
	// Index and Name are the interface's, now.
	Index int
	Name  string
	// Again: what was done for it may have been broken off.
	Again bool
}

// Why a late tap is not brought up, or a gone one not taken down, now.
var (
	// ErrVifDown: no call of ours brought its vif up, or one took it down.
	ErrVifDown = errors.New("vifctl did not bring its vif up, or took it down")
	// ErrBusy: another call is at work on the NIC.
	ErrBusy = errors.New("another call is at work on this NIC")
	// ErrNoKeys: its backend is not in the xenstore.
	ErrNoKeys = errors.New("its backend is not in the xenstore")
	// ErrGone: the interface is not there any more.
	ErrGone = errors.New("it has gone")
)

// busyAfter is how long the lock of a NIC is waited for before it is ErrBusy.
const busyAfter = 50 * time.Millisecond

// lateTap is the subject of one.
type lateTap struct {
	*port
	tap LateTap
	vif *journal.Record
}

// Look implements Subject.
func (l *lateTap) Look(ctx context.Context) error {
	if err := l.hasBackend(ctx, l.call); err != nil {
		return fmt.Errorf("%s: %w", l.tap.Name, err)
	}
	if err := l.port.Look(ctx); err != nil {
		return err
	}
	if l.link.Index != l.tap.Index {
		return fmt.Errorf("%s: another interface is this NIC's tap: left alone", l.tap.Name)
	}
	if a, b := l.who.UUID, l.vif.UUID; a != b && a != "" && b != "" {
		return fmt.Errorf("%s: domain %d is another guest than the one whose vif is up: left alone", l.tap.Name, l.tap.NIC.Domid)
	}
	return nil
}

// AddLate does for a tap what `add type_if=tap` in its vif's mode does, if its
// vif is up by a call of ours and it has no record of its own; the Decision is nil
// where there was nothing to do. All of that is looked at while no other call
// can be at work on the NIC. The toolstack is not told of a failure: it did not
// ask, and its word "error" would be about a vif that works.
func (e *Engine) AddLate(ctx context.Context, tap LateTap) (*Decision, error) {
	return e.ofLate(ctx, tap, func(ctx context.Context, l *lateTap) error { return Carry(ctx, l) })
}

// CheckLate works out what AddLate does for a tap; it changes nothing.
func (e *Engine) CheckLate(ctx context.Context, tap LateTap) (*Decision, error) {
	return e.ofLate(ctx, tap, func(ctx context.Context, l *lateTap) error {
		l.preview = true
		return Preview(ctx, l)
	})
}

// ofLate makes a subject of a late tap, under its NIC's lock.
func (e *Engine) ofLate(ctx context.Context, tap LateTap, do func(context.Context, *lateTap) error) (*Decision, error) {
	ctx, cancel := context.WithTimeout(ctx, callDeadline)
	defer cancel()
	lock, err := e.lockIdle(ctx, tap.NIC)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", tap.Name, err)
	}
	defer lock.Release()
	vif, err := e.current(tap.NIC, plan.Vif)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", tap.Name, err)
	}
	if vif == nil {
		return nil, fmt.Errorf("%s: %w", tap.Name, ErrVifDown)
	}
	// One that cannot be read is set aside on the way.
	if own, err := e.current(tap.NIC, plan.Tap); err == nil && own != nil && own.Index == tap.Index && !tap.Again {
		return nil, nil
	}
	call, err := lateCall(event.Add, vif, tap.Name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", tap.Name, err)
	}
	p := &lateTap{port: e.port(call), tap: tap, vif: vif}
	defer p.unshare()
	err = do(ctx, p)
	if err == nil {
		return &p.Decision, nil
	}
	if _, there, lost := e.Reader.LinkByIndex(tap.Index); lost == nil && !there {
		return nil, fmt.Errorf("%s: %w", tap.Name, ErrGone) // the failure comes from that
	}
	return &p.Decision, err
}

// TapNames are the names under which QEMU makes the tap of an emulated NIC: Xen's own, and that
// beside the name of its vif.
func TapNames(nic plan.NIC, vif string) []string {
	return []string{"vif" + nic.String() + "-emu", "tap" + nic.String(), vif + "-emu"}
}

// LateTaps are the taps beside vifs that calls of ours brought up, for which no call came. all
// are the records.
func (e *Engine) LateTaps(all []*journal.Stored) (late []LateTap, err error) {
	owned := map[int]bool{}
	for _, s := range all {
		owned[s.Index] = true
	}
	boot, err := kernel.BootID()
	if err != nil {
		return nil, err
	}
	for _, s := range all {
		if s.Kind != plan.Vif || s.Boot != boot {
			continue
		}
		if own, err := e.current(s.NIC, plan.Tap); err == nil && own != nil {
			if there, err := e.there(own.Port); err != nil || there {
				continue
			}
		}
		for _, name := range TapNames(s.NIC, s.Name) {
			l, ok, err := e.Reader.LinkByName(name)
			if err != nil {
				return late, fmt.Errorf("%s: %w", name, err)
			}
			if ok && !owned[l.Index] {
				late = append(late, LateTap{NIC: s.NIC, Index: l.Index, Name: l.Name})
				break
			}
		}
	}
	return late, nil
}

// RemoveGone does what `remove type_if=tap` does for a tap that has gone while
// its vif is down, so that xl will not call again. The Decision is nil where the
// tap is there again or the vif is up.
func (e *Engine) RemoveGone(ctx context.Context, tap journal.Port) (*Decision, error) {
	ctx, cancel := context.WithTimeout(ctx, callDeadline)
	defer cancel()
	lock, err := e.lockIdle(ctx, tap.NIC)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", tap.Name, err)
	}
	defer lock.Release()
	vif, err := e.current(tap.NIC, plan.Vif)
	if err != nil || vif != nil {
		return nil, err
	}
	own, err := e.current(tap.NIC, plan.Tap)
	if err != nil || own == nil || own.Index != tap.Index {
		return nil, err
	}
	if there, err := e.there(own.Port); err != nil || there {
		return nil, err
	}
	call, err := lateCall(event.Remove, own, own.Device)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", tap.Name, err)
	}
	p := e.port(call)
	defer p.unshare()
	return &p.Decision, Carry(ctx, p)
}

// lockIdle holds a NIC that no other call is at work on.
func (e *Engine) lockIdle(ctx context.Context, nic plan.NIC) (*journal.Lock, error) {
	brief, cancel := context.WithTimeout(ctx, busyAfter)
	defer cancel()
	lock, err := e.Journal.LockNIC(brief, nic)
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		return nil, ErrBusy
	}
	return lock, err
}

// lateCall is the call for a tap that the toolstack did not make.
func lateCall(command event.Command, of *journal.Record, device string) (event.Call, error) {
	args := []string{string(command), "type_if=tap", "INTERFACE=" + device, "XENBUS_PATH=" + backendOf(of)}
	return event.Parse(scriptOf(of), args, func(string) string { return "" })
}

// hasBackend tells a backend without any of the optional keys from one that is
// not there.
func (e *Engine) hasBackend(ctx context.Context, call event.Call) error {
	if e.Xenstore == nil {
		return e.NoXenstore
	}
	key := call.Key("frontend-id")
	values, err := e.Xenstore.ReadAll(ctx, key)
	if err != nil {
		return fmt.Errorf("read the backend's keys: %w", err)
	}
	switch values[key] {
	case fmt.Sprint(call.NIC.Domid):
		return nil
	case "":
		return ErrNoKeys
	}
	return fmt.Errorf("%w: %s is %q, another guest's", ErrNoKeys, key, values[key])
}
