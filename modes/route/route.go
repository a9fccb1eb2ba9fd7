// Package route makes a port a routed interface of its own: what vif-route
// does. The host answers for the guest on its uplink and for all others on the
// port (proxy ARP), and routes the guest's addresses to the port.
package route

import (
	"fmt"
	"net/netip"

	"vifctl/hooks/plan"
	"vifctl/modes/routed"
)

// Mode is the route mode.
type Mode struct{}

// Needs implements modes.Mode.
func (Mode) Needs(r plan.Request) plan.Query {
	q := routed.Needs(r)
	q.Uplink.Filter = true
	return q
}

// Plan implements modes.Mode: the port gets the uplink's first IPv4 address as
// a /32, proxy ARP and one route an address or prefix; with IPv6 entries also
// the uplink's first global IPv6 address as a /128 and fe80::1, and the uplink
// answers neighbour solicitations for each.
func (Mode) Plan(r plan.Request, s *plan.Snapshot) (plan.Plan, error) {
	var p plan.Plan
	up := s.Uplink
	switch {
	case up == nil && r.Uplink != "":
		return p, fmt.Errorf("%s: the uplink %s does not exist: bring it up, or name another with gatewaydev=", r.Port, r.Uplink)
	case up == nil:
		return p, fmt.Errorf("%s: this host has no default route to take its uplink from: name the uplink with gatewaydev=", r.Port)
	}
	host4, has4 := up.First(false)
	host6, _ := up.First(true)
	if r.Gateway.IsValid() {
		host4, has4 = r.Gateway, true
	}
	if r.Gateway6.IsValid() {
		host6 = r.Gateway6
	}
	if !has4 && wants4(r.IPs) {
		return p, fmt.Errorf("%s: the uplink %s has no IPv4 address to share with the guest: bring it up, or name another with gatewaydev=", r.Port, up.Name)
	}
	if len(r.IPs) == 0 {
		p.Warn("the guest has no address (ip=), so nothing is routed to it")
	}
	port := routed.Port{Host4: host4, Host6: host6, IPs: r.IPs, Answer: up.Dev}
	if up.Filtered {
		// What others drop unless it is accepted is marked, to be accepted.
		port.Rules = append(port.Rules, plan.Rule{Kind: plan.RuleRouted, Dev: r.Port})
	}
	err := routed.Steps(&p, r, s, port)
	p.Announce(up, routed.Singles(r.IPs))
	routed.WarnForwarding(&p, up, r.IPs)
	return p, err
}

// wants4 tells whether a guest's addresses ask for IPv4. A guest without any
// is given it, as ever.
func wants4(ips []netip.Prefix) bool {
	for _, ip := range ips {
		if ip.Addr().Is4() {
			return true
		}
	}
	return len(ips) == 0
}
