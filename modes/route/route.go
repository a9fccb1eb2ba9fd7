// Package route makes a port a routed interface of its own: what vif-route
// does. The host answers for the guest on its uplink and for everybody on the
// port (proxy ARP), and routes the guest's addresses to the port.
package route

import (
	"fmt"
	"net/netip"

	"vifctl/hooks/plan"
)

// Metrics of a guest's routes: while the emulated NIC is there it carries the
// traffic, so its routes win until its tap goes.
const (
	metricEmulated = 1
	metricPV       = 2
)

// linkLocalGateway is the host's address on every port that has IPv6
// addresses: a gateway that is the same for every guest.
var linkLocalGateway = netip.MustParsePrefix("fe80::1/64")

const (
	scopeGlobal = 0
	scopeLink   = 253
)

// Mode is the route mode.
type Mode struct{}

// Needs implements modes.Mode.
func (Mode) Needs(r plan.Request) plan.Query {
	return plan.Query{
		Uplink:  &plan.UplinkQuery{Name: r.Uplink, Fallback: "eth0"},
		Sysctls: []plan.SysctlKey{addrGenMode(r.Port).Fact()},
	}
}

// addrGenMode keeps the kernel from making a link-local address of its own.
func addrGenMode(port plan.Dev) plan.Sysctl {
	return plan.Sysctl{Dev: port, Table: "ipv6/conf", Name: "addr_gen_mode", Want: "1", Optional: true}
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
	host6, has6 := up.First(true)
	wants4, wants6 := families(r.IPs)
	if !has4 && wants4 {
		return p, fmt.Errorf("%s: the uplink %s has no IPv4 address to share with the guest: bring it up, or name another with gatewaydev=", r.Port, up.Name)
	}

	port := r.Port
	setting := func(table, name, want string) {
		p.Steps = append(p.Steps, plan.Sysctl{Dev: port, Table: table, Name: name, Want: want, Optional: true})
	}
	p.Steps = plan.Reshape(s.Links[port.Index], port.Name, "")
	if r.MTU != 0 {
		p.Steps = append(p.Steps, plan.MTU{Dev: port, Want: r.MTU, Tolerant: true})
	}
	// Before the port comes up: no address by autoconfiguration, nothing
	// learnt from a guest's router advertisements. A guest without IPv6 finds
	// none on the port.
	if gen := addrGenMode(port); !wants6 || !gen.Satisfied(s) {
		// Off also while the mode is changed: the kernel answers a change by
		// making the address at once, even on a port that is down.
		setting("ipv6/conf", "disable_ipv6", "1")
	}
	if wants6 {
		p.Steps = append(p.Steps, addrGenMode(port))
		setting("ipv6/conf", "accept_ra", "0")
		setting("ipv6/conf", "disable_ipv6", "0")
	}
	setting("ipv4/conf", "send_redirects", "0")
	// Without this the host waits up to 0.8 s before it answers for another.
	setting("ipv4/neigh", "proxy_delay", "0")
	guard, err := p.Guard(r, false)
	if err != nil {
		return p, err
	}
	p.Steps = append(p.Steps, guard...)
	p.Steps = append(
		p.Steps,
		plan.Sysctl{Dev: port, Table: "ipv4/conf", Name: "proxy_arp", Want: "1"},
		plan.Up{Dev: port, Want: true},
	)
	if has4 {
		p.Steps = append(p.Steps, plan.Address{Dev: port, Addr: plan.Addr{Prefix: netip.PrefixFrom(host4, 32)}})
	}
	if wants6 {
		setting("ipv6/neigh", "proxy_delay", "0")
		p.Steps = append(p.Steps, plan.Address{Dev: port, Addr: plan.Addr{Prefix: linkLocalGateway, Scope: scopeLink, NoDAD: true}})
		if has6 {
			p.Steps = append(p.Steps, plan.Address{Dev: port, Addr: plan.Addr{
				Prefix: netip.PrefixFrom(host6, 128), Scope: scopeGlobal, NoDAD: true, NoPrefixRoute: true,
			}})
		}
		p.Steps = append(p.Steps, plan.Sysctl{Dev: up.Dev, Table: "ipv6/conf", Name: "proxy_ndp", Want: "1", Host: true})
	}

	metric := metricPV
	if r.Emulated {
		metric = metricEmulated
	}
	for _, ip := range r.IPs {
		entry := plan.RouteEntry{Dst: ip, Metric: metric, Protocol: plan.RouteProtocol}
		if ip.Addr().Is4() {
			entry.Source = host4
		} else if has6 {
			entry.Source = host6
		}
		p.Steps = append(p.Steps, plan.Route{Dev: port, Route: entry})
		if ip.Addr().Is6() && ip.IsSingleIP() {
			p.Steps = append(p.Steps, plan.ProxyNeighbour{Dev: up.Dev, IP: ip.Addr()})
		}
	}
	if r.MTU != 0 && r.Kind == plan.Vif && r.FrontendMTU != "" {
		p.Steps = append(p.Steps, plan.XenstoreWrite{Path: r.FrontendMTU, Value: fmt.Sprint(r.MTU), Tolerant: true})
	}
	warn(r, up, wants6, &p)
	return p, nil
}

// families tells which families a guest's addresses ask for. A guest without
// any is given IPv4, as ever.
func families(ips []netip.Prefix) (wants4, wants6 bool) {
	for _, ip := range ips {
		wants4 = wants4 || ip.Addr().Is4()
		wants6 = wants6 || ip.Addr().Is6()
	}
	return wants4 || !wants6, wants6
}

// warn says what will keep the guest from the world although the port is right.
func warn(r plan.Request, up *plan.Uplink, wants6 bool, p *plan.Plan) {
	if len(r.IPs) == 0 {
		p.Warn("the guest has no address (ip=), so nothing is routed to it")
	}
	if !up.Forwarding4 {
		p.Warn("net.ipv4.ip_forward is 0: the guest reaches this host and nothing behind it")
	}
	if wants6 && !up.Forwarding6 {
		p.Warn("net.ipv6.conf.all.forwarding is 0: the guest reaches this host and nothing behind it over IPv6")
	}
	for _, ip := range r.IPs {
		if ip.Addr().Is6() && !ip.IsSingleIP() {
			p.Warn("%s is a prefix: the uplink's router must have a route for it to this host, for no neighbour entry can answer for a whole prefix", ip)
		}
	}
}
