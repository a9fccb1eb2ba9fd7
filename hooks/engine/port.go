package engine

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"vifctl/hooks/event"
	"vifctl/hooks/journal"
	"vifctl/hooks/plan"
)

// errAbsent: the interface that a call is about is not there, and did not come.
var errAbsent = errors.New("no such interface")

// findPort returns the interface that a call is about, and makes sure that the
// name it is to get is free. A port that was renamed by an earlier call is
// known by its ifindex, or, where the journal is lost, by what netback says.
func (r *Runtime) findPort(ctx context.Context, ev event.Event, old *journal.Record, wait time.Duration) (plan.Link, error) {
	if old != nil {
		l, ok, err := r.Reader.LinkByIndex(old.Index)
		if err != nil {
			return plan.Link{}, fmt.Errorf("%s: %w", ev.Device, err)
		}
		if ok {
			return l, r.nameFree(ev, l)
		}
	}
	end := time.Now().Add(wait)
	for first := true; ; first = false {
		l, ok, err := r.Reader.LinkByName(ev.Device)
		if err != nil {
			return plan.Link{}, fmt.Errorf("%s: %w", ev.Device, err)
		}
		if ok {
			return l, r.nameFree(ev, l)
		}
		if ev.Name != ev.Device {
			l, ok, err = r.Reader.LinkByName(ev.Name)
			if err != nil {
				return plan.Link{}, fmt.Errorf("%s: %w", ev.Name, err)
			}
			if ok && isNetback(ev.Name, ev.NIC) {
				return l, nil
			}
		}
		if first && wait > 0 && ev.Kind == plan.Tap && r.deviceModelRuns(ctx, ev.NIC) {
			wait, end = 0, time.Now() // it has made its taps: one more look
			continue
		}
		if time.Now().After(end) {
			if wait == 0 {
				return plan.Link{}, fmt.Errorf("%s: %w", ev.Device, errAbsent)
			}
			return plan.Link{}, fmt.Errorf("%s: %w, and it did not appear within %s", ev.Device, errAbsent, wait)
		}
		select {
		case <-ctx.Done():
			return plan.Link{}, fmt.Errorf("%s: no such interface: %w", ev.Device, ctx.Err())
		case <-time.After(portPoll):
		}
	}
}

func (r *Runtime) nameFree(ev event.Event, port plan.Link) error {
	if port.Name == ev.Name {
		return nil
	}
	other, ok, err := r.Reader.LinkByName(ev.Name)
	if err != nil {
		return fmt.Errorf("%s: %w", ev.Name, err)
	}
	if ok && other.Index != port.Index {
		return fmt.Errorf("%s: rename to %s (vifname): %w: choose another, or stop the guest that has it", port.Name, ev.Name, errTaken)
	}
	return nil
}

// isNetback reports whether an interface is the backend of a NIC, as its
// driver says: /sys/class/net/NAME/device leads to the xenbus device
// vif-DOMID-DEVID.
func isNetback(name string, nic plan.NIC) bool {
	device, err := os.Readlink(filepath.Join("/sys/class/net", name, "device"))
	return err == nil && filepath.Base(device) == fmt.Sprintf("vif-%d-%d", nic.Domid, nic.Devid)
}

// deviceModelRuns reports whether a guest's device model says that it is up
// (libxl waits for the same word). It makes its taps before that.
func (r *Runtime) deviceModelRuns(ctx context.Context, nic plan.NIC) bool {
	if r.Xenstore == nil {
		return false
	}
	state := fmt.Sprintf("device-model/%d/state", nic.Domid)
	values, err := r.Xenstore.ReadAll(ctx, state)
	return err == nil && values[state] == "running"
}

// works reports whether a NIC's vif is up by a call of ours.
func (r *Runtime) works(nic plan.NIC) bool {
	vif, err := r.current(nic, plan.Vif)
	return err == nil && vif != nil
}
