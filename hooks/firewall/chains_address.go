package firewall

import (
	"slices"

	"github.com/google/nftables"
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
					is(l4proto, udp), is(portSource, network(68)...), is(portDest, network(67)...),
					in("rawmac", iifname, dhcpClientMAC), accept,
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
			ip4.then(some(ipFragment), accept),
			{is(l4proto, udp), is(portSource, network(67)...), drop(serverRole)},
			// Redirects and router advertisements, and IGMP queries.
			{is(l4proto, icmp), oneOf(icmpType, nftables.TypeICMPType, 5, 9), drop(serverRole)},
			ip4.then(is(ipProtocol, igmp), is(icmpType, 0x11), drop(serverRole)),
			{accept},
		}},
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
			ip6.then(oneOf(ip6Next, nftables.TypeInetProto, tcp, 132, 33, 136, 50, 4, 41, 47), accept),
			ip6.then(is(ip6Next, udp), goTo("s6udp")),
			ip6.then(is(ip6Next, icmpv6), goTo("s6icmp")),
			ip6.then(is(ip6Next, 0), goTo("s6hbh")),
			ip6.then(is(ip6Next, 44), goTo("s6frag")),
			// Behind any other header something could hide.
			{drop(otherProtocol)},
		}},
		{name: "s6udp", rules: []rule{
			{is(l4proto, udp), is(portSource, network(547)...), drop(serverRole)},
			{accept},
		}},
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
			icmp6.then(oneOf(icmpType, nftables.TypeICMP6Type, 131, 132, 143), accept),
			{drop(otherProtocol)},
		}},
		// Without an address: duplicate detection of one of its own, asking for
		// routers, and multicast listener reports.
		{name: "s6any", rules: slices.Concat(
			[]rule{
				ip6.then(is(ip6Next, 0), goTo("s6hbh")),
				ip6.then(isNot(ip6Next, icmpv6), drop(spoofedAddress)),
				ip6.then(is(l4proto, icmpv6), is(icmpType, 133), is(ip6Length, network(8)...), accept),
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
			length(24).then(accept),
			length(32).then(is(ndOption, 0x0e, 1), accept),
			{drop(spoofedNeighbour)},
		}},
		// Errors, echoes, and a host's part of neighbour discovery.
		{name: "s6icmp", rules: []rule{
			icmp6.then(oneOf(icmpType, nftables.TypeICMP6Type, 1, 2, 3, 4, 128, 129), accept),
			icmp6.then(is(icmpType, 133), goTo("s6rs")),
			icmp6.then(is(icmpType, 135), goTo("s6ns")),
			icmp6.then(is(icmpType, 136), goTo("s6na")),
			{drop(serverRole)},
		}},
		// Neighbour discovery has no option, or exactly one, with the port's own
		// hardware address. Linux answers a unicast solicitation without one.
		{name: "s6rs", rules: []rule{
			length(8).then(accept),
			length(16).then(is(rsOption, 1, 1), in("rawmac", iifname, rsOptionMAC), accept),
			{drop(spoofedNeighbour)},
		}},
		{name: "s6ns", rules: []rule{
			length(24).then(accept),
			length(32).then(is(ndOption, 1, 1), in("rawmac", iifname, ndOptionMAC), accept),
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
			length(24).then(accept),
			length(32).then(is(ndOption, 2, 1), in("rawmac", iifname, ndOptionMAC), accept),
			{drop(spoofedNeighbour)},
		}},
	}
}
