package engine

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"vifctl/hooks/journal"
	"vifctl/hooks/kernel"
	"vifctl/hooks/ownership"
	"vifctl/hooks/plan"
)

// Whose is it: before a port's plan is taken, what it asks for is held against what is the
// host's own, its routers', its networks' and other guests'. A call looks near first: at
// the interface that is the guest's way out, and at what the kernel would do with a packet
// to each address, which costs the same on a full host. Only where that does not settle it
// the whole host is read.

// NotItsOwnError says that a port asks for what is not its guest's to have.
type NotItsOwnError struct {
	Port string
	// Sentences say of each thing whose it is and what to do.
	Sentences []string
}

// Error implements error.
func (e *NotItsOwnError) Error() string { return e.Port + ": " + strings.Join(e.Sentences, "; ") }

// judge refuses a plan that takes something from the host, its network or another guest,
// and warns of what will not do what it seems to.
func (p *port) judge(steps []plan.Step) error {
	c := p.claim(steps)
	refusals, warnings, err := p.judged(c)
	if err != nil {
		return fmt.Errorf("%s: find out whose the guest's addresses are: %w", p.Event.Name, err)
	}
	for _, w := range warnings {
		p.warn("%s", w)
	}
	if len(refusals) > 0 {
		return &NotItsOwnError{Port: p.Event.Name, Sentences: refusals}
	}
	return nil
}

func (p *port) claim(steps []plan.Step) ownership.Claim {
	c := claimOf(ownership.Who{Guest: p.Guest, UUID: p.who.UUID, NIC: p.Event.NIC}, p.Mode, p.Bridge, steps)
	if p.Bridge != "" {
		c.Addresses = p.request.IPs
	} else if p.host.Uplink != nil {
		c.Uplink = p.host.Uplink.Name
	}
	c.Ports = []string{p.link.Name, p.Event.Name, p.Event.Device}
	if p.old != nil {
		c.Ports = append(c.Ports, p.old.Name)
	}
	if sibling := p.sibling(); sibling != nil {
		c.Ports = append(c.Ports, sibling.Name)
	}
	return c
}

// sibling is the record of the NIC's other port, nil without one.
func (p *port) sibling() *journal.Record {
	r, err := p.Journal.Read(p.Event.NIC, p.Event.Kind.Other())
	if err != nil || r == nil || r.Boot != p.boot {
		return nil
	}
	return r
}

// judged asks near, and where that leaves anything open or finds anything, the whole host.
func (p *port) judged(c ownership.Claim) (refusals, warnings []string, err error) {
	near, settled, err := p.near(c)
	if err != nil {
		return nil, nil, err
	}
	refusals, warnings = ownership.Judge(c, near)
	if settled && len(refusals)+len(warnings) == 0 || p.Bridge != "" {
		return refusals, warnings, nil
	}
	whole, err := p.Surroundings(p.boot)
	if err != nil {
		return nil, nil, err
	}
	facts, err := p.Facts(whole, c)
	if err != nil {
		return nil, nil, err
	}
	refusals, warnings = ownership.Judge(c, facts)
	return refusals, warnings, nil
}

// near reads what a call looks at: the way out of the guest, a bridge or the uplink, with
// its addresses and the routers behind it, and a look-up for each address. settled is false
// where what it found may be another guest's, or on another interface.
func (p *port) near(c ownership.Claim) (f ownership.Facts, settled bool, err error) {
	var dev plan.Link
	var addresses []plan.Addr
	switch up := p.host.Uplink; {
	case p.Bridge != "":
		if len(c.Addresses) == 0 {
			return f, true, nil
		}
		l, ok, err := p.Reader.LinkByName(p.Bridge)
		if err != nil || !ok {
			return f, true, err
		}
		dev = l
		if addresses, err = p.Reader.AddressesOf(l.Index); err != nil {
			return f, false, err
		}
	case up != nil:
		dev, addresses = up.Link, up.Addresses
	}
	addOwn(&f, dev.Name, addresses, nil)
	settled = !slices.ContainsFunc(addresses, func(a plan.Addr) bool {
		return a.Guests && slices.Contains(asked(c), a.Prefix.Addr()) && !p.has(a.Prefix.Addr())
	})
	if p.Bridge == "" {
		ok, err := p.lookUpAll(c, dev, &f)
		if err != nil {
			return f, false, err
		}
		settled = settled && ok
	}
	if err := p.nearRouters(c, dev, &f); err != nil {
		return f, false, err
	}
	ok, err := p.nothingInside(c)
	if err != nil {
		return f, false, err
	}
	elsewhere, err := p.listensElsewhere(c)
	if err != nil {
		return f, false, err
	}
	settled = settled && ok && !elsewhere
	err = readListeners(c, &f)
	return f, settled, err
}

// has reports whether the guest has a public address already: by an earlier call for this
// port, or for another of its ports.
func (p *port) has(a netip.Addr) bool {
	of := p.newRecord()
	wanted, err := p.wantedByOthers(of)
	if err != nil {
		return false
	}
	key := func(s plan.Step) bool {
		public, ok := s.(plan.Address)
		return ok && public.NIC && public.Addr.Prefix.Addr() == a
	}
	if p.old != nil && p.old.UUID == p.who.UUID && slices.ContainsFunc(stepsOf(p.old), key) {
		return true
	}
	return p.host.Uplink != nil && wanted[publicOn(p.host.Uplink.Dev, a).Key()]
}

// publicOn is the step that puts a public address on an uplink.
func publicOn(uplink plan.Dev, a netip.Addr) plan.Address {
	return plan.Address{Dev: uplink, Addr: plan.Addr{Prefix: netip.PrefixFrom(a, a.BitLen())}, NIC: true}
}

// lookUpAll asks the kernel for each address that is not plainly somewhere on the way out.
func (p *port) lookUpAll(c ownership.Claim, dev plan.Link, f *ownership.Facts) (settled bool, err error) {
	f.Lookups = map[netip.Addr]ownership.Lookup{}
	settled = true
	for _, a := range asked(c) {
		rt, ok, err := p.Reader.LookUp(a)
		if err != nil {
			return false, err
		}
		if !ok {
			continue
		}
		l := p.lookup(rt)
		switch gateway := a == c.Gateway || a == c.Gateway6; {
		case l.Fate == ownership.Local && gateway:
			// Guests share a gateway, which is on the port of each.
			continue
		case l.Fate == ownership.Local && slices.Contains(c.Public, a) && p.has(a):
			continue
		case l.Fate == ownership.Local, l.Fate == ownership.Broadcast:
			settled = settled && slices.ContainsFunc(f.Own, func(o ownership.Own) bool { return o.Addr == a })
		case l.Fate == ownership.OnLink && rt.Index() != dev.Index && !slices.Contains(c.Ports, l.Dev):
			settled = false
		}
		f.Lookups[a] = l
	}
	return settled, nil
}

func (e *Engine) lookup(rt kernel.Route) (l ownership.Lookup) {
	switch rt.Attrs.Type {
	case routeLocal:
		l.Fate = ownership.Local
	case routeBroadcast:
		l.Fate = ownership.Broadcast
	case routeUnicast:
		l.Fate, l.Gateway = ownership.OnLink, rt.Gateway()
		if l.Gateway.IsValid() {
			l.Fate = ownership.Via
		}
		if dev, ok, err := e.Reader.LinkByIndex(rt.Index()); err == nil && ok {
			l.Dev = dev.Name
		}
	}
	return l
}

// The kernel's RTN_* numbers of routes (linux/rtnetlink.h).
const (
	routeUnicast   = 1
	routeLocal     = 2
	routeBroadcast = 3
)

// nearRouters reads the routers behind the way out, where an address that is asked for is in
// one of its networks: elsewhere there can be none of them.
func (p *port) nearRouters(c ownership.Claim, dev plan.Link, f *ownership.Facts) error {
	for _, is6 := range []bool{false, true} {
		inside := func(a netip.Addr) bool {
			// What is the host's own is no router's: most gateways of guests are.
			own := slices.ContainsFunc(f.Own, func(o ownership.Own) bool { return o.Addr == a })
			return a.Is6() == is6 && !own && slices.ContainsFunc(f.Networks, func(n ownership.Network) bool { return n.Prefix.Contains(a) })
		}
		if !slices.ContainsFunc(asked(c), inside) {
			continue
		}
		if err := p.Reader.RoutesOf(is6, dev.Index, func(rt kernel.Route) { addHops(f, rt, func(int) string { return dev.Name }) }); err != nil {
			return err
		}
	}
	return nil
}

// nothingInside reports whether no route leads to a part of a prefix that is asked for, but
// to the guest's own ports. It reads all routes of the family, so only for prefixes.
func (p *port) nothingInside(c ownership.Claim) (bool, error) {
	for _, own := range c.Addresses {
		if own.IsSingleIP() || p.Bridge != "" {
			continue
		}
		clear := true
		err := p.Reader.RoutesOf(own.Addr().Is6(), 0, func(rt kernel.Route) {
			around := rt.Dst.Bits() < own.Bits() && rt.Protocol != plan.RouteProtocol
			if rt.Dst.Overlaps(own) && !around && rt.Index() != p.link.Index {
				clear = false
			}
			if g := rt.Gateway(); g.IsValid() && own.Contains(g) {
				clear = false
			}
		})
		if err != nil || !clear {
			return false, err
		}
	}
	return true, nil
}

// listensElsewhere reports whether a port that a forward asks for leads to another guest,
// whatever the configuration says of that one by now, or another guest is masqueraded as an
// address that is asked for.
func (p *port) listensElsewhere(c ownership.Claim) (bool, error) {
	wanted := slices.Clone(c.Forwards)
	for _, a := range asked(c) {
		wanted = append(wanted, ownership.Forward{Listen: a, Protocol: journal.Masquerade})
	}
	for _, fw := range wanted {
		if fw.Protocol == journal.Masquerade && slices.Contains(c.Leaves, fw.Listen) {
			continue // guests may share it
		}
		records, err := p.Journal.Forwarders(fw.Listen, fw.Protocol, fw.First, fw.Last)
		if err != nil {
			return false, err
		}
		if slices.ContainsFunc(records, func(r *journal.Record) bool { return r.Boot == p.boot && !c.Same(whoOf(r)) }) {
			return true, nil
		}
	}
	return false, nil
}

// readListeners reads which programs listen on ports that the claim's forwards take.
func readListeners(c ownership.Claim, f *ownership.Facts) error {
	for _, protocol := range []string{"tcp", "udp"} {
		of := func(fw ownership.Forward) bool { return fw.Protocol == protocol }
		if !slices.ContainsFunc(c.Forwards, of) {
			continue
		}
		all, err := kernel.Listeners(protocol)
		if err != nil {
			return err
		}
		for _, l := range all {
			takes := func(fw ownership.Forward) bool { return of(fw) && fw.First <= l.Port && l.Port <= fw.Last }
			if slices.ContainsFunc(c.Forwards, takes) {
				f.Listeners = append(f.Listeners, ownership.Listener{Addr: l.Addr, Only6: l.Only6, Protocol: protocol, Port: l.Port, Program: l.Program()})
			}
		}
	}
	return nil
}

// markGuests marks what records put on the uplink for guests, where a kernel before Linux
// 5.18, which keeps no protocol of an address, does not say so. It reads the records only
// where the uplink's first address looks as if it were a guest's.
func (e *Engine) markGuests(up *plan.Uplink, boot string) {
	if up == nil {
		return
	}
	doubtful := slices.ContainsFunc([]bool{false, true}, func(is6 bool) bool {
		first, ok := up.First(is6)
		return ok && slices.ContainsFunc(up.Addresses, func(a plan.Addr) bool {
			return a.Prefix.Addr() == first && a.Prefix.IsSingleIP() && !a.Peer.IsValid()
		})
	})
	if !doubtful {
		return
	}
	// What cannot be read is taken for the host's own.
	records, _ := e.Journal.Records(boot)
	s := SurroundingsOf(&kernel.Host{}, records)
	for i := range up.Addresses {
		a := &up.Addresses[i]
		a.Guests = a.Guests || s.public[onDev{up.Index, a.Prefix.Addr()}]
	}
}

// addOwn adds an interface's addresses that are the host's own, and their networks. guests
// tells of more addresses that records put there, nil for none.
func addOwn(f *ownership.Facts, dev string, addresses []plan.Addr, guests func(netip.Addr) bool) {
	var first [2]bool
	for _, a := range addresses {
		ip := a.Prefix.Addr()
		if a.Guests || guests != nil && guests(ip) || ip.IsLinkLocalUnicast() {
			continue
		}
		family := 0
		if ip.Is6() {
			family = 1
		}
		usable := !a.Secondary && !a.Deprecated
		f.Own = append(f.Own, ownership.Own{Dev: dev, Addr: ip, First: usable && !first[family]})
		first[family] = first[family] || usable
		if network := a.Network(); !network.IsSingleIP() {
			f.Networks = append(f.Networks, ownership.Network{Dev: dev, Prefix: network})
		}
	}
}

// addHops adds a route's gateways. name tells an interface's, "" for one that does not count.
func addHops(f *ownership.Facts, rt kernel.Route, name func(index int) string) {
	add := func(gateway netip.Addr, index int) {
		if dev := name(index); gateway.IsValid() && dev != "" {
			f.NextHops = append(f.NextHops, ownership.NextHop{Addr: gateway, Dev: dev, Dst: rt.Dst, Table: rt.Attrs.Table})
		}
	}
	add(rt.Attrs.Gateway, rt.Index())
	for _, h := range rt.Attrs.Hops {
		add(h.Gateway, h.Dev.Index)
	}
}
