// Package routed is what the modes have in common in which a port is a routed
// interface of its own: the host has an address on it, answers for all others
// by proxy ARP, and routes the guest's addresses to it. It is no mode.
package routed

import (
	"encoding/binary"
	"net"
	"net/netip"
	"slices"
	"strconv"

	"vifctl/hooks/plan"
)

// Metrics of a guest's routes: while the emulated NIC is there it carries the
// traffic, so its routes win until its tap goes.
const (
	metricEmulated = 1
	metricPV       = 2
)

// linkLocalGateway is the host's address on every port that has IPv6
// addresses, unless another is configured: a gateway that is the same for every
// guest.
func linkLocalGateway() netip.Prefix { return netip.MustParsePrefix("fe80::1/64") }

const scopeLink = 253

// Port is what a mode has decided about a routed port.
type Port struct {
	// Host4 and Host6 are the host's own addresses on the port, the guest's
	// gateways and the host's source towards it; zero for none. Wherever the
	// guest has IPv6 addresses there is a link-local one besides: Host6 where
	// that is one, else fe80::1.
	Host4, Host6 netip.Addr
	// IPs are the guest's addresses and prefixes.
	IPs []netip.Prefix
	// Answer is the uplink that answers neighbour solicitations for the
	// guest's IPv6 addresses, zero for none.
	Answer plan.Dev
	// Rules come into force before the port comes up, behind antispoofing's.
	Rules []plan.Step
}

// Needs is what Steps looks at.
func Needs(r plan.Request) plan.Query {
	return plan.Query{
		Uplink:    &plan.UplinkQuery{Name: r.Uplink, Fallback: plan.FallbackUplink},
		Addresses: []int{r.Port.Index},
		Sysctls:   []plan.SysctlKey{addrGenMode(r.Port).Fact()},
	}
}

// addrGenMode keeps the kernel from making a link-local address of its own.
func addrGenMode(port plan.Dev) plan.Sysctl {
	return plan.Sysctl{Dev: port, Table: "ipv6/conf", Name: "addr_gen_mode", Want: "1", Optional: true}
}

// Steps adds to p what makes the port r asks for such a port.
func Steps(p *plan.Plan, r plan.Request, s *plan.Snapshot, port Port) error {
	guard, err := p.Guard(r, false)
	if err != nil {
		return err
	}
	dev := r.Port
	local := linkLocalGateway()
	if port.Host6.IsLinkLocalUnicast() {
		local, port.Host6 = netip.PrefixFrom(port.Host6, local.Bits()), netip.Addr{}
	}
	if len(r.VLANs) > 0 {
		p.Warn("vlan= means nothing on a routed port")
	}
	has6 := slices.ContainsFunc(port.IPs, is6)
	add := func(steps ...plan.Step) { p.Steps = append(p.Steps, steps...) }
	setting := func(table, name, want string) {
		add(plan.Sysctl{Dev: dev, Table: table, Name: name, Want: want, Optional: true})
	}

	add(plan.Reshape(s.Links[dev.Index], dev.Name, "")...)
	if r.MTU != 0 {
		add(plan.MTU{Dev: dev, Want: r.MTU, Tolerant: true})
	}
	// Before the port comes up: no address by autoconfiguration, nothing
	// learnt from a guest's router advertisements. A guest without IPv6 finds
	// none on the port.
	if !has6 || !addrGenMode(dev).Satisfied(s) {
		// Off also while the mode is changed: the kernel answers a change by
		// making the address at once, even on a port that is down.
		// The addresses that the port has already go with it, so they are removed
		// one by one, to come back one by one.
		for _, a := range slices.Backward(s.Addresses[dev.Index]) {
			if is6(a.Prefix) && !a.Dynamic && a.Prefix.Addr() != port.Host6 {
				add(plan.Address{Dev: dev, Addr: a, Absent: true})
			}
		}
		setting("ipv6/conf", "disable_ipv6", "1")
	}
	if has6 {
		add(addrGenMode(dev))
		setting("ipv6/conf", "accept_ra", "0")
		setting("ipv6/conf", "disable_ipv6", "0")
	}
	setting("ipv4/conf", "send_redirects", "0")
	// Without this the host waits up to 0.8 s before it answers for another.
	setting("ipv4/neigh", "proxy_delay", "0")
	if id := mediumOf(r.MAC); id != 0 {
		setting("ipv4/conf", "medium_id", strconv.Itoa(id))
	}
	add(guard...)
	add(port.Rules...)
	add(plan.Limits(r)...)
	if r.Trusted {
		add(plan.Rule{Kind: plan.RuleTrusted, Dev: dev})
	}
	add(plan.Sysctl{Dev: dev, Table: "ipv4/conf", Name: "proxy_arp", Want: "1"}, plan.Up{Dev: dev, Want: true})
	if port.Host4.IsValid() {
		add(plan.Address{Dev: dev, Addr: plan.Addr{Prefix: netip.PrefixFrom(port.Host4, 32)}})
	}
	if has6 {
		setting("ipv6/neigh", "proxy_delay", "0")
		add(plan.Address{Dev: dev, Addr: plan.Addr{Prefix: local, Scope: scopeLink, NoDAD: true}})
		if port.Host6.IsValid() {
			add(plan.Address{Dev: dev, Addr: plan.Addr{Prefix: netip.PrefixFrom(port.Host6, 128), NoDAD: true, NoPrefixRoute: true}})
		}
	}
	for _, ip := range port.IPs {
		route(p, r, port, ip, len(guard) > 0)
	}
	if err := p.LeaseTo(r, port.IPs); err != nil {
		return err
	}
	if r.MTU != 0 && r.Kind == plan.Vif && r.FrontendMTU != "" {
		add(plan.TellMTU(r.FrontendMTU, r.MTU))
	}
	return nil
}

// mediumOf numbers what a vif and its tap are both attached to (medium_id of
// Documentation/networking/ip-sysctl): proxy ARP then does not answer on the one, where the
// guest asks whether its own address is taken, because the address is routed to the other.
// It is made of the hardware address, which is the same for both. 0 is none.
func mediumOf(mac string) int {
	hw, err := net.ParseMAC(mac)
	if err != nil || len(hw) != 6 {
		return 0
	}
	return max(1, int(binary.BigEndian.Uint32(hw[2:])&0x7fffffff))
}

// route leads one of the guest's addresses or prefixes to the port. held: the
// guest is held to its hardware address, so the host need not ask for it.
func route(p *plan.Plan, r plan.Request, port Port, ip netip.Prefix, held bool) {
	entry := plan.RouteEntry{Dst: ip, Metric: metricPV, Protocol: plan.RouteProtocol, Source: port.Host4}
	if r.Emulated {
		entry.Metric = metricEmulated
	}
	if is6(ip) {
		entry.Source = port.Host6
	}
	p.Steps = append(p.Steps, plan.Route{Dev: r.Port, Route: entry})
	if held && ip.IsSingleIP() {
		p.Steps = append(p.Steps, plan.Neighbour{Dev: r.Port, IP: ip.Addr(), MAC: r.MAC})
	}
	if !is6(ip) || port.Answer.IsZero() {
		return
	}
	if !ip.IsSingleIP() {
		p.Warn("%s is a prefix: the uplink's router must have a route for it to this host, for no neighbour entry can answer for a whole prefix", ip)
		return
	}
	p.Steps = append(
		p.Steps,
		plan.Sysctl{Dev: port.Answer, Table: "ipv6/conf", Name: "proxy_ndp", Want: "1", Host: true},
		plan.ProxyNeighbour{Dev: port.Answer, IP: ip.Addr()},
	)
}

// WarnForwarding says what will keep the guest from the world although the
// port is right.
func WarnForwarding(p *plan.Plan, up *plan.Uplink, ips []netip.Prefix) {
	if up == nil {
		return
	}
	if !up.Forwarding4 {
		p.Warn("net.ipv4.ip_forward is 0: the guest reaches this host and nothing behind it")
	}
	if slices.ContainsFunc(ips, is6) && !up.Forwarding6 {
		p.Warn("net.ipv6.conf.all.forwarding is 0: the guest reaches this host and nothing behind it over IPv6")
	}
}

// Singles are the single addresses among ips.
func Singles(ips []netip.Prefix) []netip.Addr {
	var out []netip.Addr
	for _, ip := range ips {
		if ip.IsSingleIP() {
			out = append(out, ip.Addr())
		}
	}
	return out
}

func is6(p netip.Prefix) bool { return p.Addr().Is6() }
