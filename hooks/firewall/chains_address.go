package firewall

import (
	"slices"

	"github.com/google/nftables"

	"vifctl/hooks/plan"
)

// addressChains check the IP packets of strict ports, the same on a bridge and
// on a routed port. They begin at s4 and s6, and end in accept or drop.
func addressChains(d dialect, inUse lengths) []chain {
	return append(chains4(d.ip4, inUse), chains6(d.ip6, inUse)...)
}

func chains4(ip4 rule, inUse lengths) []chain {
	return []chain{
		{name: "s4", rules: slices.Concat(
			// A guest that has no address yet asks for one, for itself.
			[]rule{
				ip4.then(
					is(ipSource, 0, 0, 0, 0), is(ipDest, 255, 255, 255, 255),
					is(l4proto, udp), is(portSource, network(68)...), is(portDest, network(67)...), goTo("s4dhcpown"),
				),
				ip4.then(in("pip4", iifname, ipSource), goTo("s4own")),
			},
			each(inUse["net4"], func(n int) rule {
				return ip4.then(in(of("net4", n), iifname, ipSource.prefix(n)), goTo("s4own"))
			}),
			[]rule{{drop(spoofedAddress)}},
		)},
		{name: "s4own", rules: []rule{
			// What follows a first fragment is of no use without it.
			ip4.then(some(ipFragment), accept()),
			ip4.then(is(ipProtocol, tcp), accept()),
			ip4.then(is(ipProtocol, udp), goTo("s4udp")),
			ip4.then(is(ipProtocol, icmp), goTo("s4icmp")),
			ip4.then(is(ipProtocol, igmp), goTo("s4igmp")),
			// IP-in-IP, DCCP, IPv6-in-IP, GRE, ESP, AH, EtherIP, IPComp, L2TP, SCTP and UDP-Lite.
			ip4.then(oneOf(ipProtocol, nftables.TypeInetProto, 4, 33, 41, 47, 50, 51, 97, 108, 115, 132, 136), accept()),
			ip4.then(is(ipProtocol, vrrp), hasRole(plan.RoleVRRP)),
			ip4.then(is(ipProtocol, ospf), hasRole(plan.RoleOSPF)),
			ip4.then(is(ipProtocol, pim), hasRole(plan.RoleMulticastRouter)),
			// EIGRP, IGRP, EGP, IS-IS over IP, RSVP: what routers alone say.
			{drop(serverRole)},
		}},
		{name: "s4udp", rules: slices.Concat(
			[]rule{
				{is(l4proto, udp), is(portDest, network(67)...), goTo("s4dhcp")},
				{is(l4proto, udp), is(portSource, network(67)...), hasRole(plan.RoleDHCPServer)},
				// A client takes an answer from any port.
				{is(l4proto, udp), is(portDest, network(68)...), hasRole(plan.RoleDHCPServer)},
			},
			routingPorts(ip4.then(is(ipDest.and(0xe0, 0, 0, 0), 0xe0, 0, 0, 0))),
			[]rule{{accept()}},
		)},
		{name: "s4dhcp", rules: []rule{
			{in(roleSet(plan.RoleDHCPServer), iifname), accept()},
			{goTo("s4dhcpown")},
		}},
		// To a DHCP server a guest speaks for itself: it asks, by its own hardware
		// address, which is where a server looks up whose lease is given back, and has
		// come by no relay. No message of DHCP's is so long that it takes fragments.
		{name: "s4dhcpown", rules: []rule{
			ip4.then(some(ipMore), drop(spoofedAddress)),
			{is(dhcpHead, 1, 1, 6), is(dhcpRelay, 0, 0, 0, 0), in("rawmac", iifname, dhcpClientMAC), accept()},
			{drop(spoofedAddress)},
		}},
		// Redirects and router advertisements.
		{name: "s4icmp", rules: []rule{
			{is(l4proto, icmp), oneOf(icmpType, nftables.TypeICMPType, 5, 9), hasRole(plan.RoleRouter)},
			{accept()},
		}},
		// Reports of all versions, and leaving a group. What else there is (queries, DVMRP,
		// PIM, multicast router discovery, traces) is about routers.
		{name: "s4igmp", rules: []rule{
			ip4.then(is(ipProtocol, igmp), is(icmpType, 0x12), accept()),
			ip4.then(is(ipProtocol, igmp), is(icmpType, 0x16), accept()),
			ip4.then(is(ipProtocol, igmp), is(icmpType, 0x17), accept()),
			ip4.then(is(ipProtocol, igmp), is(icmpType, 0x22), accept()),
			{hasRole(plan.RoleMulticastRouter)},
		}},
	}
}

// routingPorts drop what routers say to each other over UDP: RIP, RIPng, LDP and OLSR; to
// a group or between two such ports HSRP, HSRP for IPv6, GLBP and Babel, whose ports any
// program may get for its own. group says that the packet is for one.
func routingPorts(group rule) []rule {
	ports := func(of field, numbers ...uint16) clause {
		var bytes []byte
		for _, n := range numbers {
			bytes = append(bytes, network(n)...)
		}
		return oneOf(of, nftables.TypeInetService, bytes...)
	}
	free := func(of field) clause { return ports(of, 1985, 2029, 3222, 6696) }
	overUDP := is(l4proto, udp)
	return []rule{
		{overUDP, ports(portDest, 520, 521, 646, 698), drop(serverRole)},
		group.then(overUDP, free(portDest), drop(serverRole)),
		{overUDP, free(portSource), free(portDest), drop(serverRole)},
	}
}

func chains6(ip6 rule, inUse lengths) []chain {
	icmp6 := rule{is(l4proto, icmpv6)}
	length := func(bytes uint16) rule { return ip6.then(is(ip6Length, network(bytes)...)) }
	return []chain{
		{name: "s6", rules: slices.Concat(
			[]rule{
				ip6.then(is(ip6Source, make([]byte, 16)...), goTo("s6any")),
				ip6.then(in("pip6", iifname, ip6Source), goTo("s6own")),
			},
			each(inUse["net6"], func(n int) rule {
				return ip6.then(in(of("net6", n), iifname, ip6Source.prefix(n)), goTo("s6own"))
			}),
			[]rule{{drop(spoofedAddress)}},
		)},
		{name: "s6own", rules: []rule{
			// TCP, SCTP, DCCP, UDP-Lite, ESP and the tunnels IP-in-IPv6, IPv6-in-IPv6 and GRE.
			ip6.then(oneOf(ip6Next, nftables.TypeInetProto, tcp, 132, 33, 136, 50, 4, 41, 47), accept()),
			ip6.then(is(ip6Next, udp), goTo("s6udp")),
			ip6.then(is(ip6Next, icmpv6), goTo("s6icmp")),
			ip6.then(is(ip6Next, 0), goTo("s6hbh")),
			ip6.then(is(ip6Next, 44), goTo("s6frag")),
			ip6.then(is(ip6Next, vrrp), hasRole(plan.RoleVRRP)),
			ip6.then(is(ip6Next, ospf), hasRole(plan.RoleOSPF)),
			ip6.then(is(ip6Next, pim), hasRole(plan.RoleMulticastRouter)),
			// Behind any other header something could hide.
			{drop(otherProtocol)},
		}},
		{name: "s6udp", rules: slices.Concat(
			[]rule{
				{is(l4proto, udp), is(portSource, network(547)...), hasRole(plan.RoleDHCPServer)},
				{is(l4proto, udp), is(portDest, network(546)...), hasRole(plan.RoleDHCPServer)},
				// What a relay hands on.
				{is(l4proto, udp), is(portDest, network(547)...), is(dhcp6Type, 12), hasRole(plan.RoleDHCPServer)},
			},
			routingPorts(ip6.then(is(ip6Dest.prefix(8), append([]byte{0xff}, make([]byte, 15)...)...))),
			[]rule{{accept()}},
		)},
		// ICMPv6 in fragments is dropped whole: its type could be in another
		// fragment than the first. Large pings are lost to that.
		{name: "s6frag", rules: []rule{
			{is(ip6Carried, tcp), goTo("s6udp")},
			{is(ip6Carried, udp), goTo("s6udp")},
			{is(ip6Carried, 132), goTo("s6udp")},
			{is(ip6Carried, 50), goTo("s6udp")},
			{drop(otherProtocol)},
		}},
		// Behind a hop-by-hop header there are multicast listener reports, and
		// nothing else (RFC 2710, RFC 3810).
		{name: "s6hbh", rules: []rule{
			icmp6.then(oneOf(icmpType, nftables.TypeICMP6Type, 131, 132, 143), accept()),
			icmp6.then(oneOf(icmpType, nftables.TypeICMP6Type, 130, 151, 152, 153), hasRole(plan.RoleMulticastRouter)),
			{drop(otherProtocol)},
		}},
		// Without an address: duplicate detection of one of its own, asking for
		// routers, and multicast listener reports.
		{name: "s6any", rules: slices.Concat(
			[]rule{
				ip6.then(is(ip6Next, 0), goTo("s6hbh")),
				ip6.then(isNot(ip6Next, icmpv6), drop(spoofedAddress)),
				ip6.then(is(l4proto, icmpv6), is(icmpType, 133), is(ip6Length, network(8)...), accept()),
				icmp6.then(isNot(icmpType, 135), drop(spoofedAddress)),
				{in("rawip6", iifname, ndTarget), goTo("s6dad")},
			},
			each(inUse["rawnet6"], func(n int) rule {
				return rule{in(of("rawnet6", n), iifname, ndTarget.prefix(n)), goTo("s6dad")}
			}),
			[]rule{{drop(spoofedAddress)}},
		)},
		// Duplicate detection may carry a nonce (RFC 7527), and no hardware address.
		{name: "s6dad", rules: []rule{
			length(24).then(accept()),
			length(32).then(is(ndOption, 0x0e, 1), accept()),
			{drop(spoofedNeighbour)},
		}},
		// Errors, echoes, and a host's part of neighbour discovery.
		{name: "s6icmp", rules: []rule{
			icmp6.then(oneOf(icmpType, nftables.TypeICMP6Type, 1, 2, 3, 4, 128, 129), accept()),
			icmp6.then(is(icmpType, 133), goTo("s6rs")),
			icmp6.then(is(icmpType, 135), goTo("s6ns")),
			icmp6.then(is(icmpType, 136), goTo("s6na")),
			icmp6.then(oneOf(icmpType, nftables.TypeICMP6Type, 134, 137), hasRole(plan.RoleRouter)),
			// Multicast router discovery (RFC 4286).
			icmp6.then(oneOf(icmpType, nftables.TypeICMP6Type, 151, 152, 153), hasRole(plan.RoleMulticastRouter)),
			{drop(serverRole)},
		}},
		// Neighbour discovery has no option, or exactly one, with the port's own
		// hardware address. Linux answers a unicast solicitation without one.
		{name: "s6rs", rules: []rule{
			length(8).then(accept()),
			length(16).then(is(rsOption, 1, 1), in("rawmac", iifname, rsOptionMAC), accept()),
			length(16).then(is(rsOption, 1, 1), in("rawvmac", iifname, rsOptionMAC.prefix(virtualBits)), accept()),
			{drop(spoofedNeighbour)},
		}},
		{name: "s6ns", rules: []rule{
			length(24).then(accept()),
			length(32).then(is(ndOption, 1, 1), in("rawmac", iifname, ndOptionMAC), accept()),
			length(32).then(is(ndOption, 1, 1), in("rawvmac", iifname, ndOptionMAC.prefix(virtualBits)), accept()),
			{drop(spoofedNeighbour)},
		}},
		{name: "s6na", rules: slices.Concat(
			[]rule{{in("rawip6", iifname, ndTarget), goTo("s6naown")}},
			each(inUse["rawnet6"], func(n int) rule {
				return rule{in(of("rawnet6", n), iifname, ndTarget.prefix(n)), goTo("s6naown")}
			}),
			[]rule{{drop(spoofedNeighbour)}},
		)},
		{name: "s6naown", rules: []rule{
			length(24).then(accept()),
			length(32).then(is(ndOption, 2, 1), in("rawmac", iifname, ndOptionMAC), accept()),
			length(32).then(is(ndOption, 2, 1), in("rawvmac", iifname, ndOptionMAC.prefix(virtualBits)), accept()),
			{drop(spoofedNeighbour)},
		}},
	}
}
