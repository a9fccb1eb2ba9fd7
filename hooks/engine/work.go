package engine

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"vifctl/configs"
	"vifctl/hooks/event"
	"vifctl/hooks/journal"
	"vifctl/hooks/plan"
	"vifctl/hooks/xenstore"
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
	// Network, by mode and name, that asked for some of it, and Asked what it
	// asked for; "" where the configuration said all of it.
	Network string
	Asked   plan.ForGuests
	// Actions of a port that comes up, in order.
	Actions []plan.Action
	// Undo is what has to go, newest first: of a port that goes down all that
	// was done for it, of one that comes up what an earlier call did for it
	// that is no longer wanted.
	Undo []journal.Entry
	// Left is what another port of the guest still wants: that one undoes it.
	Left []journal.Entry
	// Gone: the port has gone already, and what was on it with it.
	Gone bool
	// Hooks that run before a port goes down.
	Hooks    []plan.HookRun
	Warnings []string

	again   bool            // see manner
	after   plan.Dev        // see manner
	damaged bool            // the journal's record cannot be read
	old     *journal.Record // what the journal held before
	record  *journal.Record // what it will hold
}

// manner is how a call is prepared.
type manner struct {
	// wait is how long to wait for a port that is not there yet.
	wait time.Duration
	// again: the call was carried out before, so its deeds (hooks, what is said
	// in the xenstore) are done, and only its facts are looked at.
	again bool
	// after is the port of the guest's old domain whose routes this one takes
	// over, zero for none.
	after plan.Dev
}

func (r *Runtime) prepare(ctx context.Context, call event.Call, how manner) (*Work, error) {
	w := &Work{Event: event.Event{Call: call, Name: call.Device}, Mode: modeOf[call.Script], again: how.again, after: how.after}
	old, err := r.Journal.Read(call.NIC, call.Kind)
	if err != nil {
		w.damaged = true
		w.Warnings = append(w.Warnings, err.Error()+"; it is set aside, so what an earlier call did is not known")
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
		return w, r.prepareUp(ctx, w, keys, guest, boot, how.wait)
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

// backend reads the backend's keys and who the guest is, at once where that is
// allowed. Nothing is taken from below the guest's own device, data or attr
// folders: it can write there.
func (r *Runtime) backend(ctx context.Context, call event.Call) (map[string]string, guest, error) {
	if r.Xenstore == nil {
		return nil, guest{}, r.NoXenstore
	}
	names := event.BackendKeys()
	paths := make([]string, len(names))
	for i, name := range names {
		paths[i] = call.Key(name)
	}
	who := identity(fmt.Sprint(call.NIC.Domid))
	values, err := r.Xenstore.ReadAll(ctx, append(paths, who...)...)
	if errors.Is(err, xenstore.ErrPermission) {
		// A driver domain may not be allowed to look at the guest.
		r.Log.Debug("the guest's name cannot be read", "error", err)
		values, err = r.Xenstore.ReadAll(ctx, paths...)
	}
	if err != nil {
		return nil, guest{}, fmt.Errorf("read the backend's keys: %w", err)
	}
	keys := map[string]string{}
	for i, name := range names {
		if v, ok := values[paths[i]]; ok {
			keys[name] = v
		}
	}
	g := newGuest(who, values)
	if g.target == "" {
		return keys, g, nil
	}
	// A stub domain works for a guest: it is that guest's NIC.
	target := g.target
	who = identity(target)
	if values, err = r.Xenstore.ReadAll(ctx, who...); err != nil {
		r.Log.Debug("the guest of the stub domain cannot be read", "error", err)
	}
	g = newGuest(who, values)
	g.target = target
	return keys, g, nil
}

// identity are the paths that tell who a domain is: its name, its UUID's, and
// the domain it works for.
func identity(domid string) []string {
	domain := "/local/domain/" + domid
	return []string{domain + "/name", domain + "/vm", domain + "/target"}
}

func newGuest(identity []string, values map[string]string) guest {
	// xl gives a guest that migrates here its own name only when it has arrived
	// (tools/xl/xl_migrate.c).
	g := guest{name: strings.TrimSuffix(values[identity[0]], "--incoming")}
	if vm := values[identity[1]]; vm != "" {
		g.uuid = path.Base(vm) // /vm/<uuid>
	}
	if t := values[identity[2]]; event.IsDomid(t) {
		g.target = t
	}
	return g
}

func (r *Runtime) prepareUp(ctx context.Context, w *Work, keys map[string]string, g guest, boot string, wait time.Duration) error {
	ev, err := w.Event.Event(keys)
	if err != nil {
		return err
	}
	w.Event, w.Guest = ev, g.name
	entry, _ := r.Config.Guest(configs.Match{Name: g.name, UUID: g.uuid, MAC: ev.MAC, Devid: ev.NIC.Devid})
	if w.Mode, err = chooseMode(ev, entry); err != nil {
		return err
	}
	if err := inVLANs(ev, entry, w.Mode); err != nil {
		return err
	}
	mode, err := modes.Find(w.Mode)
	if err != nil {
		return err
	}
	port, err := r.findPort(ctx, ev, w.old, wait)
	if err != nil {
		return err
	}
	req := request(w, entry, g, port)
	s := plan.NewSnapshot()
	s.Links[port.Index] = port
	q := mode.Needs(req)
	q.Indexes = append(q.Indexes, port.Index)
	if err := r.Reader.Read(ctx, q, s); err != nil {
		return fmt.Errorf("%s: %w", ev.Name, err)
	}
	p, err := mode.Plan(req, s)
	if err != nil {
		return err
	}
	if asked, err := r.ofNetwork(w, entry, boot, p, s, &req); err != nil {
		return err
	} else if asked {
		if p, err = mode.Plan(req, s); err != nil {
			return err
		}
	}
	w.Bridge = p.Bridge
	w.Warnings = append(w.Warnings, p.Warnings...)
	steps, err := r.withDeeds(w, append(takeOver(w.after, p.Steps), p.Steps...))
	if err != nil {
		return err
	}
	if err := r.Reader.Read(ctx, plan.Needs(steps), s); err != nil {
		return fmt.Errorf("%s: %w", ev.Name, err)
	}
	w.record = &journal.Record{
		Port: journal.Port{
			NIC: ev.NIC, Kind: ev.Kind, UUID: g.uuid, Index: port.Index, Boot: boot,
			Name: ev.Name, Device: ev.Device,
		},
		Mode: w.Mode, Guest: g.name, Bridge: p.Bridge,
		Script: ev.Script, Backend: ev.Backend, Params: ev.Params(),
	}
	others, err := r.wantedByOthers(w.record)
	if err != nil {
		w.warn("%v; what the guest's other ports want is not known", err)
	}
	s.Known = others
	if w.old != nil && w.old.UUID == g.uuid {
		for _, e := range w.old.Entries {
			s.Known[e.Step.Key()] = true
		}
	}
	w.Actions = plan.Resolve(steps, s)
	for i, a := range w.Actions {
		if a.Satisfied && a.Step.Traits().Owner == plan.OwnerNIC && others[a.Step.Key()] {
			// Made for another port of the guest, and ours as well from now
			// on: the last of them undoes it.
			w.Actions[i].Undo = a.Step.Inverse(s)
		}
	}
	var before []journal.Entry
	if w.old != nil {
		before = w.old.Entries
	}
	var stale []journal.Entry
	w.record.Entries, stale = journal.Merge(before, w.Actions)
	w.Undo, w.Left = r.share(w, stale)
	return nil
}

// withDeeds completes a mode's plan by what every port that comes up is told
// and tells, or strips it of all that.
func (r *Runtime) withDeeds(w *Work, steps []plan.Step) ([]plan.Step, error) {
	if w.again {
		return slices.DeleteFunc(slices.Clone(steps), func(s plan.Step) bool { return s.Traits().Effect }), nil
	}
	runs, err := r.hookRuns(w)
	if err != nil {
		return nil, err
	}
	for _, h := range runs {
		steps = append(steps, h)
	}
	if w.Event.Kind == plan.Vif {
		// netback waits for exactly this word before it lets the guest connect.
		steps = append(steps, plan.XenstoreWrite{Path: w.Event.Key("hotplug-status"), Value: "connected"})
	}
	return steps, nil
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
		var entries []journal.Entry
		_, there, err := r.Reader.LinkByIndex(w.old.Index)
		if err != nil {
			return fmt.Errorf("%s: %w", w.Event.Name, err)
		}
		w.Gone = !there
		for _, e := range slices.Backward(w.old.Entries) {
			if len(e.Undo) > 0 && (there || e.Step.Traits().Dev.Index != w.old.Index) {
				entries = append(entries, e)
			}
		}
		w.Undo, w.Left = r.share(w, entries)
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
