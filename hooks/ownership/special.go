package ownership

import (
	"fmt"
	"net/netip"
)

// reserved says what a range is for of which no host on a routed network has an address (RFC
// 6890), "" for all others. The ranges for documentation and private use are not among them.
func reserved(a netip.Addr) string {
	switch {
	case a.IsLoopback() && a.Is6():
		return "the loopback address"
	case a.IsLoopback():
		return "a loopback address"
	case a.IsLinkLocalUnicast():
		return "a link-local address"
	case a.IsMulticast():
		return "a multicast address"
	case a.Is4In6():
		return "an IPv4 address written as an IPv6 one"
	case a == netip.IPv6Unspecified():
		return "the unspecified address"
	case a.Is4() && (a.As4()[0] == 0 || a.As4()[0] >= 240):
		return "reserved"
	}
	return ""
}

// ranges are those of reserved.
func ranges() []netip.Prefix {
	var all []netip.Prefix
	for _, p := range []string{
		"0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "240.0.0.0/4", "::/128", "::1/128", "::ffff:0:0/96", "fe80::/10", "ff00::/8",
	} {
		all = append(all, netip.MustParsePrefix(p))
	}
	return all
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
	if is := reserved(a); is != "" {
		return fmt.Sprintf("%s is %s", a, is)
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
	for _, r := range ranges() {
		if r.Overlaps(p) {
			return fmt.Sprintf("%s overlaps %s, in which no host has an address", p, r)
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
