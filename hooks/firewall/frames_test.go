package firewall

// The guest behind vif1.0, and what it may call its own.
const (
	mac1, mac2 = "00:16:3e:00:00:01", "00:16:3e:00:00:02"
	hostMAC    = "fe:ff:ff:ff:ff:ff"
	everybody  = "ff:ff:ff:ff:ff:ff"
	noMAC      = "00:00:00:00:00:00"
	group6     = "33:33:00:00:00:01"

	own4, other4, host4 = "192.0.2.1", "192.0.2.2", "192.0.2.254"
	own6, other6, host6 = "2001:db8::1", "2001:db8::2", "2001:db8::fe"
	own6Local           = "fe80::216:3eff:fe00:1"
	other6Local         = "fe80::216:3eff:fe00:2"
	// One address each of the prefixes that are the guest's as a whole, and one
	// just beside.
	prefix4, beside4 = "198.51.100.15", "198.51.100.16"
	prefix6, beside6 = "2001:db8:1::99", "2001:db8:2::99"
	all4             = "255.255.255.255"
	all6, routers6   = "ff02::1", "ff02::2"
	any6             = "::"
)

// Where a frame is sent, and where it would arrive without filtering.
type where int

const (
	bridge where = 1 << iota // a port of a bridge
	router                   // a routed port
	// uplink: another interface of a host that routes, from which another machine
	// sends in the guest's name.
	uplink
	both = bridge | router
)

type frame struct {
	name  string
	on    where
	bytes []byte
}

// hostile frames: none may be received.
var hostile = []frame{
	// Hardware addresses.
	{"IPv4 with another's hardware address", both, eth(mac2, hostMAC, 0x0800, ip4(own4, host4, udp, 0, udpSegment(1000, 53, nil)))},
	{"IPv6 with another's hardware address", both, eth(mac2, hostMAC, 0x86dd, ip6(own6, host6, udp, udpSegment(1000, 53, nil)))},
	{"IPv4 with a made-up hardware address", both, eth("02:00:00:00:00:09", hostMAC, 0x0800, ip4(own4, host4, tcp, 0, tcpSYN(1000, 80)))},
	{"ARP with another's hardware address around it", both, eth(mac2, everybody, 0x0806, arp(1, mac1, own4, noMAC, host4))},

	// ARP.
	{"ARP request with another's hardware address", both, eth(mac1, everybody, 0x0806, arp(1, mac2, own4, noMAC, host4))},
	{"ARP request with another's address", both, eth(mac1, everybody, 0x0806, arp(1, mac1, other4, noMAC, host4))},
	{"ARP reply with another's hardware address", both, eth(mac1, hostMAC, 0x0806, arp(2, mac2, own4, hostMAC, host4))},
	{"ARP reply with another's address", both, eth(mac1, hostMAC, 0x0806, arp(2, mac1, other4, hostMAC, host4))},
	{"ARP reply for the gateway", both, eth(mac1, everybody, 0x0806, arp(2, mac1, host4, noMAC, other4))},
	{"gratuitous ARP for another's address", both, eth(mac1, everybody, 0x0806, arp(1, mac1, other4, noMAC, other4))},
	{"gratuitous ARP reply for another's address", both, eth(mac1, everybody, 0x0806, arp(2, mac1, other4, everybody, other4))},
	{"ARP probe for another's address", both, eth(mac1, everybody, 0x0806, arp(1, mac1, "0.0.0.0", noMAC, other4))},
	{"ARP for an address beside its prefix", both, eth(mac1, everybody, 0x0806, arp(1, mac1, beside4, noMAC, host4))},
	{"ARP probe beside its prefix", both, eth(mac1, everybody, 0x0806, arp(1, mac1, "0.0.0.0", noMAC, beside4))},
	{"ARP with a virtual router's hardware address", both, eth(mac1, everybody, 0x0806, arp(1, "00:00:5e:00:01:07", own4, noMAC, own4))},
	{"ARP reply from nowhere", both, eth(mac1, everybody, 0x0806, arp(2, mac1, "0.0.0.0", noMAC, own4))},
	{"ARP with an operation of its own", bridge, eth(mac1, everybody, 0x0806, arp(9, mac1, own4, noMAC, host4))},
	{"inverse ARP", bridge, eth(mac1, everybody, 0x0806, arp(8, mac1, own4, noMAC, host4))},
	{"ARP for other hardware", bridge, eth(mac1, everybody, 0x0806, cat(be(6), arp(1, mac1, own4, noMAC, host4)[2:]))},
	{"ARP for another protocol", bridge, eth(mac1, everybody, 0x0806, cat(be(1), be(0x86dd), arp(1, mac1, own4, noMAC, host4)[4:]))},
	{"ARP with other sizes", bridge, eth(mac1, everybody, 0x0806, cat(be(1), be(0x0800), []byte{6, 16}, be(1), hw(mac1), ip(other6), hw(noMAC), ip(other6)))},
	{"RARP for another", bridge, eth(mac1, everybody, 0x8035, arp(3, mac2, "0.0.0.0", mac2, "0.0.0.0"))},
	{"RARP reply", bridge, eth(mac1, everybody, 0x8035, arp(4, mac1, own4, mac2, other4))},
	{"RARP with an address", bridge, eth(mac1, everybody, 0x8035, arp(3, mac1, other4, mac1, other4))},

	// IPv4 sources.
	{"another's IPv4 address", both, eth(mac1, hostMAC, 0x0800, ip4(other4, host4, udp, 0, udpSegment(1000, 53, nil)))},
	{"the host's IPv4 address", bridge, eth(mac1, hostMAC, 0x0800, ip4(host4, other4, tcp, 0, tcpSYN(1000, 80)))},
	{"an IPv4 address of the world", both, eth(mac1, hostMAC, 0x0800, ip4("8.8.8.8", host4, icmp, 0, icmpMessage(8, 0, flags)))},
	{"an IPv4 address beside its prefix", both, eth(mac1, hostMAC, 0x0800, ip4(beside4, host4, tcp, 0, tcpSYN(1000, 80)))},
	{"another's IPv4 address in a later fragment", both, eth(mac1, hostMAC, 0x0800, ip4(other4, host4, udp, 100, make([]byte, 64)))},
	{"another's IPv4 address behind options", both, eth(mac1, hostMAC, 0x0800, ip4Options(other4, host4, udp, 0, []byte{1, 1, 1, 1}, udpSegment(1000, 53, nil)))},
	{"no IPv4 address, but no DHCP", both, eth(mac1, everybody, 0x0800, ip4("0.0.0.0", all4, udp, 0, udpSegment(1000, 1001, nil)))},
	{"no IPv4 address, DHCP to one host", both, eth(mac1, hostMAC, 0x0800, ip4("0.0.0.0", host4, udp, 0, udpSegment(68, 67, dhcp(1, mac1))))},
	{"DHCP for another's hardware address", both, eth(mac1, everybody, 0x0800, ip4("0.0.0.0", all4, udp, 0, udpSegment(68, 67, dhcp(1, mac2))))},

	// What only servers and routers say in IPv4.
	{"DHCP offer", both, eth(mac1, everybody, 0x0800, ip4(own4, all4, udp, 0, udpSegment(67, 68, dhcp(2, mac2))))},
	{"DHCP offer to one guest", both, eth(mac1, hostMAC, 0x0800, ip4(own4, other4, udp, 0, udpSegment(67, 68, dhcp(2, mac2))))},
	{"DHCP offer behind options", both, eth(mac1, everybody, 0x0800, ip4Options(own4, all4, udp, 0, []byte{1, 1, 1, 1}, udpSegment(67, 68, dhcp(2, mac2))))},
	{"DHCP offer in a first fragment", both, eth(mac1, everybody, 0x0800, ip4(own4, all4, udp, 0x2000, udpSegment(67, 68, dhcp(2, mac2))))},
	{"ICMP redirect", both, eth(mac1, hostMAC, 0x0800, ip4(own4, other4, icmp, 0, icmpMessage(5, 1, ip(own4), make([]byte, 28))))},
	{"ICMP router advertisement", both, eth(mac1, everybody, 0x0800, ip4(own4, all4, icmp, 0, icmpMessage(9, 0, []byte{1, 2, 7, 8}, ip(own4), flags)))},
	{"DHCP offer from another port", both, eth(mac1, everybody, 0x0800, ip4(own4, all4, udp, 0, udpSegment(1000, 68, dhcp(2, mac2))))},
	{"DHCP release for another's hardware address", both, eth(mac1, hostMAC, 0x0800, ip4(own4, host4, udp, 0, udpSegment(68, 67, dhcp(1, mac2))))},
	{"DHCP decline for another's hardware address", both, eth(mac1, everybody, 0x0800, ip4(own4, all4, udp, 0, udpSegment(68, 67, dhcp(1, mac2))))},
	{"DHCP for another's hardware address by one's own client identifier", both, eth(mac1, everybody, 0x0800, ip4("0.0.0.0", all4, udp, 0, udpSegment(68, 67, dhcpAs(mac1, mac2))))},
	{"DHCP for another's hardware address from another port", both, eth(mac1, hostMAC, 0x0800, ip4(own4, host4, udp, 0, udpSegment(1000, 67, dhcp(1, mac2))))},
	{"DHCP for another's hardware address from its prefix", both, eth(mac1, hostMAC, 0x0800, ip4(prefix4, host4, udp, 0, udpSegment(68, 67, dhcp(1, mac2))))},
	{"DHCP for another's hardware address behind options", both, eth(mac1, hostMAC, 0x0800, ip4Options(own4, host4, udp, 0, []byte{1, 1, 1, 1}, udpSegment(68, 67, dhcp(1, mac2))))},
	{"DHCP with a longer hardware address", both, eth(mac1, hostMAC, 0x0800, ip4(own4, host4, udp, 0, udpSegment(68, 67, cat([]byte{1, 1, 16, 0}, dhcp(1, mac1)[4:]))))},
	{"DHCP of another kind of hardware", both, eth(mac1, hostMAC, 0x0800, ip4(own4, host4, udp, 0, udpSegment(68, 67, cat([]byte{1, 6, 6, 0}, dhcp(1, mac1)[4:]))))},
	{"DHCP as a relay", both, eth(mac1, hostMAC, 0x0800, ip4(own4, host4, udp, 0, udpSegment(68, 67, cat(dhcp(1, mac1)[:24], ip(own4), dhcp(1, mac1)[28:]))))},
	{"DHCP of a server to a relay", both, eth(mac1, hostMAC, 0x0800, ip4(own4, host4, udp, 0, udpSegment(68, 67, dhcp(2, mac1))))},
	{"DHCP in a first fragment", both, eth(mac1, hostMAC, 0x0800, ip4(own4, host4, udp, 0x2000, udpSegment(68, 67, dhcp(1, mac1)[:232])))},
	{"DHCP's ports alone in a first fragment", both, eth(mac1, hostMAC, 0x0800, ip4(own4, host4, udp, 0x2000, udpSegment(68, 67, nil)))},
	{"IGMP query of version 3", both, eth(mac1, "01:00:5e:00:00:01", 0x0800, ip4Options(own4, "224.0.0.1", igmp, 0, routerAlert, icmpMessage(0x11, 0, flags, []byte{2, 20, 0, 0})))},
	{"IGMP query to one host", both, eth(mac1, hostMAC, 0x0800, ip4(own4, host4, igmp, 0, icmpMessage(0x11, 0, flags)))},
	{"multicast router advertisement over IPv4", both, eth(mac1, "01:00:5e:00:00:6a", 0x0800, ip4Options(own4, "224.0.0.106", igmp, 0, routerAlert, icmpMessage(0x30, 20, flags)))},
	{"multicast router solicitation over IPv4", both, eth(mac1, "01:00:5e:00:00:02", 0x0800, ip4Options(own4, "224.0.0.2", igmp, 0, routerAlert, icmpMessage(0x31, 0)))},
	{"DVMRP probe", both, eth(mac1, "01:00:5e:00:00:04", 0x0800, ip4(own4, "224.0.0.4", igmp, 0, icmpMessage(0x13, 1, flags)))},
	{"PIM of version 1", both, eth(mac1, "01:00:5e:00:00:02", 0x0800, ip4(own4, "224.0.0.2", igmp, 0, icmpMessage(0x14, 0, flags)))},
	{"PIM hello", both, eth(mac1, "01:00:5e:00:00:0d", 0x0800, ip4(own4, "224.0.0.13", pim, 0, pimHello))},
	{"PIM to one host", both, eth(mac1, hostMAC, 0x0800, ip4(own4, host4, pim, 0, pimHello))},
	{"OSPF hello", both, eth(mac1, "01:00:5e:00:00:05", 0x0800, ip4(own4, "224.0.0.5", ospf, 0, make([]byte, 44)))},
	{"OSPF to one host", both, eth(mac1, hostMAC, 0x0800, ip4(own4, host4, ospf, 0, make([]byte, 44)))},
	{"VRRP", both, eth(mac1, "01:00:5e:00:00:12", 0x0800, ip4(own4, "224.0.0.18", vrrp, 0, vrrp4))},
	{"VRRP to one host", both, eth(mac1, hostMAC, 0x0800, ip4(own4, host4, vrrp, 0, vrrp4))},
	{"VRRP from its virtual hardware address", both, eth("00:00:5e:00:01:07", "01:00:5e:00:00:12", 0x0800, ip4(own4, "224.0.0.18", vrrp, 0, vrrp4))},
	{"EIGRP hello", both, eth(mac1, "01:00:5e:00:00:0a", 0x0800, ip4(own4, "224.0.0.10", 88, 0, make([]byte, 32)))},
	{"IGRP", both, eth(mac1, everybody, 0x0800, ip4(own4, all4, 9, 0, make([]byte, 32)))},
	{"IS-IS over IPv4", both, eth(mac1, hostMAC, 0x0800, ip4(own4, host4, 124, 0, make([]byte, 32)))},
	{"RSVP", both, eth(mac1, hostMAC, 0x0800, ip4(own4, host4, 46, 0, make([]byte, 32)))},
	{"RIP", both, eth(mac1, "01:00:5e:00:00:09", 0x0800, ip4(own4, "224.0.0.9", udp, 0, udpSegment(520, 520, make([]byte, 24))))},
	{"RIP of version 1", both, eth(mac1, everybody, 0x0800, ip4(own4, all4, udp, 0, udpSegment(520, 520, make([]byte, 24))))},
	{"HSRP", both, eth(mac1, "01:00:5e:00:00:02", 0x0800, ip4(own4, "224.0.0.2", udp, 0, udpSegment(1985, 1985, make([]byte, 20))))},
	{"HSRP of version 2", both, eth(mac1, "01:00:5e:00:00:66", 0x0800, ip4(own4, "224.0.0.102", udp, 0, udpSegment(1000, 1985, make([]byte, 20))))},
	{"HSRP to one host", both, eth(mac1, hostMAC, 0x0800, ip4(own4, host4, udp, 0, udpSegment(1985, 1985, make([]byte, 20))))},
	{"GLBP", both, eth(mac1, "01:00:5e:00:00:66", 0x0800, ip4(own4, "224.0.0.102", udp, 0, udpSegment(3222, 3222, make([]byte, 20))))},
	{"LDP", both, eth(mac1, "01:00:5e:00:00:02", 0x0800, ip4(own4, "224.0.0.2", udp, 0, udpSegment(646, 646, make([]byte, 20))))},
	{"Babel", both, eth(mac1, "01:00:5e:00:00:6f", 0x0800, ip4(own4, "224.0.0.111", udp, 0, udpSegment(6696, 6696, make([]byte, 20))))},
	{"OLSR", both, eth(mac1, everybody, 0x0800, ip4(own4, all4, udp, 0, udpSegment(698, 698, make([]byte, 20))))},
	{"IGMP query", both, eth(mac1, "01:00:5e:00:00:01", 0x0800, ip4(own4, "224.0.0.1", igmp, 0, icmpMessage(0x11, 0, flags)))},

	// IPv6 sources.
	{"another's IPv6 address", both, eth(mac1, hostMAC, 0x86dd, ip6(other6, host6, udp, udpSegment(1000, 53, nil)))},
	{"another's link-local address", both, eth(mac1, hostMAC, 0x86dd, ip6(other6Local, host6, tcp, tcpSYN(1000, 80)))},
	{"an IPv6 address beside its prefix", both, eth(mac1, hostMAC, 0x86dd, ip6(beside6, host6, tcp, tcpSYN(1000, 80)))},
	{"another's IPv6 address behind hop-by-hop options", both, eth(mac1, hostMAC, 0x86dd, ip6(other6, host6, 0, hopByHop(58, mldReport(other6, routers6))))},
	{"no IPv6 address, UDP", both, eth(mac1, group6, 0x86dd, ip6(any6, all6, udp, udpSegment(1000, 1001, nil)))},
	{"no IPv6 address, echo", both, eth(mac1, group6, 0x86dd, nd(any6, all6, 128, flags))},
	{"no IPv6 address, in fragments", both, eth(mac1, group6, 0x86dd, ip6(any6, all6, 44, fragment6(58, 0, true, icmp6(any6, all6, 135, flags, ip(own6)))))},

	// Neighbour discovery.
	{"duplicate detection of another's address", both, eth(mac1, group6, 0x86dd, nd(any6, all6, 135, flags, ip(other6)))},
	{"duplicate detection with a hardware address", both, eth(mac1, group6, 0x86dd, nd(any6, all6, 135, flags, ip(own6), option(1, mac1)))},
	{"duplicate detection beside its prefix", both, eth(mac1, group6, 0x86dd, nd(any6, all6, 135, flags, ip(beside6)))},
	{"solicitation with another's hardware address", both, eth(mac1, group6, 0x86dd, nd(own6, all6, 135, flags, ip(host6), option(1, mac2)))},
	{"solicitation with two options", both, eth(mac1, group6, 0x86dd, nd(own6, all6, 135, flags, ip(host6), option(1, mac1), option(1, mac2)))},
	{"solicitation with a target's option", both, eth(mac1, group6, 0x86dd, nd(own6, all6, 135, flags, ip(host6), option(2, mac2)))},
	{"advertisement for another", both, eth(mac1, group6, 0x86dd, nd(own6, all6, 136, flags, ip(other6), option(2, mac1)))},
	{"advertisement for another, without an option", both, eth(mac1, group6, 0x86dd, nd(own6, all6, 136, flags, ip(other6)))},
	{"advertisement for the router", both, eth(mac1, group6, 0x86dd, nd(own6Local, all6, 136, flags, ip(host6), option(2, mac1)))},
	{"advertisement beside its prefix", both, eth(mac1, group6, 0x86dd, nd(own6, all6, 136, flags, ip(beside6), option(2, mac1)))},
	{"advertisement with another's hardware address", both, eth(mac1, group6, 0x86dd, nd(own6, all6, 136, flags, ip(own6), option(2, mac2)))},
	{"advertisement with a source's option", both, eth(mac1, group6, 0x86dd, nd(own6, all6, 136, flags, ip(own6), option(1, mac2)))},
	{"advertisement with two options", both, eth(mac1, group6, 0x86dd, nd(own6, all6, 136, flags, ip(own6), option(2, mac1), option(2, mac2)))},
	{"advertisement from another's address", both, eth(mac1, group6, 0x86dd, nd(other6, all6, 136, flags, ip(own6), option(2, mac1)))},
	{"advertisement behind hop-by-hop options", both, eth(mac1, group6, 0x86dd, ip6(own6, all6, 0, hopByHop(58, icmp6(own6, all6, 136, flags, ip(other6)))))},
	{"advertisement behind destination options", both, eth(mac1, group6, 0x86dd, ip6(own6, all6, 60, destination(58, icmp6(own6, all6, 136, flags, ip(other6)))))},
	{"advertisement in one fragment", both, eth(mac1, group6, 0x86dd, ip6(own6, all6, 44, fragment6(58, 0, false, icmp6(own6, all6, 136, flags, ip(other6)))))},
	{"router solicitation with another's hardware address", both, eth(mac1, group6, 0x86dd, nd(own6Local, routers6, 133, flags, option(1, mac2)))},

	// What only servers and routers say in IPv6.
	{"router advertisement", both, eth(mac1, group6, 0x86dd, nd(own6Local, all6, 134, make([]byte, 12)))},
	{"router advertisement behind hop-by-hop options", both, eth(mac1, group6, 0x86dd, ip6(own6Local, all6, 0, hopByHop(58, icmp6(own6Local, all6, 134, make([]byte, 12)))))},
	{"router advertisement behind destination options", both, eth(mac1, group6, 0x86dd, ip6(own6Local, all6, 60, destination(58, icmp6(own6Local, all6, 134, make([]byte, 12)))))},
	{"router advertisement in a first fragment", both, eth(mac1, group6, 0x86dd, ip6(own6Local, all6, 44, fragment6(58, 0, true, icmp6(own6Local, all6, 134, make([]byte, 12)))))},
	{"router advertisement in a later fragment", both, eth(mac1, group6, 0x86dd, ip6(own6Local, all6, 44, fragment6(58, 1, false, make([]byte, 16))))},
	{"router advertisement behind options in a fragment", both, eth(mac1, group6, 0x86dd, ip6(own6Local, all6, 44, fragment6(60, 0, false, destination(58, icmp6(own6Local, all6, 134, make([]byte, 12))))))},
	{"router advertisement behind a routing header", both, eth(mac1, group6, 0x86dd, ip6(own6Local, all6, 43, cat([]byte{58, 0, 0, 0, 0, 0, 0, 0}, icmp6(own6Local, all6, 134, make([]byte, 12)))))},
	{"ICMPv6 redirect", both, eth(mac1, hostMAC, 0x86dd, nd(own6Local, other6, 137, flags, ip(own6Local), ip(host6)))},
	{"multicast listener query", both, eth(mac1, group6, 0x86dd, ip6(own6Local, all6, 0, hopByHop(58, icmp6(own6Local, all6, 130, flags, make([]byte, 20)))))},
	{"multicast router advertisement", both, eth(mac1, group6, 0x86dd, nd(own6Local, all6, 151, flags))},
	{"router renumbering", both, eth(mac1, group6, 0x86dd, nd(own6, all6, 138, make([]byte, 12)))},
	{"DHCPv6 reply", both, eth(mac1, group6, 0x86dd, ip6(own6Local, all6, udp, udpSegment(547, 546, []byte{7, 1, 2, 3})))},
	{"DHCPv6 reply in a first fragment", both, eth(mac1, group6, 0x86dd, ip6(own6Local, all6, 44, fragment6(udp, 0, true, udpSegment(547, 546, make([]byte, 16)))))},
	{"DHCPv6 reply from another port", both, eth(mac1, group6, 0x86dd, ip6(own6Local, all6, udp, udpSegment(1000, 546, []byte{7, 1, 2, 3})))},
	{"DHCPv6 as a relay", both, eth(mac1, group6, 0x86dd, ip6(own6Local, all6, udp, udpSegment(546, 547, []byte{12, 1, 2, 3})))},
	{"multicast listener query without options", both, eth(mac1, group6, 0x86dd, nd(own6Local, all6, 130, flags, make([]byte, 20)))},
	{"multicast router advertisement behind options", both, eth(mac1, "33:33:00:00:00:6a", 0x86dd, ip6(own6Local, "ff02::6a", 0, hopByHop(58, icmp6(own6Local, "ff02::6a", 151, flags))))},
	{"multicast router solicitation", both, eth(mac1, group6, 0x86dd, nd(own6Local, routers6, 152))},
	{"PIM hello over IPv6", both, eth(mac1, "33:33:00:00:00:0d", 0x86dd, ip6(own6Local, "ff02::d", pim, pimHello))},
	{"OSPFv3 hello", both, eth(mac1, "33:33:00:00:00:05", 0x86dd, ip6(own6Local, "ff02::5", ospf, make([]byte, 36)))},
	{"VRRP over IPv6", both, eth(mac1, "33:33:00:00:00:12", 0x86dd, ip6(own6Local, "ff02::12", vrrp, vrrp6))},
	{"VRRP over IPv6 from its virtual hardware address", both, eth("00:00:5e:00:02:07", "33:33:00:00:00:12", 0x86dd, ip6(own6Local, "ff02::12", vrrp, vrrp6))},
	{"EIGRP over IPv6", both, eth(mac1, "33:33:00:00:00:0a", 0x86dd, ip6(own6Local, "ff02::a", 88, make([]byte, 32)))},
	{"RIPng", both, eth(mac1, "33:33:00:00:00:09", 0x86dd, ip6(own6Local, "ff02::9", udp, udpSegment(521, 521, make([]byte, 24))))},
	{"HSRP over IPv6", both, eth(mac1, "33:33:00:00:00:66", 0x86dd, ip6(own6Local, "ff02::66", udp, udpSegment(2029, 2029, make([]byte, 20))))},
	{"Babel over IPv6", both, eth(mac1, group6, 0x86dd, ip6(own6Local, "ff02::1:6", udp, udpSegment(6696, 6696, make([]byte, 20))))},
	{"a virtual router's hardware address in an advertisement", both, eth(mac1, group6, 0x86dd, nd(own6, all6, 136, flags, ip(own6), option(2, "00:00:5e:00:02:07")))},
	{"an unassigned header", both, eth(mac1, hostMAC, 0x86dd, ip6(own6, host6, 253, make([]byte, 8)))},

	// Wrappings and other ether types: a host that routes does not read them.
	{"IPv4 in VLAN 0", bridge, eth(mac1, hostMAC, 0x8100, vlan(0, 0x0800, ip4(own4, host4, udp, 0, udpSegment(1000, 53, nil))))},
	{"another's IPv4 address in VLAN 0", both, eth(mac1, hostMAC, 0x8100, vlan(0, 0x0800, ip4(other4, host4, udp, 0, udpSegment(1000, 53, nil))))},
	{"router advertisement in VLAN 0", both, eth(mac1, group6, 0x8100, vlan(0, 0x86dd, nd(own6Local, all6, 134, make([]byte, 12))))},
	{"ARP in VLAN 0", bridge, eth(mac1, everybody, 0x8100, vlan(0, 0x0806, arp(2, mac1, other4, noMAC, host4)))},
	{"IPv4 in VLAN 5", bridge, eth(mac1, hostMAC, 0x8100, vlan(5, 0x0800, ip4(own4, host4, udp, 0, udpSegment(1000, 53, nil))))},
	{"IPv4 in two tags", bridge, eth(mac1, hostMAC, 0x88a8, vlan(0, 0x8100, vlan(0, 0x0800, ip4(other4, host4, udp, 0, udpSegment(1000, 53, nil)))))},
	{"router advertisement in SNAP", bridge, llc(mac1, group6, snap(0x86dd, nd(own6Local, all6, 134, make([]byte, 12))))},
	{"ARP in SNAP", bridge, llc(mac1, everybody, snap(0x0806, arp(2, mac1, other4, noMAC, host4)))},
	{"IPv4 in SNAP in VLAN 0", bridge, eth(mac1, hostMAC, 0x8100, vlan(0, 60, snap(0x0800, ip4(other4, host4, udp, 0, udpSegment(1000, 53, nil)))))},
	{"IPX", bridge, eth(mac1, everybody, 0x8137, make([]byte, 46))},
	{"PPPoE discovery", bridge, eth(mac1, everybody, 0x8863, make([]byte, 46))},
	{"MPLS", bridge, eth(mac1, hostMAC, 0x8847, make([]byte, 46))},
	{"802.1X", bridge, eth(mac1, "01:80:c2:00:00:03", 0x888e, make([]byte, 46))},
	{"LLDP", bridge, eth(mac1, "01:80:c2:00:00:03", 0x88cc, make([]byte, 46))},
	{"LACP", bridge, eth(mac1, "01:80:c2:00:00:02", 0x8809, make([]byte, 46))},
	{"a bridge's hello", bridge, llc(mac1, "01:80:c2:00:00:00", cat([]byte{0x42, 0x42, 3}, make([]byte, 35)))},
	{"spanning tree from another's hardware address", bridge, llc(mac2, "01:80:c2:00:00:00", cat([]byte{0x42, 0x42, 3}, make([]byte, 35)))},
	{"spanning tree in VLAN 0", bridge, eth(mac1, "01:80:c2:00:00:00", 0x8100, vlan(0, 38, cat([]byte{0x42, 0x42, 3}, make([]byte, 35))))},
	{"spanning tree of providers", bridge, llc(mac1, "01:80:c2:00:00:08", cat([]byte{0x42, 0x42, 3}, make([]byte, 35)))},
	{"spanning tree to one host", bridge, llc(mac1, hostMAC, cat([]byte{0x42, 0x42, 3}, make([]byte, 35)))},
	{"spanning tree of each VLAN", bridge, llc(mac1, "01:00:0c:cc:cc:cd", cat([]byte{0xaa, 0xaa, 3, 0, 0, 0x0c}, be(0x010b), make([]byte, 40)))},
	{"spanning tree of each VLAN in VLAN 0", bridge, eth(mac1, "01:00:0c:cc:cc:cd", 0x8100, vlan(0, 48, cat([]byte{0xaa, 0xaa, 3, 0, 0, 0x0c}, be(0x010b), make([]byte, 40))))},
	{"CDP", bridge, llc(mac1, "01:00:0c:cc:cc:cc", cat([]byte{0xaa, 0xaa, 3, 0, 0, 0x0c}, be(0x2000), make([]byte, 40)))},
	{"IS-IS hello", bridge, llc(mac1, "01:80:c2:00:00:14", cat([]byte{0xfe, 0xfe, 3}, make([]byte, 40)))},
	{"pause to one host", bridge, eth(mac1, hostMAC, 0x8808, make([]byte, 46))},
	{"GVRP", bridge, llc(mac1, "01:80:c2:00:00:21", cat([]byte{0x42, 0x42, 3}, make([]byte, 20)))},
	{"IPv4 of its own to a reserved group", bridge, eth(mac1, "01:80:c2:00:00:03", 0x0800, ip4(own4, host4, udp, 0, udpSegment(1000, 53, nil)))},
	{"IPv6 around the bridge", bridge, eth(mac1, "01:80:c2:00:00:0e", 0x86dd, ip6(other6, host6, tcp, tcpSYN(1000, 80)))},
	{"IPv4 around the bridge", bridge, eth(mac1, "01:80:c2:00:00:0e", 0x0800, ip4(other4, host4, udp, 0, udpSegment(1000, 53, nil)))},
	{"ARP around the bridge", bridge, eth(mac1, "01:80:c2:00:00:0e", 0x0806, arp(2, mac1, other4, noMAC, host4))},
	{"ARP with its own address around the bridge", bridge, eth(mac1, "01:80:c2:00:00:0e", 0x0806, arp(1, mac1, own4, noMAC, host4))},
	{"LLDP with another's hardware address", bridge, eth(mac2, "01:80:c2:00:00:03", 0x88cc, make([]byte, 46))},

	// In the guest's name, from elsewhere.
	{"the guest's IPv4 address on the uplink", uplink, eth(mac2, hostMAC, 0x0800, ip4(own4, host4, udp, 0, udpSegment(1000, 53, nil)))},
	{"the guest's IPv4 prefix on the uplink", uplink, eth(mac2, hostMAC, 0x0800, ip4(prefix4, host4, udp, 0, udpSegment(1000, 53, nil)))},
	{"the guest's IPv6 address on the uplink", uplink, eth(mac2, hostMAC, 0x86dd, ip6(own6, host6, udp, udpSegment(1000, 53, nil)))},
	{"the guest's IPv6 prefix on the uplink", uplink, eth(mac2, hostMAC, 0x86dd, ip6(prefix6, host6, udp, udpSegment(1000, 53, nil)))},
	{"ARP with the guest's address on the uplink", uplink, eth(mac2, everybody, 0x0806, arp(1, mac2, own4, noMAC, host4))},
	{"ARP with the guest's prefix on the uplink", uplink, eth(mac2, everybody, 0x0806, arp(1, mac2, prefix4, noMAC, host4))},
}

// legitimate frames: every one must be received.
var legitimate = []frame{
	{"ARP request", both, eth(mac1, everybody, 0x0806, arp(1, mac1, own4, noMAC, host4))},
	{"ARP reply", both, eth(mac1, hostMAC, 0x0806, arp(2, mac1, own4, hostMAC, host4))},
	{"ARP probe", both, eth(mac1, everybody, 0x0806, arp(1, mac1, "0.0.0.0", noMAC, own4))},
	{"gratuitous ARP", both, eth(mac1, everybody, 0x0806, arp(1, mac1, own4, noMAC, own4))},
	{"ARP for an address in its prefix", both, eth(mac1, hostMAC, 0x0806, arp(2, mac1, prefix4, hostMAC, host4))},
	{"ARP probe in its prefix", both, eth(mac1, everybody, 0x0806, arp(1, mac1, "0.0.0.0", noMAC, prefix4))},
	{"RARP for itself", bridge, eth(mac1, everybody, 0x8035, arp(3, mac1, "0.0.0.0", mac1, "0.0.0.0"))},
	{"TCP over IPv4", both, eth(mac1, hostMAC, 0x0800, ip4(own4, host4, tcp, 0, tcpSYN(1000, 80)))},
	{"UDP over IPv4", both, eth(mac1, hostMAC, 0x0800, ip4(own4, other4, udp, 0, udpSegment(1000, 53, nil)))},
	{"ping", both, eth(mac1, hostMAC, 0x0800, ip4(own4, host4, icmp, 0, icmpMessage(8, 0, flags)))},
	{"IPv4 from its prefix", both, eth(mac1, hostMAC, 0x0800, ip4(prefix4, host4, tcp, 0, tcpSYN(1000, 80)))},
	{"first fragment over IPv4", both, eth(mac1, hostMAC, 0x0800, ip4(own4, host4, udp, 0x2000, udpSegment(1000, 53, make([]byte, 64))))},
	{"later fragment over IPv4", both, eth(mac1, hostMAC, 0x0800, ip4(own4, host4, udp, 9, make([]byte, 64)))},
	{"DHCP discover", both, eth(mac1, everybody, 0x0800, ip4("0.0.0.0", all4, udp, 0, udpSegment(68, 67, dhcp(1, mac1))))},
	{"DHCP renewal", both, eth(mac1, hostMAC, 0x0800, ip4(own4, host4, udp, 0, udpSegment(68, 67, dhcp(1, mac1))))},
	{"DHCP release", both, eth(mac1, hostMAC, 0x0800, ip4(own4, host4, udp, 0, udpSegment(68, 67, dhcp(1, mac1))))},
	{"DHCP by a client identifier of its own", both, eth(mac1, everybody, 0x0800, ip4("0.0.0.0", all4, udp, 0, udpSegment(68, 67, dhcpAs(mac1, mac1))))},
	{"DHCP behind options", both, eth(mac1, hostMAC, 0x0800, ip4Options(own4, host4, udp, 0, []byte{1, 1, 1, 1}, udpSegment(68, 67, dhcp(1, mac1))))},
	{"DNS answer to a port of HSRP's", both, eth(mac1, hostMAC, 0x0800, ip4(own4, host4, udp, 0, udpSegment(53, 1985, nil)))},
	{"BGP", both, eth(mac1, hostMAC, 0x0800, ip4(own4, host4, tcp, 0, tcpSYN(1000, 179)))},
	{"BFD", both, eth(mac1, hostMAC, 0x0800, ip4(own4, host4, udp, 0, udpSegment(49152, 3784, make([]byte, 24))))},
	{"multicast DNS", both, eth(mac1, "01:00:5e:00:00:fb", 0x0800, ip4(own4, "224.0.0.251", udp, 0, udpSegment(5353, 5353, make([]byte, 24))))},
	{"GRE", both, eth(mac1, hostMAC, 0x0800, ip4(own4, host4, 47, 0, make([]byte, 24)))},
	{"ESP", both, eth(mac1, hostMAC, 0x0800, ip4(own4, host4, 50, 0, make([]byte, 24)))},
	{"SCTP", both, eth(mac1, hostMAC, 0x0800, ip4(own4, host4, 132, 0, make([]byte, 24)))},
	{"IPv6 in IPv4", both, eth(mac1, hostMAC, 0x0800, ip4(own4, host4, 41, 0, make([]byte, 40)))},
	{"IGMP report of version 2", both, eth(mac1, "01:00:5e:01:01:01", 0x0800, ip4Options(own4, "224.1.1.1", igmp, 0, routerAlert, icmpMessage(0x16, 0, ip("224.1.1.1"))))},
	{"IGMP leave", both, eth(mac1, "01:00:5e:00:00:02", 0x0800, ip4Options(own4, "224.0.0.2", igmp, 0, routerAlert, icmpMessage(0x17, 0, ip("224.1.1.1"))))},
	{"IGMP report", both, eth(mac1, "01:00:5e:00:00:16", 0x0800, ip4(own4, "224.0.0.22", igmp, 0, icmpMessage(0x22, 0, []byte{0, 0, 0, 1, 4, 0, 0, 0, 224, 1, 1, 1})))},
	{"TCP over IPv6", both, eth(mac1, hostMAC, 0x86dd, ip6(own6, host6, tcp, tcpSYN(1000, 80)))},
	{"UDP over IPv6", both, eth(mac1, hostMAC, 0x86dd, ip6(own6, other6, udp, udpSegment(1000, 53, nil)))},
	{"IPv6 from its prefix", both, eth(mac1, hostMAC, 0x86dd, ip6(prefix6, host6, tcp, tcpSYN(1000, 80)))},
	{"ping over IPv6", both, eth(mac1, hostMAC, 0x86dd, nd(own6, host6, 128, flags))},
	{"packet too big", both, eth(mac1, hostMAC, 0x86dd, nd(own6, host6, 2, flags, make([]byte, 48)))},
	{"UDP fragment over IPv6", both, eth(mac1, hostMAC, 0x86dd, ip6(own6, host6, 44, fragment6(udp, 0, true, udpSegment(1000, 53, make([]byte, 64)))))},
	{"duplicate detection", both, eth(mac1, group6, 0x86dd, nd(any6, all6, 135, flags, ip(own6)))},
	{"duplicate detection with a nonce", both, eth(mac1, group6, 0x86dd, nd(any6, all6, 135, flags, ip(own6Local), nonce()))},
	{"duplicate detection in its prefix", both, eth(mac1, group6, 0x86dd, nd(any6, all6, 135, flags, ip(prefix6)))},
	{"neighbour solicitation", both, eth(mac1, group6, 0x86dd, nd(own6, all6, 135, flags, ip(host6), option(1, mac1)))},
	{"neighbour solicitation without an option", both, eth(mac1, hostMAC, 0x86dd, nd(own6, host6, 135, flags, ip(host6)))},
	{"neighbour advertisement", both, eth(mac1, hostMAC, 0x86dd, nd(own6, host6, 136, flags, ip(own6), option(2, mac1)))},
	{"neighbour advertisement without an option", both, eth(mac1, hostMAC, 0x86dd, nd(own6, host6, 136, flags, ip(own6)))},
	{"neighbour advertisement in its prefix", both, eth(mac1, hostMAC, 0x86dd, nd(own6, host6, 136, flags, ip(prefix6), option(2, mac1)))},
	{"router solicitation", both, eth(mac1, group6, 0x86dd, nd(own6Local, routers6, 133, flags, option(1, mac1)))},
	{"router solicitation without an address", both, eth(mac1, group6, 0x86dd, nd(any6, routers6, 133, flags))},
	{"multicast listener report", both, eth(mac1, group6, 0x86dd, ip6(own6Local, routers6, 0, hopByHop(58, mldReport(own6Local, routers6))))},
	{"multicast listener report without an address", both, eth(mac1, group6, 0x86dd, ip6(any6, routers6, 0, hopByHop(58, mldReport(any6, routers6))))},
	{"DHCPv6 solicit", both, eth(mac1, group6, 0x86dd, ip6(own6Local, all6, udp, udpSegment(546, 547, []byte{1, 1, 2, 3})))},
	{"another's own address on the uplink", uplink, eth(mac2, hostMAC, 0x0800, ip4(other4, host4, udp, 0, udpSegment(1000, 53, nil)))},
	{"another's own IPv6 address on the uplink", uplink, eth(mac2, hostMAC, 0x86dd, ip6(other6, host6, udp, udpSegment(1000, 53, nil)))},
	{"another's ARP on the uplink", uplink, eth(mac2, everybody, 0x0806, arp(1, mac2, other4, noMAC, host4))},
}

// unheld frames name another where a filter of nf_tables does not see it: DHCP's client identifier is behind options of any
// length, DHCPv6's DUID is whatever a client once made up.
var unheld = []frame{
	{"DHCP by another's client identifier", both, eth(mac1, everybody, 0x0800, ip4("0.0.0.0", all4, udp, 0, udpSegment(68, 67, dhcpAs(mac2, mac1))))},
	{"DHCPv6 release by another's DUID", both, eth(mac1, group6, 0x86dd, ip6(own6Local, all6, udp, udpSegment(546, 547, dhcp6As(8, mac2))))},
}
