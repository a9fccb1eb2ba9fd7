package network

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"vifctl/configs"
	"vifctl/hooks/dhcp"
	"vifctl/hooks/engine"
	"vifctl/hooks/journal"
	"vifctl/hooks/kernel"
	"vifctl/hooks/plan"
	"vifctl/modes"
)

// indexGap is how far above all others a new bridge's ifindex is: guests' ports
// that come at the same moment take the next ones.
const indexGap = 1000

// gatewayAnswers is how long a gateway may take before anything is changed.
const gatewayAnswers = time.Second

// Decision is what a start comes to: what the dry run prints and what Start does.
type Decision struct {
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

	// told are a script's lines for the steps that are to be taken, in the order of
	// Actions and of what undoes Stale; nil where none was asked for (Tell).
	told [][]string
}

// Actions are all of them in their order.
func (d *Decision) Actions() []plan.Action { return slices.Concat(d.Settings, d.Topology) }

// rewires reports whether the host's own connection is at stake.
func (d *Decision) rewires() bool {
	return d.Uplink != "" && slices.ContainsFunc(d.Topology, func(a plan.Action) bool { return !a.Satisfied })
}

// Preview works out what a start would do, and changes nothing.
func (r *Networks) Preview(ctx context.Context, req Request) (*Decision, error) {
	s := r.start(req)
	err := engine.Preview(ctx, s)
	return &s.Decision, err
}

// start is the subject of one.
type start struct {
	*Networks
	Decision
	req Request
	// ask: the gateways are asked whether they answer.
	ask     bool
	confirm time.Duration

	// What is looked at: the records, the one of this network if it is started already,
	// and the host.
	net     modes.Network
	boot    string
	old     *journal.Network
	request plan.HostRequest
	host    *plan.Snapshot

	record *journal.Network
	// common is the lock that all calls share, held from the last look at the host until it
	// is rewired.
	common *journal.Lock
	// left of what a failed start did could not be undone.
	left []journal.Entry
	// release tells the guarding process that this one is done.
	release func()
}

func (r *Networks) start(req Request) *start {
	return &start{
		Networks: r, req: req, release: func() {},
		Decision: Decision{Mode: req.Mode, Warnings: req.Warnings, Nothing: req.Nothing},
	}
}

// Look implements engine.Subject.
func (s *start) Look(ctx context.Context) (err error) {
	if s.Nothing != "" {
		return nil
	}
	if s.net, err = modes.FindNetwork(s.req.Mode); err != nil {
		return err
	}
	if s.boot, err = kernel.BootID(); err != nil {
		return err
	}
	all, err := s.records()
	if err != nil {
		return err
	}
	if s.request, err = s.hostRequest(s.req, all); err != nil {
		return err
	}
	if err := s.read(ctx); err != nil {
		return err
	}
	uplink := ""
	if s.host.Uplink != nil {
		uplink = s.host.Uplink.Name
	}
	s.Name = s.net.Name(s.request, uplink)
	for _, n := range all {
		if n.Mode == s.req.Mode && n.Name == s.Name && n.State == journal.Started {
			s.old, s.Before = n, true
		}
	}
	if s.old == nil {
		if err := s.askGateways(ctx); err != nil {
			return err
		}
	}
	return s.lookShared(ctx)
}

// read reads what the mode needs to know of the host.
func (s *start) read(ctx context.Context) error {
	s.host = plan.NewSnapshot()
	err := s.Reader.Read(ctx, s.net.Needs(s.request), s.host)
	s.markGuests()
	return err
}

// lookShared looks at the host once more, when gateways have had their time to answer: from
// here on no call puts anything on the uplink until the host is rewired.
func (s *start) lookShared(ctx context.Context) error {
	if !s.ask {
		return nil
	}
	if err := s.share(ctx); err != nil {
		return err
	}
	answering := s.host.Answering
	err := s.read(ctx)
	s.host.Answering = answering
	return err
}

// markGuests marks guests' ports, whatever they are called. A record that cannot be read is
// left out: the next call for its port sets it aside.
func (s *start) markGuests() {
	records, _ := s.Journal.Records(s.boot)
	for _, r := range records {
		if l, ok := s.host.Links[r.Index]; ok && (l.Name == r.Name || l.Name == r.Device) {
			l.Guest = true
			s.host.Links[r.Index] = l
		}
	}
}

// askGateways finds out which of the uplink's gateways answer, where it would be rewired.
func (s *start) askGateways(ctx context.Context) error {
	rewired, err := s.net.Topology(s.request, s.host)
	if err != nil || len(rewired.Steps) == 0 || rewired.Uplink.IsZero() {
		return err
	}
	for _, gateway := range gateways(s.host.Routes[rewired.Uplink.Index]) {
		answers := true
		if s.ask {
			if answers, err = s.Executor.Kernel.Reachable(ctx, rewired.Uplink, gateway, gatewayAnswers); err != nil {
				return fmt.Errorf("%s: ask the gateway %s: %w", rewired.Uplink, gateway, err)
			}
		}
		if answers {
			s.host.Answering = append(s.host.Answering, gateway)
		}
	}
	return nil
}

// Decide implements engine.Subject.
func (s *start) Decide(ctx context.Context) error {
	if s.Nothing != "" {
		return nil
	}
	topology, err := s.topology()
	if err != nil {
		return err
	}
	s.request.Bridge = topology.Bridge
	s.masquerade()
	settings := s.net.Settings(s.request, s.host)
	s.Bridge, s.Uplink = topology.Bridge, topology.Uplink.Name
	s.Warnings = slices.Concat(s.Warnings, topology.Warnings, settings.Warnings)
	steps := slices.Concat(settings.Steps, topology.Steps)
	if err := s.Reader.Read(ctx, plan.Needs(steps), s.host); err != nil {
		return err
	}
	actions := plan.Resolve(steps, s.host)
	s.Settings, s.Topology = actions[:len(settings.Steps)], actions[len(settings.Steps):]
	before := plan.ForGuests{}
	if s.old != nil {
		before = s.old.ForGuests
	}
	s.ForGuests = s.req.forGuests(before)
	s.warnGuests(&s.Decision)
	s.remember(topology.Uplink)
	return nil
}

// masquerade decides whether all that leaves is masqueraded: as it was asked for, now or
// when the network was started, unless the configuration says it of guests alone.
func (s *start) masquerade() {
	before := s.old != nil && slices.ContainsFunc(s.old.Settings, func(e journal.Entry) bool {
		rule, ok := e.Step.(plan.Rule)
		return ok && rule.Kind == plan.RuleMasqueradeAll
	})
	switch {
	case !s.req.Masquerade && !before, s.Host.MasqueradeGuests:
	case s.Kept != "":
		s.Warnings = append(s.Warnings, fmt.Sprintf("the configuration keeps %s from the world (masquerade = false): what guests of mode nat send is masqueraded, and not all that leaves", s.Kept))
	default:
		s.request.Masquerade, s.request.MasqueradeAs = true, s.Host.MasqueradeAs.IPv4
	}
}

// topology is what was made and moved when the network was started, or is planned anew.
func (s *start) topology() (plan.Plan, error) {
	if s.old != nil {
		return again(s.req, s.old)
	}
	p, err := s.net.Topology(s.request, s.host)
	if err == nil && len(p.Steps) > 0 && !p.Uplink.IsZero() && len(s.host.Answering) == 0 {
		p.Warn("no gateway answers on %s, so it cannot be told afterwards whether the host is still connected", p.Uplink)
	}
	return p, err
}

// warnGuests says what keeps guests from getting what the network asks for them.
func (r *Networks) warnGuests(d *Decision) {
	if d.ForGuests.Antispoof != "" && r.Host.Antispoof != "" && string(r.Host.Antispoof) != string(d.ForGuests.Antispoof) {
		d.Warnings = append(d.Warnings, fmt.Sprintf("antispoof=yes: the configuration says antispoof = %q for every guest, which counts", r.Host.Antispoof))
	}
	switch {
	case !d.ForGuests.DHCP:
	case r.Host.DHCP == configs.DHCPOff:
		d.Warnings = append(d.Warnings, `dhcp=yes: the configuration says dhcp = "off" for every guest, which counts`)
	case !dhcp.Runs():
		d.Warnings = append(d.Warnings, "dhcp=yes: no dnsmasq runs for guests, so they get no addresses until vifctl-dnsmasq.service is started")
	}
}

func (r *Networks) hostRequest(req Request, all []*journal.Network) (plan.HostRequest, error) {
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

// gateways are those of the default routes.
func gateways(routes []plan.RouteEntry) (list []netip.Addr) {
	for _, route := range routes {
		if g := route.Attrs.Gateway; route.Dst.Bits() == 0 && g.IsValid() && !slices.Contains(list, g) {
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
func (s *start) remember(uplink plan.Dev) {
	s.record = &journal.Network{
		Mode: s.Mode, Name: s.Name, Uplink: uplink, Boot: s.boot, State: journal.Starting, Token: token(), ForGuests: s.ForGuests,
	}
	if s.old == nil {
		s.record.Settings, s.record.Topology = entries(s.Settings), entries(s.Topology)
		return
	}
	for i, a := range s.Topology {
		if a.Step.Traits().Passing {
			s.Topology[i] = plan.Action{Step: a.Step, Satisfied: true}
		}
	}
	s.record.Token, s.record.ConfirmBy = s.old.Token, s.old.ConfirmBy
	// What was made and moved is undone as it was done then.
	s.record.Topology = s.old.Topology
	s.record.Settings, s.Stale = journal.Merge(s.old.Settings, s.Settings)
}

func entries(actions []plan.Action) (list []journal.Entry) {
	for _, a := range actions {
		list = append(list, journal.Entry{Step: a.Step, Undo: a.Undo})
	}
	return list
}
