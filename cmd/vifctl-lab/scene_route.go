package main

import (
	"fmt"
	"strings"

	"vifctl/tests/dom0"
)

// routedGateways are a routed guest's: the uplink's own IPv4 address, and the link-local one that dom0 has on every port.
var routedGateways = []string{dom0.HostAddress, "fe80::1"}

// routeScene: vif-route. The guests have addresses of the uplink's network, and dom0 answers for them there.
var routeScene = scene{
	name:  "route",
	about: "guests behind dom0, which routes to them and answers for them on its uplink",
	admin: func(s *stage) error {
		// As at boot; it is no part of what the guests leave.
		if r := s.Run(dom0.ScriptsDir+"/network-route", "start", "netdev=eth0"); r.Exit != 0 {
			return fmt.Errorf("network-route start: exit %d: %s", r.Exit, r.Stderr)
		}
		return nil
	},
	guests: []guest{
		{
			entry: dom0.NIC{
				Domid: 3, Guest: "mail", Script: "vif-route", MTU: 1400, IP: "10.0.0.25 10.0.0.26 2001:db8::25",
			},
			addresses: []string{"10.0.0.25/32", "10.0.0.26/32", "2001:db8::25/128"},
			gateways:  routedGateways,
		},
		{
			entry:     dom0.NIC{Domid: 4, Guest: "desk", HVM: true, Script: "vif-route", IP: "10.0.0.27 2001:db8::27"},
			addresses: []string{"10.0.0.27/32", "2001:db8::27/128"},
			gateways:  routedGateways,
		},
	},
	acts: func(s *stage) error {
		mail, desk := s.guests[0], s.guests[1]
		s.report.note("dom0 was made a router, as at boot: network-route start netdev=eth0")
		if err := s.online(mail); err != nil {
			return err
		}
		mtu := s.Key(mail.Frontend + "/mtu")
		s.report.check(check{what: "mail is told its MTU", found: mtu, err: unless(mtu == "1400", "it is %q", mtu)})
		s.pings(s.Client, mail.inside, "", mail.plain()...)
		s.pings(mail.inside, s.Client, "", dom0.ClientAddress, dom0.ClientIPv6)

		if err := s.online(desk); err != nil {
			return err
		}
		s.routes("10.0.0.27", "vif4.0-emu metric 1, vif4.0 metric 2")
		s.pings(s.Client, desk.inside, " by its emulated NIC", desk.plain()...)
		if err := s.switchToPV(desk); err != nil {
			return err
		}
		s.routes("10.0.0.27", "vif4.0 metric 2")
		s.pings(s.Client, desk.inside, " by its PV NIC", desk.plain()...)
		return nil
	},
}

// routes checks the host's routes to a guest's address, the preferred one first.
func (s *stage) routes(to, want string) {
	var found []string
	for _, line := range lines(s.Run("ip", "route", "show", to).Stdout) {
		words := strings.Fields(line)
		route := ""
		for i, word := range words {
			switch {
			case i > 0 && words[i-1] == "dev":
				route += word
			case i > 0 && words[i-1] == "metric":
				route += " metric " + word
			}
		}
		found = append(found, route)
	}
	got := strings.Join(found, ", ")
	s.report.check(check{what: "routes to " + to + ": " + want, err: unless(got == want, "they are %s", got)})
}

// unless is nil where a condition holds, and else an error that says what was found instead.
func unless(so bool, instead string, args ...any) error {
	if so {
		return nil
	}
	return fmt.Errorf(instead, args...)
}
