package firewall

import (
	"encoding/binary"
	"net"
	"net/netip"
	"slices"
)

// Words to write frames with: each is the bytes of one header, with what it
// carries behind it.

func hw(s string) []byte {
	a, err := net.ParseMAC(s)
	if err != nil {
		panic(err)
	}
	return a
}

func ip(s string) []byte { return netip.MustParseAddr(s).AsSlice() }

func be(n int) []byte { return binary.BigEndian.AppendUint16(nil, uint16(n)) }

func cat(parts ...[]byte) []byte { return slices.Concat(parts...) }

// eth is a frame to the host, or to the group, from a hardware address.
func eth(from, to string, kind int, body []byte) []byte {
	return pad60(cat(hw(to), hw(from), be(kind), body))
}

func pad60(frame []byte) []byte {
	if len(frame) < 60 {
		frame = append(frame, make([]byte, 60-len(frame))...)
	}
	return frame
}

// vlan is a tag (IEEE 802.1Q) and what it wraps.
func vlan(id, kind int, body []byte) []byte { return cat(be(id), be(kind), body) }

// llc is an 802.3 frame: a length in place of the ether type.
func llc(from, to string, body []byte) []byte { return eth(from, to, len(body), body) }

// snap wraps an ether type the old way (RFC 1042).
func snap(kind int, body []byte) []byte {
	return cat([]byte{0xaa, 0xaa, 3, 0, 0, 0}, be(kind), body)
}

func arp(operation int, senderMAC, senderIP, targetMAC, targetIP string) []byte {
	return cat(be(1), be(0x0800), []byte{6, 4}, be(operation), hw(senderMAC), ip(senderIP), hw(targetMAC), ip(targetIP))
}

// ip4 is an IPv4 packet; fragment is the offset in eights of bytes, and the
// flag for more.
func ip4(from, to string, protocol, fragment int, body []byte) []byte {
	return ip4Options(from, to, protocol, fragment, nil, body)
}

func ip4Options(from, to string, protocol, fragment int, options, body []byte) []byte {
	h := cat([]byte{byte(0x45 + len(options)/4), 0}, be(20+len(options)+len(body)), be(1), be(fragment),
		[]byte{64, byte(protocol)}, be(0), ip(from), ip(to), options)
	copy(h[10:], be(int(^sum(h))))
	return cat(h, body)
}

// sum is the Internet checksum's (RFC 1071), without the last inversion.
func sum(b []byte) uint16 {
	total := uint32(0)
	for i := 0; i+1 < len(b); i += 2 {
		total += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	if len(b)%2 == 1 {
		total += uint32(b[len(b)-1]) << 8
	}
	for total > 0xffff {
		total = total>>16 + total&0xffff
	}
	return uint16(total)
}

func ip6(from, to string, next int, body []byte) []byte {
	return cat([]byte{0x60, 0, 0, 0}, be(len(body)), []byte{byte(next), 255}, ip(from), ip(to), body)
}

// udpSegment has no checksum: no receiver here looks at it.
func udpSegment(from, to int, body []byte) []byte {
	return cat(be(from), be(to), be(8+len(body)), be(0), body)
}

func tcpSYN(from, to int) []byte {
	return cat(be(from), be(to), make([]byte, 8), []byte{0x50, 2, 0xff, 0xff, 0, 0, 0, 0})
}

func icmpMessage(kind, code int, body ...[]byte) []byte {
	return cat([]byte{byte(kind), byte(code), 0, 0}, cat(body...))
}

// icmp6 has the checksum a receiver wants.
func icmp6(from, to string, kind int, body ...[]byte) []byte {
	m := icmpMessage(kind, 0, body...)
	pseudo := cat(ip(from), ip(to), be(0), be(len(m)), be(0), be(58), m)
	copy(m[2:], be(int(^sum(pseudo))))
	return m
}

// nd is a message of neighbour discovery in its packet.
func nd(from, to string, kind int, body ...[]byte) []byte {
	return ip6(from, to, 58, icmp6(from, to, kind, body...))
}

// option is one of neighbour discovery, a hardware address.
func option(kind int, address string) []byte { return cat([]byte{byte(kind), 1}, hw(address)) }

// flags are the four bytes before a target.
var flags = make([]byte, 4)

func nonce() []byte { return []byte{14, 1, 1, 2, 3, 4, 5, 6} }

// hopByHop is a router alert and padding (RFC 2711), in front of the next.
func hopByHop(next int, body []byte) []byte {
	return cat([]byte{byte(next), 0, 5, 2, 0, 0, 1, 0}, body)
}

// destination is an empty header of destination options.
func destination(next int, body []byte) []byte {
	return cat([]byte{byte(next), 0, 1, 4, 0, 0, 0, 0}, body)
}

// fragment6 is a fragment header; offset in eights of bytes.
func fragment6(next, offset int, more bool, body []byte) []byte {
	word := offset << 3
	if more {
		word |= 1
	}
	return cat([]byte{byte(next), 0}, be(word), []byte{0, 0, 0, 7}, body)
}

// dhcp is a message of DHCP as far as a filter looks: up to chaddr.
func dhcp(operation int, client string) []byte {
	return cat([]byte{byte(operation), 1, 6, 0}, make([]byte, 24), hw(client), make([]byte, 206))
}

// dhcpAs is one whose client identifier (RFC 2132) is a hardware address.
func dhcpAs(identifier, client string) []byte {
	return cat(dhcp(1, client), []byte{0x63, 0x82, 0x53, 0x63, 53, 1, 1, 61, 7, 1}, hw(identifier), []byte{255})
}

// dhcp6As is a message of DHCPv6 whose DUID is made of a hardware address (RFC 8415, DUID-LL).
func dhcp6As(kind int, identifier string) []byte {
	return cat([]byte{byte(kind), 1, 2, 3}, be(1), be(10), be(3), be(1), hw(identifier))
}

// routerAlert is an option of IPv4 (RFC 2113).
var routerAlert = []byte{0x94, 4, 0, 0}

// pimHello (RFC 7761) has its checksum and one option, for how long it holds.
var pimHello = func() []byte {
	m := cat([]byte{0x20, 0, 0, 0}, be(1), be(2), be(105))
	copy(m[2:], be(int(^sum(m))))
	return m
}()

// vrrp4 and vrrp6 are advertisements of a virtual router 7 with the priority 255 (RFC 5798).
var (
	vrrp4 = cat([]byte{0x31, 7, 255, 1}, be(100), be(0), ip(own4))
	vrrp6 = cat([]byte{0x31, 7, 255, 1}, be(100), be(0), ip(own6Local))
)

// mldReport is a multicast listener report (RFC 3810) for one group.
func mldReport(from, to string) []byte {
	return icmp6(from, to, 143, []byte{0, 0, 0, 1, 4, 0, 0, 0}, ip("ff02::1:ff00:1"))
}
