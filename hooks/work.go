package hooks

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"

	"vifctl/hooks/event"
	"vifctl/hooks/journal"
	"vifctl/hooks/plan"
	"vifctl/hooks/snapshot"
	"vifctl/modes"
)

// Work is what a call comes down to: it is what the dry run prints and what
// Run does.
type Work struct {
	Event event.Event
	// Mode and Guest by name; Guest is "" where it could not be read.
	Mode, Guest string
	// Bridge the port joins, "" without one.
	Bridge string
	// Actions of a port that comes up, in order.
	Actions []plan.Action
	// Undo is what has to go, newest first: of a port that goes down all that
	// was done for it, of one that comes up what an earlier call did for it
	// that is no longer wanted.
	Undo []journal.Entry
	// Hooks that run before a port goes down.
	Hooks    []plan.HookRun
	Warnings []string

	old    *journal.Record // what the journal held before
	record *journal.Record // what it will hold
}

// modeOf tells the mode from the name vifctl was called by.
func modeOf(script string) string {
	switch script {
	case "vif-route", "vif-route-ifup":
		return "route"
	default: // vif-bridge, vif-setup, qemu-ifup, vifctl
		return "bridge"
	}
}

func (r *Runtime) prepare(ctx context.Context, call event.Call, wait waitFor) (*Work, error) {
	w := &Work{Event: event.Event{Call: call, Name: call.Device}, Mode: modeOf(call.Script)}
	old, err := r.Journal.Read(call.NIC, call.Kind)
	if err != nil {
		w.Warnings = append(w.Warnings, err.Error()+"; it is ignored, so what an earlier call did is not known")
	}
	boot, err := bootID()
	if err != nil {
		return nil, err
	}
	if old != nil && old.Boot == boot {
		w.old = old
	}
	keys, guest, err := r.backend(ctx, call)
	if call.Command.Up() {
		if err != nil {
			return nil, fmt.Errorf("%s: %w", call.Device, err)
		}
		return w, r.prepareUp(ctx, w, keys, guest, boot, wait)
	}
	// Whatever the toolstack has become, what was done is undone.
	return w, r.prepareDown(w, keys, guest)
}

// guest is what Xen says of a domain, each "" where it cannot be read.
type guest struct {
	name, uuid string
	// target is the domid of the guest that a stub domain works for.
	target string
}

// backend reads the backend's keys and who the guest is. Nothing is taken from
// below the guest's own device, data or attr folders: it can write there.
func (r *Runtime) backend(ctx context.Context, call event.Call) (map[string]string, guest, error) {
	if r.Xenstore == nil {
		return nil, guest{}, r.NoXenstore
	}
	names := event.BackendKeys()
	paths := make([]string, len(names))
	for i, name := range names {
		paths[i] = call.Key(name)
	}
	values, err := r.Xenstore.ReadAll(ctx, paths...)
	if err != nil {
		return nil, guest{}, fmt.Errorf("read the backend's keys: %w", err)
	}
	keys := map[string]string{}
	for i, name := range names {
		if v, ok := values[paths[i]]; ok {
			keys[name] = v
		}
	}
	domain := fmt.Sprintf("/local/domain/%d/", call.NIC.Domid)
	who, err := r.Xenstore.ReadAll(ctx, domain+"name", domain+"vm", domain+"target")
	if err != nil {
		// A driver domain may not be allowed to look.
		r.Log.Debug("the guest's name cannot be read", "error", err)
	}
	g := guest{name: who[domain+"name"], target: who[domain+"target"]}
	if vm := who[domain+"vm"]; vm != "" {
		g.uuid = path.Base(vm) // /vm/<uuid>
	}
	return keys, g, nil
}

func (r *Runtime) prepareUp(ctx context.Context, w *Work, keys map[string]string, g guest, boot string, wait waitFor) error {
	ev, err := w.Event.Event(keys)
	if err != nil {
		return err
	}
	w.Event, w.Guest = ev, g.name
	mode, err := modes.Find(w.Mode)
	if err != nil {
		return err
	}
	port, err := r.findPort(ctx, ev, w.old, wait)
	if err != nil {
		return err
	}
	req := plan.Request{
		NIC:         ev.NIC,
		Kind:        ev.Kind,
		Port:        plan.Dev{Name: ev.Name, Index: port.Index},
		Guest:       g.name,
		MAC:         ev.MAC,
		IPs:         ev.IPs,
		MTU:         ev.MTU,
		Bridge:      ev.Bridge,
		Uplink:      cmp.Or(ev.Uplink, r.Config.Host.Uplink),
		FrontendMTU: ev.FrontendMTU(),
		Emulated:    ev.Kind == plan.Tap || g.target != "",
	}
	s := snapshot.New()
	q := mode.Needs(req)
	q.Indexes = append(q.Indexes, port.Index)
	if err := r.Reader.Read(ctx, q, s); err != nil {
		return fmt.Errorf("%s: %w", ev.Name, err)
	}
	p, err := mode.Plan(req, s)
	if err != nil {
		return err
	}
	w.Bridge = p.Bridge
	w.Warnings = append(w.Warnings, p.Warnings...)
	runs, err := r.hookRuns(w)
	if err != nil {
		return err
	}
	steps := p.Steps
	for _, h := range runs {
		steps = append(steps, h)
	}
	if ev.Kind == plan.Vif {
		// netback waits for exactly this word before it lets the guest connect.
		steps = append(steps, plan.XenstoreWrite{Path: ev.Key("hotplug-status"), Value: "connected"})
	}
	if err := r.Reader.Read(ctx, plan.Needs(steps), s); err != nil {
		return fmt.Errorf("%s: %w", ev.Name, err)
	}
	if s.Known, err = r.known(w); err != nil {
		w.Warnings = append(w.Warnings, err.Error())
	}
	w.Actions = plan.Resolve(steps, s)
	w.record = &journal.Record{
		Port: journal.Port{
			NIC: ev.NIC, Kind: ev.Kind, UUID: g.uuid, Index: port.Index, Boot: boot,
			Name: ev.Name, Device: ev.Device,
		},
		Mode: w.Mode, Guest: g.name, Bridge: p.Bridge,
	}
	var before []journal.Entry
	if w.old != nil {
		before = w.old.Entries
	}
	w.record.Entries, w.Undo = journal.Merge(before, w.Actions)
	return nil
}

// known lists what the journal says is done for the NIC, by either of its
// ports.
func (r *Runtime) known(w *Work) (map[string]bool, error) {
	sibling, err := r.Journal.Read(w.Event.NIC, w.Event.Kind.Other())
	keys := map[string]bool{}
	for _, record := range []*journal.Record{w.old, sibling} {
		if record == nil {
			continue
		}
		for _, e := range record.Entries {
			keys[e.Step.Key()] = true
		}
	}
	return keys, err
}

// prepareDown takes everything from the journal. The keys only serve the
// hooks, so bad ones are no reason to leave a port as it is.
func (r *Runtime) prepareDown(w *Work, keys map[string]string, g guest) error {
	w.Guest = g.name
	if ev, err := w.Event.Event(keys); err == nil {
		w.Event = ev
	}
	w.Bridge = w.Event.Bridge
	if w.old != nil {
		w.Event.Name, w.Mode, w.Bridge = w.old.Name, w.old.Mode, w.old.Bridge
		if w.Guest == "" {
			w.Guest = w.old.Guest
		}
		for _, e := range slices.Backward(w.old.Entries) {
			if len(e.Undo) > 0 {
				w.Undo = append(w.Undo, e)
			}
		}
	}
	var err error
	w.Hooks, err = r.hookRuns(w)
	return err
}

// hookVars are the shell variables that a vif-post.d hook may rely on.
func (w *Work) hookVars() map[string]string {
	ev := w.Event
	vars := map[string]string{
		"dev":          ev.Name,
		"command":      string(ev.Command),
		"type_if":      string(ev.Kind),
		"bridge":       w.Bridge,
		"ip":           joinPrefixes(ev.IPs),
		"mac":          ev.MAC,
		"netdev":       ev.Uplink,
		"XENBUS_PATH":  ev.Backend,
		"vif":          "vif" + ev.NIC.String(),
		"domid":        fmt.Sprint(ev.NIC.Domid),
		"devid":        fmt.Sprint(ev.NIC.Devid),
		"vifname":      "",
		"XENBUS_TYPE":  "vif",
		"script":       ev.Script,
		"VIFCTL_GUEST": w.Guest,
	}
	if ev.Name != ev.Device {
		vars["vifname"] = ev.Name
	}
	if ev.Kind == plan.Tap {
		vars["INTERFACE"] = ev.Device
	}
	maps.DeleteFunc(vars, func(k, v string) bool { return v == "" && k != "ip" && k != "bridge" })
	return vars
}

// errTaken: the name a port is to get is another interface's.
var errTaken = errors.New("an interface of that name exists")
