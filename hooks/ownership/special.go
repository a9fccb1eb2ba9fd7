package ownership

import (
	"fmt"
	"net/netip"
)

// reserved are the ranges of which no host on a routed network has an address (RFC 6890),
// with what they are for. The ranges for documentation and private use are not among them.
var reserved = []struct {
	prefix netip.Prefix
	is     string
}{
	{netip.MustParsePrefix("0.0.0.0/8"), "reserved"},
	{netip.MustParsePrefix("127.0.0.0/8"), "a loopback address"},
	{netip.MustParsePrefix("169.254.0.0/16"), "a link-local address"},
	{netip.MustParsePrefix("224.0.0.0/4"), "a multicast address"},
	{netip.MustParsePrefix("240.0.0.0/4"), "reserved"},
	{netip.MustParsePrefix("::/128"), "the unspecified address"},
	{netip.MustParsePrefix("::1/128"), "the loopback address"},
	{netip.MustParsePrefix("::ffff:0:0/96"), "an IPv4 address written as an IPv6 one"},
	{netip.MustParsePrefix("fe80::/10"), "a link-local address"},
	{netip.MustParsePrefix("ff00::/8"), "a multicast address"},
}

// notAHosts says, with the address as its subject, why an address is none that a host on a
// routed network has; "" where it is one.
func notAHosts(a netip.Addr) string {
	switch {
	case a == netip.IPv4Unspecified():
		return "0.0.0.0 is the unspecified address"
	case a == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		return "255.255.255.255 is a netmask or the broadcast address, not a host's address"
	case isNetmask(a):
		return fmt.Sprintf("%s is a netmask, not an address", a)
	}
	for _, r := range reserved {
		if r.prefix.Contains(a) {
			return fmt.Sprintf("%s is %s", a, r.is)
		}
	}
	return ""
}

// isNetmask: ones, then zeros. Shorter ones than these are addresses as well.
func isNetmask(a netip.Addr) bool {
	if !a.Is4() {
		return false
	}
	b := a.As4()
	zeros := ^(uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3]))
	return b[0] >= 240 && zeros&(zeros+1) == 0
}

// holdsReserved says the same of a prefix: that it holds, or is part of, such a range.
func holdsReserved(p netip.Prefix) string {
	if p.Bits() == 0 {
		return fmt.Sprintf("%s is every address there is", p)
	}
	for _, r := range reserved {
		if r.prefix.Overlaps(p) {
			return fmt.Sprintf("%s overlaps %s, in which no host has an address", p, r.prefix)
		}
	}
	return ""
}

// ends are the two addresses of a network that no host in it has: the first, IPv6's
// subnet-router anycast address (RFC 4291, 2.6.1), and IPv4's last, its broadcast address.
// Both are invalid for a network too small to have them.
func ends(n netip.Prefix) (first, last netip.Addr) {
	n = n.Masked()
	if n.Addr().BitLen()-n.Bits() < 2 {
		return first, last
	}
	first = n.Addr()
	if first.Is4() {
		b := first.As4()
		for bit := n.Bits(); bit < 32; bit++ {
			b[bit/8] |= 0x80 >> (bit % 8)
		}
		last = netip.AddrFrom4(b)
	}
	return first, last
}
