package firewall

import (
	"encoding/binary"

	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// What the fixed rules look at.
var (
	iifname  = meta(expr.MetaKeyIIFNAME, unix.IFNAMSIZ)
	iiftype  = meta(expr.MetaKeyIIFTYPE, 2)
	oifname  = meta(expr.MetaKeyOIFNAME, unix.IFNAMSIZ)
	l3proto  = meta(expr.MetaKeyNFPROTO, 1)
	l4proto  = meta(expr.MetaKeyL4PROTO, 1)
	ctState  = conntrack(expr.CtKeySTATE)
	ctStatus = conntrack(expr.CtKeySTATUS)

	etherDest   = ll(0, 6)
	etherSource = ll(6, 6)
	etherType   = ll(12, 2)

	// ARP and RARP (RFC 826, for Ethernet and IPv4).
	arpHardware  = nh(0, 2)
	arpProtocol  = nh(2, 2)
	arpMACSize   = nh(4, 1)
	arpIPSize    = nh(5, 1)
	arpOperation = nh(6, 2)
	arpSenderMAC = nh(8, 6)
	arpSenderIP  = nh(14, 4)
	arpTargetIP  = nh(24, 4)

	ipFragment = field{from: fromNetwork, at: 6, size: 2, mask: []byte{0x1f, 0xff}}
	ipMore     = field{from: fromNetwork, at: 6, size: 2, mask: []byte{0x20, 0}}
	ipProtocol = nh(9, 1)
	ipSource   = nh(12, 4)
	ipDest     = nh(16, 4)

	ip6Length = nh(4, 2)
	ip6Next   = nh(6, 1)
	ip6Source = nh(8, 16)
	ip6Dest   = nh(24, 16)
	// ip6Fragment is the offset in a fragment header right behind the IPv6 header.
	ip6Fragment = field{from: fromNetwork, at: 42, size: 2, mask: []byte{0xff, 0xf8}}
	ip6Carried  = nh(40, 1) // what a fragment header right behind the IPv6 header carries

	portSource = th(0, 2)
	portDest   = th(2, 2)
	icmpType   = th(0, 1)
	// Of a message of DHCP's (RFC 2131), behind the UDP header: op, htype and hlen; giaddr;
	// chaddr. Of one of DHCPv6's (RFC 8415): msg-type.
	dhcpHead      = th(8, 3)
	dhcpRelay     = th(8+24, 4)
	dhcp6Type     = th(8, 1)
	dhcpClientMAC = th(8+28, 6)
	// ndTarget is what a neighbour solicitation or advertisement is about,
	// ndOption the type and length of the option behind it (RFC 4861).
	ndTarget    = th(8, 16)
	ndOption    = th(24, 2)
	ndOptionMAC = th(26, 6)
	// A router solicitation has no target, its option comes earlier.
	rsOption    = th(8, 2)
	rsOptionMAC = th(10, 6)
)

// A dialect is how a table's rules say what a packet is. The nft program calls a
// field by its name where the same rule says so, and what it shows in other words
// it cannot read again: an address in a concatenation, above all. So each rule says
// it, also where the chain that leads to it has said it before.
type dialect struct{ ether, ip4, ip6, arp rule }

// onBridges goes by the ether type in the frame, never by the kernel's idea of the
// protocol: only so do VLAN-0, QinQ and SNAP wrappings fall out.
func onBridges() dialect {
	return dialect{
		ip4: rule{is(etherType, 0x08, 0x00)},
		ip6: rule{is(etherType, ethertypeIPv6...)},
		arp: rule{is(etherType, ethertypeARP...)},
	}
}

func inInet() dialect {
	// ARPHRD_ETHER, as the kernel holds it.
	ethernet := binary.NativeEndian.AppendUint16(nil, unix.ARPHRD_ETHER)
	return dialect{ether: rule{is(iiftype, ethernet...)}, ip4: over4(), ip6: over6()}
}

// inARP is of the family arp, in which all is ARP.
func inARP() dialect { return dialect{ether: inInet().ether} }

func over4() rule { return rule{is(l3proto, unix.NFPROTO_IPV4)} }
func over6() rule { return rule{is(l3proto, unix.NFPROTO_IPV6)} }

// Ether types.
var (
	ethertypeIPv6 = []byte{0x86, 0xdd}
	ethertypeARP  = []byte{0x08, 0x06}
	rarp          = []byte{0x80, 0x35}
	tag8021Q      = []byte{0x81, 0}
	tag8021AD     = []byte{0x88, 0xa8}
)

const (
	icmp   = unix.IPPROTO_ICMP
	igmp   = unix.IPPROTO_IGMP
	tcp    = unix.IPPROTO_TCP
	udp    = unix.IPPROTO_UDP
	icmpv6 = unix.IPPROTO_ICMPV6
	ospf   = 89
	pim    = unix.IPPROTO_PIM
	vrrp   = 112
)

// What packets are dropped for, each a counter of its own.
const (
	// spoofedMAC: the frame's source is not the guest's.
	spoofedMAC = "spoofed_mac"
	// spoofedAddress: an address that is not the guest's.
	spoofedAddress = "spoofed_address"
	// spoofedNeighbour: an ARP message or a neighbour advertisement that would
	// lead others astray.
	spoofedNeighbour = "spoofed_neighbour"
	// serverRole: what only a router or a DHCP server says.
	serverRole = "server_role"
	// otherProtocol: an ether type, a wrapping or a header that no guest needs.
	otherProtocol = "other_protocol"
	// notPublic: a new flow to a private address that no public one stands for.
	notPublic = "not_public"
)
