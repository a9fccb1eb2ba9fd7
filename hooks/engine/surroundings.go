package engine

import (
	"context"
	"fmt"
	"net/netip"
	"slices"

	"vifctl/hooks/journal"
	"vifctl/hooks/kernel"
	"vifctl/hooks/ownership"
	"vifctl/hooks/plan"
)

// Surroundings are all that the host has of addresses and routes, and what records say was
// put there for guests: what any claim can be held against.
type Surroundings struct {
	Host    *kernel.Host
	Records []*journal.Record

	// ports are guests' ports by ifindex, public what records put on other interfaces.
	ports  map[int]*journal.Record
	public map[onDev]bool
	// common is what all claims are held against.
	common ownership.Facts
}

// onDev is an address on an interface.
type onDev struct {
	index int
	addr  netip.Addr
}

// Surroundings reads them. A record that cannot be read is left out: the next call for its
// port sets it aside.
func (e *Engine) Surroundings(boot string) (*Surroundings, error) {
	host, err := e.Reader.Host()
	if err != nil {
		return nil, err
	}
	records, _ := e.Journal.Records(boot)
	return SurroundingsOf(host, records), nil
}

// SurroundingsOf makes them of what was read: the kernel's side and the records of this run
// of the kernel.
func SurroundingsOf(host *kernel.Host, records []*journal.Record) *Surroundings {
	s := &Surroundings{Host: host, Records: records, ports: map[int]*journal.Record{}, public: map[onDev]bool{}}
	for _, r := range records {
		if l, ok := host.Links[r.Index]; ok && isPort(r.Port, l.Link) {
			s.ports[r.Index] = r
		}
		for _, e := range r.Entries {
			// What was there before the call is the host's.
			if a, ok := e.Step.(plan.Address); ok && a.NIC && len(e.Undo) > 0 {
				s.public[onDev{a.Dev.Index, a.Addr.Prefix.Addr()}] = true
			}
		}
	}
	s.common = s.facts()
	return s
}

// nameOf is the name of an interface of the host's own, "" for a guest's port.
func (s *Surroundings) nameOf(index int) string {
	if s.ports[index] != nil {
		return ""
	}
	return s.Host.Links[index].Name
}

// NotTheirOwn says of the guests that are up what they have that is the host's, a router's
// or another guest's by now: a sentence each, with the port.
func (e *Engine) NotTheirOwn(context.Context) (found []string, err error) {
	boot, err := kernel.BootID()
	if err != nil {
		return nil, err
	}
	s, err := e.Surroundings(boot)
	if err != nil {
		return nil, err
	}
	uplink := s.Host.Uplink()
	for _, r := range s.Records {
		if s.ports[r.Index] != r {
			continue
		}
		refusals, _, err := e.Judge(s, r, uplink)
		if err != nil {
			return nil, err
		}
		for _, sentence := range refusals {
			found = append(found, fmt.Sprintf("%s of %s has what is not its own: %s", r.Name, whoOf(r), sentence))
		}
	}
	return found, nil
}

func (s *Surroundings) facts() (f ownership.Facts) {
	for index, addresses := range s.Host.Addresses {
		if name := s.nameOf(index); name != "" {
			addOwn(&f, name, addresses, func(a netip.Addr) bool { return s.public[onDev{index, a}] })
		}
	}
	for _, rt := range slices.Concat(s.Host.Routes, s.Host.OtherRoutes) {
		addHops(&f, rt, s.nameOf)
		if dev := s.nameOf(rt.Index()); dev != "" && isNetwork(rt) {
			f.Networks = append(f.Networks, ownership.Network{Dev: dev, Prefix: rt.Dst})
		}
	}
	for _, r := range s.Records {
		theirs := ClaimOf(r)
		o := ownership.Other{Who: theirs.Who, Uplink: theirs.Uplink, Public: theirs.Public, Leaves: theirs.Leaves, Forwards: theirs.Forwards}
		if r.Bridge == "" {
			o.Routed = theirs.Addresses
		}
		f.Others = append(f.Others, o)
	}
	return f
}

// isNetwork reports whether a route says that a network is on its interface.
func isNetwork(rt kernel.Route) bool {
	return rt.Attrs.Type == routeUnicast && !rt.Gateway().IsValid() && rt.Protocol != plan.RouteProtocol &&
		!rt.Dst.IsSingleIP() && rt.Dst.Bits() > 0 && !rt.Dst.Addr().IsLinkLocalUnicast() && !rt.Dst.Addr().IsMulticast()
}

// Facts are what one claim is held against.
func (e *Engine) Facts(s *Surroundings, c ownership.Claim) (ownership.Facts, error) {
	f := s.common
	f.Lookups = map[netip.Addr]ownership.Lookup{}
	for _, a := range asked(c) {
		rt, ok, err := e.Reader.LookUp(a)
		if err != nil {
			return f, err
		}
		// What leads to a guest's port the records tell.
		if ok && s.ports[rt.Index()] == nil {
			f.Lookups[a] = e.lookup(rt)
		}
	}
	return f, readListeners(c, &f)
}

// Judge holds what a port that is up has asked for against the host as it is now.
func (e *Engine) Judge(s *Surroundings, r *journal.Record, uplink string) (refusals, warnings []string, err error) {
	c := s.claim(r, uplink)
	f, err := e.Facts(s, c)
	if err != nil {
		return nil, nil, err
	}
	refusals, warnings = ownership.Judge(c, f)
	return refusals, warnings, nil
}

// claim completes what a port that is up has asked for by what its guest's other ports are
// called.
func (s *Surroundings) claim(r *journal.Record, uplink string) ownership.Claim {
	c := ClaimOf(r)
	if c.Uplink == "" {
		c.Uplink = uplink
	}
	for _, o := range s.Records {
		if o.NIC == r.NIC || o.UUID == r.UUID && r.UUID != "" {
			c.Ports = append(c.Ports, o.Name)
		}
	}
	return c
}
