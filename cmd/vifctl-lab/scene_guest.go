package main

import (
	"fmt"
	"net/netip"

	"vifctl/tests/dom0"
)

// guestScene is what a person sees first: one guest comes, is reached, is held to its address, and goes.
var guestScene = scene{
	name:  "guest",
	about: "one comes, is reached, is held to its own address, and goes",
	host:  bridged,
	admin: func(s *stage) error {
		if s.Do(noFilters) != nil {
			return nil
		}
		return s.WriteFile(dom0.ConfigFile, "[host]\nantispoof = \"strict\"\n", 0o644)
	},
	guests: []guest{{
		entry:     dom0.NIC{Domid: 1, Guest: "web", IP: "10.0.0.11"},
		addresses: []string{"10.0.0.11/24"},
	}},
	acts: func(s *stage) error {
		web := s.guests[0]
		s.report.note("")
		s.report.note("   client ──── eth0 ─ xenbr0 ─ vif1.0 ──── web")
		s.report.note("  10.0.0.1     dom0, 10.0.0.2           10.0.0.11")
		s.report.note("")
		s.report.note("xl create calls the script of the guest's interface, which is vifctl:")
		if err := s.online(web); err != nil {
			return err
		}
		s.pings(s.Client, web.inside, "", web.plain()...)
		s.pings(web.inside, s.Client, "", dom0.ClientAddress)
		if err := s.Do(noFilters); err != nil {
			s.report.note("Without nf_tables in this kernel nothing is filtered (%v).", err)
			return nil
		}
		const stolen = "10.0.0.66"
		s.spoofs(web, stolen, "not its address", listener{s.Client, dom0.ClientAddress})
		return nil
	},
}

// bridged is a host with its uplink in a bridge.
var bridged = dom0.Options{Bridges: []dom0.Bridge{{Name: "xenbr0", Ports: []string{dom0.Uplink}}}}

// listener is one who may hear a guest, and at which address.
type listener struct {
	inside *dom0.Namespace
	at     string
}

// spoofs checks that a guest that takes an address is heard with it by none of the listeners, and goes on being heard with its
// own.
func (s *stage) spoofs(g *guest, stolen, whose string, listeners ...listener) {
	own := netip.MustParseAddr(g.plain()[0])
	err := g.inside.Configure(g.nic(), stolen+"/32")
	for _, l := range listeners {
		if err != nil {
			break
		}
		at := netip.MustParseAddr(l.at)
		err = hearsOnly(l.inside,
			word{"I am " + stolen, g.inside, netip.MustParseAddr(stolen), at},
			word{"I am " + own.String(), g.inside, own, at})
	}
	if err == nil {
		err = g.command("ip", "address", "del", stolen+"/32", "dev", g.nic())
	}
	s.report.check(check{what: fmt.Sprintf("%s sends as %s, %s: dropped", g.inside.Name, stolen, whose), err: err})
}
