package main

import (
	"errors"
	"slices"
	"strings"

	"vifctl/tests/dom0"
)

// networkScene: network-bridge. The uplink's addresses and routes move into a bridge, and back.
var networkScene = scene{
	name:  "network",
	about: "eth0 becomes a port of xenbr0, which takes over its addresses and routes; and back",
	acts: func(s *stage) error {
		addresses := []string{dom0.HostAddress, dom0.HostIPv6}
		before := s.State()
		if err := s.script("network-bridge", "start", "bridge=xenbr0", "netdev=eth0"); err != nil {
			return err
		}
		s.Settle()
		s.pings(s.Client, s.Namespace, " on xenbr0", addresses...)
		if err := s.script("network-bridge", "stop", "bridge=xenbr0"); err != nil {
			return err
		}
		s.Settle()
		var err error
		if changed := difference(lines(before), lines(s.State())); len(changed) > 0 {
			err = errors.New(strings.Join(slices.Compact(changed), "; "))
		}
		s.report.check(check{what: "eth0 has back what it had, and xenbr0 is gone", err: err})
		s.pings(s.Client, s.Namespace, " on eth0", addresses...)
		return nil
	},
}
