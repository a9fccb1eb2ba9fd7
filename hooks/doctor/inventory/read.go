package inventory

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"vifctl/hooks/engine"
	"vifctl/hooks/event"
	"vifctl/hooks/journal"
	"vifctl/hooks/kernel"
	"vifctl/hooks/plan"
	"vifctl/hooks/xenstore"
)

// Sources are where the facts are read.
type Sources struct {
	// Engine tells what the ports lack; its journal and configuration are read,
	// too.
	Engine *engine.Engine
	// Xenstore is nil where it cannot be asked; XenstoreErr says why.
	Xenstore    *xenstore.Client
	XenstoreErr error
	ConfigErr   error
	// Progress, where it is not nil, is called before each NIC is looked at.
	Progress func(done, all int)
	// Firewall tells what has been dropped, and who else filters; nil where that
	// is not asked.
	Firewall Firewall
	// Flows: connections are gone through, which takes its time where there are many, and so are
	// other programs' translations.
	Flows bool
	// ScriptsDir is the folder of Xen's scripts, and Scripts the names there that
	// should be ours.
	ScriptsDir string
	Scripts    map[string]string
}

// Read reads them. What cannot be read is left out, and where that matters there
// is an error among the facts; only without the kernel's answers there are none.
func Read(ctx context.Context, s Sources) (*Facts, error) {
	f := &Facts{ConfigErr: s.ConfigErr, XenstoreErr: s.XenstoreErr}
	var err error
	if f.Boot, err = kernel.BootID(); err != nil {
		return nil, err
	}
	if f.Host, err = s.Engine.Reader.Host(); err != nil {
		return nil, err
	}
	if s.ConfigErr == nil {
		f.Config = &s.Engine.Config
	}
	nics := map[plan.NIC]*NIC{}
	f.readJournal(s, nics)
	f.readBackends(ctx, s, nics)
	for _, n := range nics {
		f.derive(ctx, s, n)
	}
	for _, n := range nics {
		adopt(n, nics)
	}
	for _, n := range nics {
		if s.Progress != nil {
			s.Progress(len(f.NICs), len(nics))
		}
		f.complete(ctx, s, n)
		f.NICs = append(f.NICs, *n)
	}
	slices.SortFunc(f.NICs, func(a, b NIC) int { return cmp.Or(cmp.Compare(a.Domid, b.Domid), cmp.Compare(a.Devid, b.Devid)) })
	f.readSurroundings(ctx, s)
	f.readOwnership(s)
	f.readWays(s.Engine)
	if s.Flows {
		f.readFlows(s.Engine)
		f.readTranslations(ctx)
	}
	return f, nil
}

// readOwnership holds what guests have against the host as it is now: an address, a network
// or a program may have come after them.
func (f *Facts) readOwnership(s Sources) {
	var records []*journal.Record
	for i := range f.NICs {
		records = append(records, f.NICs[i].records()...)
	}
	around := engine.SurroundingsOf(f.Host, records)
	for i := range f.NICs {
		n := &f.NICs[i]
		for _, p := range n.Ports() {
			if p.Record != nil && p.Link != nil && n.Alive {
				// What cannot be looked up is told by other checks.
				p.NotItsOwn, p.Doubts, _ = s.Engine.Judge(around, p.Record, f.Uplink(n))
			}
		}
	}
}

func nicOf(nics map[plan.NIC]*NIC, id plan.NIC) *NIC {
	if nics[id] == nil {
		nics[id] = &NIC{NIC: id}
	}
	return nics[id]
}

// readJournal takes every record: those of this run of the kernel are ports of
// ours.
func (f *Facts) readJournal(s Sources, nics map[plan.NIC]*NIC) {
	all, err := s.Engine.Journal.All()
	f.JournalErr = err
	for _, stored := range all {
		r, err := s.Engine.Journal.Read(stored.NIC, stored.Kind)
		if err != nil || r == nil {
			continue
		}
		if r.Boot != f.Boot {
			f.Stale = append(f.Stale, r)
			continue
		}
		n := nicOf(nics, r.NIC)
		p := &Port{Kind: r.Kind, Name: r.Name, Record: r}
		if l, ok := f.Host.Links[r.Index]; ok {
			p.Link, p.Name = &l, l.Name
		}
		if r.Kind == plan.Tap {
			n.Tap = p
		} else {
			n.Vif = p
		}
		n.Guest, n.UUID = cmp.Or(n.Guest, r.Guest), cmp.Or(n.UUID, r.UUID)
		n.Mode = cmp.Or(n.Mode, r.Mode)
	}
	f.Interrupted, _ = s.Engine.Journal.Interrupted()
}

// readBackends takes every backend that the toolstack has made.
func (f *Facts) readBackends(ctx context.Context, s Sources, nics map[plan.NIC]*NIC) {
	if s.Xenstore == nil {
		return
	}
	domids, err := list(ctx, s.Xenstore, "backend/vif")
	if err != nil {
		f.XenstoreErr = err
		return
	}
	for _, domid := range domids {
		devids, err := list(ctx, s.Xenstore, "backend/vif/"+domid)
		if err != nil {
			f.lost(err)
			continue
		}
		for _, devid := range devids {
			d, err1 := strconv.Atoi(domid)
			i, err2 := strconv.Atoi(devid)
			if err1 != nil || err2 != nil {
				continue
			}
			f.readBackend(ctx, s, nicOf(nics, plan.NIC{Domid: d, Devid: i}))
		}
	}
}

// lost: the xenstored ended, or hangs, while it was read.
func (f *Facts) lost(err error) {
	if f.XenstoreErr == nil && errors.Is(err, xenstore.ErrClosed) {
		f.XenstoreErr = err
	}
}

func list(ctx context.Context, xs *xenstore.Client, path string) ([]string, error) {
	names, err := xs.List(ctx, path)
	if errors.Is(err, xenstore.ErrNotExist) {
		return nil, nil
	}
	return names, err
}

func (f *Facts) readBackend(ctx context.Context, s Sources, n *NIC) {
	base := fmt.Sprintf("backend/vif/%d/%d/", n.Domid, n.Devid)
	names := append(event.BackendKeys(), "script", "state", "online", "hotplug-status", "hotplug-error", "frontend-id", "rate", "vlan")
	paths := make([]string, len(names))
	for i, name := range names {
		paths[i] = base + name
	}
	values, err := s.Xenstore.ReadAll(ctx, paths...)
	if err != nil {
		f.lost(err)
		return
	}
	n.Backend = map[string]string{}
	for i, name := range names {
		if v, ok := values[paths[i]]; ok {
			n.Backend[name] = v
		}
	}
	n.MAC = strings.ToLower(n.Backend["mac"])
}

// derive takes what the toolstack's keys and the configuration come to; where they do not
// say, what was written down when the ports came up stands.
func (f *Facts) derive(ctx context.Context, s Sources, n *NIC) {
	d := s.Engine.Derive(ctx, n.NIC, n.Backend)
	n.Guest, n.UUID, n.Mode = cmp.Or(d.Name, n.Guest), cmp.Or(d.UUID, n.UUID), cmp.Or(n.Mode, d.Mode)
	n.Alive, n.Entry, n.Addresses, n.Public, n.Script, n.target = d.Alive, d.Entry, d.Addresses, d.Public, d.Script, d.Target
	if len(n.Addresses) == 0 {
		n.Addresses = routedTo(n)
	}
}

// adopt gives the interface of a stub domain to the guest that it works for: it
// carries the emulated NIC's traffic, as a tap does.
func adopt(stub *NIC, nics map[plan.NIC]*NIC) {
	domid, err := strconv.Atoi(stub.target)
	if err != nil || stub.Vif == nil {
		return
	}
	guest := nics[plan.NIC{Domid: domid, Devid: stub.Devid}]
	if guest == nil || guest.Tap != nil || domid == stub.Domid {
		return
	}
	guest.Tap, guest.Stub = stub.Vif, stub
	delete(nics, stub.NIC)
}

// complete finds the ports that no call of ours has brought up, and what is missing.
func (f *Facts) complete(ctx context.Context, s Sources, n *NIC) {
	f.findPorts(n)
	if slices.Contains(f.Interrupted, n.NIC) {
		return // to look closer would take away what tells the watcher of it
	}
	for _, p := range n.Ports() {
		late := p == n.Late()
		if p.Record == nil && !late || p.Link == nil || !n.Alive {
			continue
		}
		switch {
		case f.ConfigErr != nil:
			p.WorkErr = f.ConfigErr
		case late:
			p.Work, p.WorkErr = s.Engine.CheckLate(ctx, engine.LateTap{NIC: n.NIC, Index: p.Link.Index, Name: p.Link.Name})
		default:
			p.Work, p.WorkErr = s.Engine.Check(ctx, p.Record.Port)
		}
	}
}

// findPorts looks for interfaces by the names that Xen gives them.
func (f *Facts) findPorts(n *NIC) {
	if n.Backend == nil {
		return
	}
	vif, vifname := "vif"+n.NIC.String(), strings.TrimSuffix(n.Backend["vifname"], "=emu")
	find := func(kind plan.Kind, names ...string) *Port {
		for _, name := range names {
			if l, ok := f.Host.Named(name); ok && name != "" {
				return &Port{Kind: kind, Name: name, Link: &l}
			}
		}
		return nil
	}
	if n.Vif == nil {
		if n.Vif = find(plan.Vif, vif, vifname); n.Vif == nil {
			n.Vif = &Port{Kind: plan.Vif, Name: vif}
		}
	}
	if n.Tap == nil {
		n.Tap = find(plan.Tap, engine.TapNames(n.NIC, cmp.Or(vifname, vif))...)
	}
}

// routedTo are the prefixes that the ports' records lead to the guest.
func routedTo(n *NIC) (own []netip.Prefix) {
	for _, p := range n.Ports() {
		if p.Record == nil || len(own) > 0 {
			continue
		}
		for _, e := range p.Record.Entries {
			if r, ok := e.Step.(plan.Route); ok && !r.Absent {
				own = append(own, r.Route.Dst)
			}
		}
	}
	return own
}

// records are those of a NIC's ports.
func (n *NIC) records() (all []*journal.Record) {
	for _, p := range n.Ports() {
		if p.Record != nil {
			all = append(all, p.Record)
		}
	}
	return all
}
