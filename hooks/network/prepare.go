package network

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"vifctl/configs"
	"vifctl/hooks/dhcp"
	"vifctl/hooks/journal"
	"vifctl/hooks/plan"
	"vifctl/modes"
)

// indexGap is how far above all others a new bridge's ifindex is: guests' ports
// that come at the same moment take the next ones.
const indexGap = 1000

// gatewayAnswers is how long a gateway may take before anything is changed.
const gatewayAnswers = time.Second

// Work is what a start comes down to: it is what the dry run prints and what
// Start does.
type Work struct {
	Mode, Name string
	// Bridge and Uplink by name, "" for none.
	Bridge, Uplink string
	// ForGuests is what the network's guests get where the configuration does
	// not say.
	ForGuests plan.ForGuests
	// Settings come first, then Topology.
	Settings, Topology []plan.Action
	// Stale is what an earlier start set that is no longer wanted.
	Stale    []journal.Entry
	Warnings []string
	// Nothing says why there is nothing to do.
	Nothing string
	// Before: it is started already.
	Before bool

	record *journal.Network
}

// Actions are all of them in their order.
func (w *Work) Actions() []plan.Action { return slices.Concat(w.Settings, w.Topology) }

// rewires reports whether the host's own connection is at stake.
func (w *Work) rewires() bool {
	return w.Uplink != "" && slices.ContainsFunc(w.Topology, func(a plan.Action) bool { return !a.Satisfied })
}

// Prepare works out what a start would do, and changes nothing.
func (r *Runtime) Prepare(ctx context.Context, req Request) (*Work, error) {
	return r.prepare(ctx, req, false)
}

// prepare; ask: the gateways are asked whether they answer.
func (r *Runtime) prepare(ctx context.Context, req Request, ask bool) (*Work, error) {
	w := &Work{Mode: req.Mode, Warnings: req.Warnings, Nothing: req.Nothing}
	if w.Nothing != "" {
		return w, nil
	}
	net, err := modes.FindNetwork(req.Mode)
	if err != nil {
		return nil, err
	}
	all, err := r.records()
	if err != nil {
		return nil, err
	}
	host, err := r.hostRequest(req, all)
	if err != nil {
		return nil, err
	}
	s := plan.NewSnapshot()
	if err := r.Reader.Read(ctx, net.Needs(host), s); err != nil {
		return nil, err
	}
	uplink := ""
	if s.Uplink != nil {
		uplink = s.Uplink.Name
	}
	w.Name = net.Name(host, uplink)
	var old *journal.Network
	for _, n := range all {
		if n.Mode == req.Mode && n.Name == w.Name && n.State == journal.Started {
			old = n
		}
	}
	var topology plan.Plan
	if old != nil {
		topology, err = again(req, old)
	} else {
		topology, err = r.topology(ctx, net, host, s, ask)
	}
	if err != nil {
		return nil, err
	}
	host.Bridge = topology.Bridge
	settings := net.Settings(host, s)
	w.Bridge, w.Uplink, w.Before = topology.Bridge, topology.Uplink.Name, old != nil
	w.Warnings = slices.Concat(w.Warnings, topology.Warnings, settings.Warnings)
	steps := slices.Concat(settings.Steps, topology.Steps)
	if err := r.Reader.Read(ctx, plan.Needs(steps), s); err != nil {
		return nil, err
	}
	actions := plan.Resolve(steps, s)
	w.Settings, w.Topology = actions[:len(settings.Steps)], actions[len(settings.Steps):]
	before := plan.ForGuests{}
	if old != nil {
		before = old.ForGuests
	}
	w.ForGuests = req.forGuests(before)
	r.warnGuests(w)
	return w, r.remember(w, old, topology.Uplink)
}

// warnGuests says what keeps guests from getting what the network asks for them.
func (r *Runtime) warnGuests(w *Work) {
	if w.ForGuests.Antispoof != "" && r.Host.Antispoof != "" && string(r.Host.Antispoof) != string(w.ForGuests.Antispoof) {
		w.Warnings = append(w.Warnings, fmt.Sprintf("antispoof=yes: the configuration says antispoof = %q for every guest, which counts", r.Host.Antispoof))
	}
	switch {
	case !w.ForGuests.DHCP:
	case r.Host.DHCP == configs.DHCPOff:
		w.Warnings = append(w.Warnings, `dhcp=yes: the configuration says dhcp = "off" for every guest, which counts`)
	case !dhcp.Runs():
		w.Warnings = append(w.Warnings, "dhcp=yes: no dnsmasq runs for guests, so nobody leases them their addresses until vifctl-dnsmasq.service is started")
	}
}

func (r *Runtime) hostRequest(req Request, all []*journal.Network) (plan.HostRequest, error) {
	host := plan.HostRequest{
		Uplink: req.Uplink, NoUplink: req.NoUplink, Bridge: req.Bridge, Guests: r.Host.Guests, MAC: freshMAC(),
		DownToRename: renamesOnlyDown(),
	}
	links, err := r.Reader.Links()
	if err != nil {
		return host, err
	}
	host.Index = indexGap
	for _, l := range links {
		host.Index = max(host.Index, l.Index+indexGap)
	}
	for _, n := range all {
		for _, e := range n.Topology {
			if b, ok := e.Step.(plan.Bridge); ok {
				host.Ours = append(host.Ours, b.Dev.Index)
			}
		}
	}
	return host, nil
}

// topology is planned anew.
func (r *Runtime) topology(ctx context.Context, net modes.Network, host plan.HostRequest, s *plan.Snapshot, ask bool) (plan.Plan, error) {
	p, err := net.Topology(host, s)
	if err != nil || len(p.Steps) == 0 || p.Uplink.IsZero() {
		return p, err
	}
	for _, gateway := range gateways(s.Routes[p.Uplink.Index]) {
		answers := true
		if ask {
			if answers, err = r.Executor.Kernel.Reachable(ctx, p.Uplink, gateway, gatewayAnswers); err != nil {
				return p, fmt.Errorf("%s: ask the gateway %s: %w", p.Uplink, gateway, err)
			}
		}
		if answers {
			s.Answering = append(s.Answering, gateway)
		}
	}
	again, err := net.Topology(host, s)
	if len(s.Answering) == 0 {
		again.Warn("no gateway answers on %s, so nobody can tell afterwards whether the host is still connected", p.Uplink)
	}
	return again, err
}

// gateways are those of the default routes.
func gateways(routes []plan.RouteEntry) (list []netip.Addr) {
	for _, route := range routes {
		if g := route.Way.Gateway; route.Dst.Bits() == 0 && g.IsValid() && !slices.Contains(list, g) {
			list = append(list, g)
		}
	}
	return list
}

// again is the topology of a network that is there: what was made and moved
// then, wherever the host's addresses are now.
func again(req Request, old *journal.Network) (plan.Plan, error) {
	p := plan.Plan{Uplink: old.Uplink}
	switch {
	case req.NoUplink && !old.Uplink.IsZero():
		return p, fmt.Errorf("%s is started with the uplink %s: stop it first", old.Name, old.Uplink)
	case req.Uplink != "" && req.Uplink != old.Uplink.Name:
		has := "no uplink"
		if !old.Uplink.IsZero() {
			has = "the uplink " + old.Uplink.Name
		}
		return p, fmt.Errorf("%s is started with %s: stop it first", old.Name, has)
	}
	if old.Mode == "bridge" {
		p.Bridge = old.Name
	}
	for _, e := range old.Topology {
		p.Steps = append(p.Steps, e.Step)
	}
	return p, nil
}

// remember works out what the journal will hold.
func (r *Runtime) remember(w *Work, old *journal.Network, uplink plan.Dev) error {
	boot, err := bootID()
	if err != nil {
		return err
	}
	w.record = &journal.Network{Mode: w.Mode, Name: w.Name, Uplink: uplink, Boot: boot, State: journal.Starting, Token: token(), ForGuests: w.ForGuests}
	if old == nil {
		w.record.Settings, w.record.Topology = entries(w.Settings), entries(w.Topology)
		return nil
	}
	for i, a := range w.Topology {
		if a.Step.Traits().Passing {
			w.Topology[i] = plan.Action{Step: a.Step, Satisfied: true}
		}
	}
	w.record.Token, w.record.ConfirmBy = old.Token, old.ConfirmBy
	// What was made and moved is undone as it was done then.
	w.record.Topology = old.Topology
	w.record.Settings, w.Stale = journal.Merge(old.Settings, w.Settings)
	return nil
}

func entries(actions []plan.Action) (list []journal.Entry) {
	for _, a := range actions {
		list = append(list, journal.Entry{Step: a.Step, Undo: a.Undo})
	}
	return list
}
