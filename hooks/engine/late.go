package engine

import (
	"context"
	"errors"
	"fmt"
	"time"

	"vifctl/hooks/event"
	"vifctl/hooks/journal"
	"vifctl/hooks/plan"
)

// LateTap is an emulated NIC's tap that nobody calls a script for.
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
	ErrVifDown = errors.New("its vif is not up by a call of ours")
	// ErrBusy: another call is at work on the NIC.
	ErrBusy = errors.New("another call is at work on this NIC")
	// ErrNoKeys: its backend is not in the xenstore.
	ErrNoKeys = errors.New("its backend is not in the xenstore")
	// ErrGone: the interface is not there any more.
	ErrGone = errors.New("it has gone")
)

// busyAfter is how long the lock of a NIC is waited for before it is ErrBusy.
const busyAfter = 50 * time.Millisecond

// BootID identifies this run of the kernel, as the journal's records do.
func BootID() (string, error) { return bootID() }

// AddLate does for a tap what `add type_if=tap` in its vif's mode does, if its
// vif is up by a call of ours and it has no record of its own; Work is nil
// where there was nothing to do. All of that is looked at while no other call
// can be at work on the NIC. The toolstack is not told of a failure: it did not
// ask, and its word "error" would be about a vif that works.
func (r *Runtime) AddLate(ctx context.Context, tap LateTap) (*Work, error) {
	ctx, cancel := context.WithTimeout(ctx, callDeadline)
	defer cancel()
	lock, err := r.lockIdle(ctx, tap.NIC)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", tap.Name, err)
	}
	defer lock.Release()
	vif, err := r.current(tap.NIC, plan.Vif)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", tap.Name, err)
	}
	if vif == nil {
		return nil, fmt.Errorf("%s: %w", tap.Name, ErrVifDown)
	}
	// One that cannot be read is set aside on the way.
	if own, err := r.current(tap.NIC, plan.Tap); err == nil && own != nil && own.Index == tap.Index && !tap.Again {
		return nil, nil
	}
	call, err := lateCall(event.Add, vif, tap.Name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", tap.Name, err)
	}
	if err := r.hasBackend(ctx, call); err != nil {
		return nil, fmt.Errorf("%s: %w", tap.Name, err)
	}
	w, err := r.prepare(ctx, call, manner{})
	if _, there, lost := r.Reader.LinkByIndex(tap.Index); lost == nil && !there {
		return nil, fmt.Errorf("%s: %w", tap.Name, ErrGone)
	}
	if err != nil {
		return nil, err
	}
	if w.record.Index != tap.Index {
		return nil, fmt.Errorf("%s: another interface is this NIC's tap: left alone", tap.Name)
	}
	if a, b := w.record.UUID, vif.UUID; a != b && a != "" && b != "" {
		return nil, fmt.Errorf("%s: domain %d is another guest than the one whose vif is up: left alone", tap.Name, tap.NIC.Domid)
	}
	err = r.carryOut(ctx, w)
	if _, there, lost := r.Reader.LinkByIndex(tap.Index); err != nil && lost == nil && !there {
		err = fmt.Errorf("%s: %w", tap.Name, ErrGone) // whatever failed, failed for want of it
	}
	return w, err
}

// RemoveGone does what `remove type_if=tap` does for a tap that has gone while
// its vif is down: whoever was to call has done so. Work is nil where it is
// otherwise.
func (r *Runtime) RemoveGone(ctx context.Context, tap journal.Port) (*Work, error) {
	ctx, cancel := context.WithTimeout(ctx, callDeadline)
	defer cancel()
	lock, err := r.lockIdle(ctx, tap.NIC)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", tap.Name, err)
	}
	defer lock.Release()
	vif, err := r.current(tap.NIC, plan.Vif)
	if err != nil || vif != nil {
		return nil, err
	}
	own, err := r.current(tap.NIC, plan.Tap)
	if err != nil || own == nil || own.Index != tap.Index {
		return nil, err
	}
	if _, there, err := r.Reader.LinkByIndex(own.Index); err != nil || there {
		return nil, err
	}
	call, err := lateCall(event.Remove, own, own.Device)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", tap.Name, err)
	}
	w, err := r.prepare(ctx, call, manner{})
	if err != nil {
		return nil, err
	}
	return w, r.carryOut(ctx, w)
}

// lockIdle holds a NIC that nobody is at work on.
func (r *Runtime) lockIdle(ctx context.Context, nic plan.NIC) (*journal.Lock, error) {
	brief, cancel := context.WithTimeout(ctx, busyAfter)
	defer cancel()
	lock, err := r.Journal.LockNIC(brief, nic)
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		return nil, ErrBusy
	}
	return lock, err
}

// current is a port's record of this run of the kernel.
func (r *Runtime) current(nic plan.NIC, kind plan.Kind) (*journal.Record, error) {
	record, err := r.Journal.Read(nic, kind)
	if record == nil || err != nil {
		return nil, err
	}
	boot, err := bootID()
	if err != nil || record.Boot != boot {
		return nil, err
	}
	return record, nil
}

// lateCall is the call for a tap that nobody made.
func lateCall(command event.Command, of *journal.Record, device string) (event.Call, error) {
	args := []string{string(command), "type_if=tap", "INTERFACE=" + device, "XENBUS_PATH=" + backendOf(of)}
	return event.Parse(scriptOf(of), args, func(string) string { return "" })
}

// hasBackend tells a backend without any of the optional keys from one that is
// not there.
func (r *Runtime) hasBackend(ctx context.Context, call event.Call) error {
	if r.Xenstore == nil {
		return r.NoXenstore
	}
	key := call.Key("frontend-id")
	values, err := r.Xenstore.ReadAll(ctx, key)
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
