package engine

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"vifctl/hooks/event"
	"vifctl/hooks/journal"
	"vifctl/hooks/plan"
	"vifctl/modes"
)

// decideUp makes the port's plan and holds it against the host.
func (p *port) decideUp(ctx context.Context) error {
	steps, err := p.plan()
	if err != nil {
		return err
	}
	if err := p.judge(steps); err != nil {
		return err
	}
	if steps, err = p.takeOver(steps); err != nil {
		return err
	}
	if p.repair {
		steps = slices.DeleteFunc(steps, func(s plan.Step) bool { return s.Traits().Effect })
	} else if steps, err = p.withEffects(steps); err != nil {
		return err
	}
	if err := p.hold(ctx, steps); err != nil {
		p.unshare()
		return err
	}
	return nil
}

// plan asks the mode, which tells the port's network, and asks it again where vifctl
// started that network with settings for guests that the configuration does not make.
func (p *port) plan() ([]plan.Step, error) {
	mode, err := modes.Find(p.Mode)
	if err != nil {
		return nil, err
	}
	answer, err := mode.Plan(p.request, p.host)
	if err != nil {
		return nil, err
	}
	if asks, err := p.askedByNetwork(answer); err != nil {
		return nil, err
	} else if asks {
		if answer, err = mode.Plan(p.request, p.host); err != nil {
			return nil, err
		}
	}
	p.Bridge = answer.Bridge
	p.Warnings = append(p.Warnings, answer.Warnings...)
	return slices.Clone(answer.Steps), nil
}

// askedByNetwork completes the request by what the network that the port is to be part
// of was started with. Its name is the bridge's, or the uplink's. Where vifctl has
// started none, nothing is read.
func (p *port) askedByNetwork(answer plan.Plan) (asks bool, err error) {
	if _, err := modes.FindNetwork(p.Mode); err != nil || p.entry.Antispoof != "" && (p.entry.DHCP != "" || p.Mode == "bridge") {
		return false, nil //nolint:nilerr // a mode without a host's side
	}
	name := answer.Bridge
	if p.Mode != "bridge" {
		name = plan.NoUplink
		if p.host.Uplink != nil {
			name = p.host.Uplink.Name
		}
	}
	if name == "" {
		return false, nil
	}
	guests, err := p.Journal.NetworkGuests(p.Mode, name, p.boot)
	if err != nil {
		// It may ask for protection.
		return false, fmt.Errorf("%s: find out what the network %s %s was started with: %w", p.Event.Name, p.Mode, name, err)
	}
	if p.entry.Antispoof != "" {
		guests.Antispoof = ""
	}
	guests.DHCP = guests.DHCP && p.entry.DHCP == ""
	if guests == (plan.ForGuests{}) {
		return false, nil
	}
	p.Network = NetworkAsks{Name: p.Mode + " " + name, ForGuests: guests}
	if guests.Antispoof != "" {
		p.request.Antispoof = guests.Antispoof
	}
	p.request.DHCP = p.request.DHCP || guests.DHCP
	return true, nil
}

// withEffects adds to a mode's plan what vifctl tells others for every port that comes up.
func (p *port) withEffects(steps []plan.Step) ([]plan.Step, error) {
	runs, err := p.hookRuns()
	if err != nil {
		return nil, err
	}
	for _, h := range runs {
		steps = append(steps, h)
	}
	if p.complained {
		steps = append(steps, plan.XenstoreWrite{Path: p.Event.Key(hotplugError)})
	}
	if p.Event.Kind == plan.Vif {
		// netback waits for exactly this value before it lets the guest connect.
		steps = append(steps, plan.XenstoreWrite{Path: p.Event.Key("hotplug-status"), Value: "connected"})
	}
	return steps, nil
}

// hold holds steps against the host and the journal: what is missing, what undoes it, and
// what an earlier call did that is no longer wanted. Where something is shared, no other
// call can change it from here until the intent is written down.
func (p *port) hold(ctx context.Context, steps []plan.Step) error {
	shared := func(s plan.Step) bool { return s.Traits().Owner == plan.OwnerNIC }
	if slices.ContainsFunc(steps, shared) || p.old != nil && slices.ContainsFunc(p.old.Entries, isShared) {
		if err := p.share(ctx); err != nil {
			return fmt.Errorf("%s: %w", p.Event.Name, err)
		}
		for _, s := range steps {
			if shared(s) { // an address that was there a moment ago may be gone
				delete(p.host.Addresses, s.Traits().Dev.Index)
			}
		}
	}
	if err := p.Reader.Read(ctx, plan.Needs(steps), p.host); err != nil {
		return fmt.Errorf("%s: %w", p.Event.Name, err)
	}
	p.record = p.newRecord()
	others, err := p.wantedByOthers(p.record)
	if err != nil {
		p.warn("%v; what the guest's other ports want is not known", err)
	}
	p.host.Known = maps.Clone(others)
	if p.old != nil && p.old.UUID == p.who.UUID {
		for _, e := range p.old.Entries {
			p.host.Known[e.Step.Key()] = true
		}
	}
	p.Actions = plan.Resolve(steps, p.host)
	if err := p.leaveMoved(); err != nil {
		return fmt.Errorf("%s: %w", p.Event.Name, err)
	}
	for i, a := range p.Actions {
		if a.Satisfied && shared(a.Step) && others[a.Step.Key()] {
			// Made for another port of the guest, and now shared: the last
			// port undoes it.
			p.Actions[i].Undo = a.Step.Inverse(p.host)
		}
	}
	var before, stale []journal.Entry
	if p.old != nil {
		before = p.old.Entries
	}
	p.record.Entries, stale = journal.Merge(before, p.Actions)
	of := p.record
	if p.old != nil {
		of = p.old
	}
	if p.Undo, p.Left, err = p.split(of, stale); err != nil {
		p.warn("%v; what another port of the guest may want is undone", err)
	}
	return nil
}

func (p *port) newRecord() *journal.Record {
	ev := p.Event
	return &journal.Record{
		Port: journal.Port{
			NIC: ev.NIC, Kind: ev.Kind, UUID: p.who.UUID, Index: p.link.Index, Boot: p.boot,
			Name: ev.Name, Device: ev.Device,
		},
		Mode: p.Mode, Guest: p.Guest, Bridge: p.Bridge,
		Script: ev.Script, Backend: ev.Backend, Params: ev.Params(),
	}
}

// decideDown takes everything from the journal, but for what has gone with the port.
func (p *port) decideDown() error {
	if p.old != nil {
		var entries []journal.Entry
		for _, e := range slices.Backward(p.old.Entries) {
			if len(e.Undo) > 0 && !(p.Gone && e.Step.Traits().Dev.Index == p.old.Index) {
				entries = append(entries, e)
			}
		}
		var err error
		if p.Undo, p.Left, err = p.split(p.old, entries); err != nil {
			p.warn("%v; what another port of the guest may want is undone", err)
		}
	}
	runs, err := p.hookRuns()
	for _, h := range runs {
		p.Actions = append(p.Actions, plan.Action{Step: h})
	}
	return err
}

// addresses are the guest's that count: the configuration's before the toolstack's, and of a
// port that goes those that it was given.
func (p *port) addresses() []netip.Prefix {
	switch {
	case len(p.request.IPs) > 0:
		return p.request.IPs
	case p.old != nil && p.Bridge == "":
		if own := ClaimOf(p.old).Addresses; len(own) > 0 {
			return own
		}
	}
	return p.Event.IPs
}

// hookVars are the shell variables that a vif-post.d hook may rely on.
func (p *port) hookVars() map[string]string {
	ev := p.Event
	vars := map[string]string{
		"dev":          ev.Name,
		"command":      string(ev.Command),
		"type_if":      string(ev.Kind),
		"bridge":       p.Bridge,
		"ip":           joinPrefixes(p.addresses()),
		"mac":          ev.MAC,
		"netdev":       ev.Uplink,
		"XENBUS_PATH":  ev.Backend,
		"vif":          "vif" + ev.NIC.String(),
		"domid":        fmt.Sprint(ev.NIC.Domid),
		"devid":        fmt.Sprint(ev.NIC.Devid),
		"vifname":      "",
		"XENBUS_TYPE":  "vif",
		"script":       ev.Script,
		"VIFCTL_GUEST": p.Guest,
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

// commandUp and commandDown are the commands about a kind of port.
func commandUp(kind plan.Kind) event.Command {
	if kind == plan.Tap {
		return event.Add
	}
	return event.Online
}

func commandDown(kind plan.Kind) event.Command {
	if kind == plan.Tap {
		return event.Remove
	}
	return event.Offline
}
