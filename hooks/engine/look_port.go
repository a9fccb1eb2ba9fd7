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
	"vifctl/hooks/kernel"
	"vifctl/hooks/plan"
	"vifctl/modes"
)

// lookUp reads what a port that comes up is decided from.
func (p *port) lookUp(ctx context.Context) error {
	keys, who, err := p.backend(ctx, p.call)
	if err != nil {
		return fmt.Errorf("%s: %w", p.call.Device, err)
	}
	ev, err := p.Event.Event(keys)
	if err != nil {
		return err
	}
	p.Event, p.who, p.Guest = ev, who, who.Name
	p.complained = keys[hotplugError] != ""
	p.entry = Entry(&p.Config, who, ev.MAC, ev.NIC.Devid)
	if p.Mode, err = chooseMode(ev, p.entry); err != nil {
		return err
	}
	if err := inVLANs(ev, p.entry, p.Mode); err != nil {
		return err
	}
	mode, err := modes.Find(p.Mode)
	if err != nil {
		return err
	}
	if p.link, err = p.findPort(ctx, ev, p.old, p.wait); err != nil {
		return err
	}
	if err := p.undoFormer(ctx); err != nil {
		return err
	}
	p.warnWithoutMeaning()
	p.request = p.requestOf(ev)
	p.host = plan.NewSnapshot()
	p.host.Links[p.link.Index] = p.link
	q := mode.Needs(p.request)
	q.Indexes = append(q.Indexes, p.link.Index)
	if err := p.Reader.Read(ctx, q, p.host); err != nil {
		return fmt.Errorf("%s: %w", ev.Name, err)
	}
	p.markGuests(p.host.Uplink, p.boot)
	return nil
}

// lookDown reads what a port that goes down is decided from: the journal. The keys only
// serve the hooks, so a port also goes down with bad keys and when xenstored does not
// answer.
func (p *port) lookDown(ctx context.Context) error {
	by := p.KeysBy
	if by.IsZero() {
		by = time.Now().Add(KeysDeadline)
	}
	brief, cancel := context.WithDeadline(ctx, by)
	defer cancel()
	keys, who, _ := p.backend(brief, p.call)
	p.Guest = who.Name
	if p.old != nil && p.old.Guest != "" {
		p.Guest = p.old.Guest // the domain may be another guest's by now
	}
	if ev, err := p.Event.Event(keys); err == nil {
		p.Event = ev
	}
	p.Bridge = p.Event.Bridge
	if p.damaged {
		p.reconstruct(ctx)
	}
	if p.old == nil {
		return nil
	}
	p.Event.Name, p.Mode, p.Bridge = p.old.Name, p.old.Mode, p.old.Bridge
	there, err := p.there(p.old.Port)
	p.Gone = !there
	if err != nil {
		return fmt.Errorf("%s: %w", p.Event.Name, err)
	}
	return nil
}

// reconstruct makes a record of what a call that brings the port up would do now, in place
// of one that cannot be read: all of it is undone, as if the port had had nothing before.
// What only the lost record knew stays, until the firewall's garbage is collected.
func (p *port) reconstruct(ctx context.Context) {
	up := p.port(p.call)
	up.boot = p.boot
	up.call.Command = commandUp(p.call.Kind)
	if err := up.lookUp(ctx); err != nil {
		p.warn("what its record said cannot be worked out anew: %v", err)
		return
	}
	index := up.link.Index
	up.host.Links[index] = plan.Link{Dev: plan.Dev{Name: p.call.Device, Index: index}}
	delete(up.host.Addresses, index)
	delete(up.host.Routes, index)
	for key := range up.host.Sysctls {
		up.standard(key)
	}
	steps, err := up.plan()
	if err != nil {
		p.warn("what its record said cannot be worked out anew: %v", err)
		return
	}
	for _, s := range steps {
		if setting, ok := s.(plan.Sysctl); ok {
			up.standard(setting.Fact())
		}
	}
	p.old = up.newRecord()
	p.old.Entries, _ = journal.Merge(nil, plan.Resolve(steps, up.host))
	p.Known = true
	p.warn("what its record said was worked out anew from the guest's settings as they are now, and is undone")
}

// standard makes a setting of the port's what it is on a new interface.
func (p *port) standard(key plan.SysctlKey) {
	if key.Index != p.link.Index {
		return
	}
	if value, ok, err := kernel.StandardSysctl(key); ok && err == nil {
		p.host.Sysctls[key] = value
	}
}

// there reports whether a record's port is still there: an ifindex alone may be another
// interface's by now.
func (e *Engine) there(p journal.Port) (bool, error) {
	l, ok, err := e.Reader.LinkByIndex(p.Index)
	return ok && isPort(p, l), err
}

func isPort(p journal.Port, l plan.Link) bool { return l.Name == p.Name || l.Name == p.Device }

// Errors of findPort.
var (
	// errAbsent: the interface that a call is about is not there, and did not come.
	errAbsent = errors.New("no such interface")
	// errTaken: the name a port is to get is another interface's.
	errTaken = errors.New("an interface of that name exists")
)

// findPort returns the interface that a call is about, and makes sure that the
// name it is to get is free. A port that was renamed by an earlier call is
// known by its ifindex, or, where the journal is lost, by what netback says.
func (e *Engine) findPort(ctx context.Context, ev event.Event, old *journal.Record, wait time.Duration) (plan.Link, error) {
	if old != nil {
		l, ok, err := e.Reader.LinkByIndex(old.Index)
		if err != nil {
			return plan.Link{}, fmt.Errorf("%s: %w", ev.Device, err)
		}
		if ok && isPort(old.Port, l) {
			return l, e.nameFree(ev, l)
		}
	}
	end := time.Now().Add(wait)
	for first := true; ; first = false {
		l, ok, err := e.Reader.LinkByName(ev.Device)
		if err != nil {
			return plan.Link{}, fmt.Errorf("%s: %w", ev.Device, err)
		}
		if ok {
			return l, e.nameFree(ev, l)
		}
		if ev.Name != ev.Device {
			l, ok, err = e.Reader.LinkByName(ev.Name)
			if err != nil {
				return plan.Link{}, fmt.Errorf("%s: %w", ev.Name, err)
			}
			if ok && isNetback(ev.Name, ev.NIC) {
				return l, nil
			}
		}
		if first && wait > 0 && ev.Kind == plan.Tap && e.deviceModelRuns(ctx, ev.NIC) {
			wait, end = 0, time.Now() // the device model has made its taps: one more look
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

func (e *Engine) nameFree(ev event.Event, port plan.Link) error {
	if port.Name == ev.Name {
		return nil
	}
	other, ok, err := e.Reader.LinkByName(ev.Name)
	if err != nil {
		return fmt.Errorf("%s: %w", ev.Name, err)
	}
	return nameTaken(port.Name, ev.Name, ok && other.Index != port.Index)
}

func nameTaken(port, name string, taken bool) error {
	if !taken {
		return nil
	}
	return fmt.Errorf("%s: rename to %s (vifname): %w: choose another, or stop the guest that has it", port, name, errTaken)
}

// isNetback reports whether an interface is the backend of a NIC, as its
// driver says: /sys/class/net/NAME/device leads to the xenbus device
// vif-DOMID-DEVID.
func isNetback(name string, nic plan.NIC) bool {
	device, err := os.Readlink(filepath.Join("/sys/class/net", name, "device"))
	return err == nil && filepath.Base(device) == fmt.Sprintf("vif-%d-%d", nic.Domid, nic.Devid)
}

// deviceModelRuns reports whether a guest's device model says that it is up
// (libxl waits for the same key). It makes its taps before that.
func (e *Engine) deviceModelRuns(ctx context.Context, nic plan.NIC) bool {
	if e.Xenstore == nil {
		return false
	}
	state := fmt.Sprintf("device-model/%d/state", nic.Domid)
	values, err := e.Xenstore.ReadAll(ctx, state)
	return err == nil && values[state] == "running"
}
