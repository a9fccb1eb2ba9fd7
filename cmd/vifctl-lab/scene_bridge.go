package main

import (
	"fmt"
	"strings"

	"vifctl/tests/dom0"
)

// bridgeScene: vif-bridge. The guests are on the client's own network.
var bridgeScene = scene{
	name:  "bridge",
	about: "guests as ports of xenbr0, where dom0's uplink is another",
	host:  bridged,
	guests: []guest{
		{
			entry:     dom0.NIC{Domid: 1, Guest: "web", Vifname: "web0"},
			addresses: []string{"10.0.0.11/24", "2001:db8::11/64"},
		},
		{
			entry:     dom0.NIC{Domid: 2, Guest: "win", HVM: true},
			addresses: []string{"10.0.0.12/24", "2001:db8::12/64"},
		},
	},
	acts: func(s *stage) error {
		web, win := s.guests[0], s.guests[1]
		if err := s.online(web); err != nil {
			return err
		}
		s.has("web0 is up and a port of xenbr0, with Xen's neutral MAC",
			"link web0 state=up", "link web0 master=xenbr0", "link web0 mac=fe:ff:ff:ff:ff:ff")
		s.pings(s.Client, web.inside, "", web.plain()...)
		s.pings(web.inside, s.Client, "", dom0.ClientAddress, dom0.ClientIPv6)

		if err := s.online(win); err != nil {
			return err
		}
		s.pings(s.Client, win.inside, " by its emulated NIC", win.plain()...)
		s.pings(win.inside, web.inside, "", web.plain()...)
		if err := s.switchToPV(win); err != nil {
			return err
		}
		s.pings(s.Client, win.inside, " by its PV NIC", win.plain()...)
		return nil
	},
}

// has checks that facts are among the host's.
func (s *stage) has(what string, facts ...string) {
	state := s.State()
	var err error
	for _, f := range facts {
		if !strings.Contains(state, f+"\n") {
			err = fmt.Errorf("it is not so: %s", f)
		}
	}
	s.report.check(check{what: what, err: err})
}
