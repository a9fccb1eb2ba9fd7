package configs

import (
	"net/netip"
	"strings"
)

// address reads one address, without a prefix length, that a host can have.
func (r *reader) address(s string, at place) (netip.Addr, bool) {
	a, err := netip.ParseAddr(s)
	if err != nil || a.Zone() != "" {
		if p, err := netip.ParsePrefix(s); err == nil {
			r.mistakes.add(at, "%s cannot be %s: it takes an address without a prefix length; write \"%s\"", at.key, show(s), p.Addr())
		} else {
			r.notAddress(s, at, "an address")
		}
		return netip.Addr{}, false
	}
	if why := notUnicast(a); why != "" {
		r.mistakes.add(at, "%s cannot be %s: %s", at.key, show(s), why)
		return netip.Addr{}, false
	}
	return a, true
}

// prefix reads an address, with its family's full length, or a network. An
// address and its network in one (192.168.1.5/24), as an interface is given it,
// would leave open which of the two is meant.
func (r *reader) prefix(s string, at place) (netip.Prefix, bool) {
	p, err := netip.ParsePrefix(s)
	if err != nil {
		a, err := netip.ParseAddr(s)
		if err != nil || a.Zone() != "" {
			r.notAddress(s, at, "an address or a network")
			return netip.Prefix{}, false
		}
		p = netip.PrefixFrom(a, a.BitLen())
	}
	if p.Addr().Is4In6() {
		r.mistakes.add(at, "%s cannot be %s: %s", at.key, show(s), notUnicast(p.Addr()))
		return netip.Prefix{}, false
	}
	if p.Masked() != p {
		r.mistakes.add(at, "%s cannot be %s, an address and its network in one: write \"%s\" for the address alone, or \"%s\" for the whole network",
			at.key, show(s), p.Addr(), p.Masked())
		return netip.Prefix{}, false
	}
	return p, true
}

func (r *reader) notAddress(s string, at place, what string) {
	if words := strings.FieldsFunc(s, func(c rune) bool { return c == ' ' || c == ',' }); len(words) > 1 {
		r.mistakes.add(at, "%s cannot be %s: write a list of several, as in [\"192.0.2.1\", \"192.0.2.2\"]", at.key, show(s))
		return
	}
	r.mistakes.add(at, "%s cannot be %s: it is not %s; write %s", at.key, show(s), what, r.example)
}

// notUnicast says why an address is none that one host can have, in a network
// that is routed; "" where it is one.
func notUnicast(a netip.Addr) string {
	switch {
	case a.Is4In6():
		return "it is an IPv4 address written as an IPv6 one; write \"" + a.Unmap().String() + `"`
	case a.IsUnspecified():
		return "it is the unspecified address"
	case a.IsLoopback():
		return "it is a loopback address, which stays in one machine"
	case a.IsMulticast(), a == netip.AddrFrom4([4]byte{255, 255, 255, 255}):
		return "it is a multicast or broadcast address, and not of one machine"
	case a.Is4() && a.IsLinkLocalUnicast():
		return "it is a link-local address, which cannot be routed"
	}
	return ""
}

const linkLocalHint = "it is a link-local address, which belongs in link_local"

// ownAddress reads an address of the guest's or a network routed to it.
func (r *reader) ownAddress(s string, at place) netip.Prefix {
	p, ok := r.prefix(s, at)
	if !ok {
		return netip.Prefix{}
	}
	why := notUnicast(p.Addr())
	if why == "" && p.Addr().IsLinkLocalUnicast() {
		why = linkLocalHint
	}
	if why != "" {
		r.mistakes.add(at, "%s cannot be %s: %s", at.key, show(s), why)
		return netip.Prefix{}
	}
	return p
}

func (r *reader) publicAddress(s string, at place) netip.Addr {
	a, ok := r.address(s, at)
	if ok && a.IsLinkLocalUnicast() {
		r.mistakes.add(at, "%s cannot be %s: it is a link-local address, which no host outside can reach", at.key, show(s))
		return netip.Addr{}
	}
	return a
}

// gateway reads one of the two gateways there can be. A link-local one is as
// good as any in IPv6.
func (r *reader) gateway(s string, at place, g *Gateway) {
	a, ok := r.address(s, at)
	if !ok {
		return
	}
	r.onlyOne(a, at, g)
}

// onlyOne takes an address as its family's.
func (r *reader) onlyOne(a netip.Addr, at place, g *Gateway) {
	slot := &g.IPv6
	if a.Is4() {
		slot = &g.IPv4
	}
	if slot.IsValid() {
		r.mistakes.add(at, "%s has a second %s address, %s, beside %s: keep one of the two", at.key, family(a.Is4()), a, *slot)
		return
	}
	*slot = a
}

// masqueradeAs reads an address as which guests leave, one a family at most.
func (r *reader) masqueradeAs(s string, at place, g *Gateway) {
	if a := r.publicAddress(s, at); a.IsValid() {
		r.onlyOne(a, at, g)
	}
}

// readMasquerade reads whether a guest is masqueraded, or as what.
func readMasquerade(r *reader, v any, at place, e *entry) bool {
	if is, ok := v.(bool); ok {
		e.masquerade = &is
		return true
	}
	yes := true
	e.masquerade = &yes
	return list(func(r *reader, s string, at place, e *entry) { r.masqueradeAs(s, at, &e.MasqueradeAs) })(r, v, at, e)
}

// source reads who may connect to a forward.
func (r *reader) source(s string, at place) netip.Prefix {
	p, ok := r.prefix(s, at)
	if ok && p.Addr().IsMulticast() {
		r.mistakes.add(at, "from cannot be %s: no host sends from a multicast address", show(s))
	}
	return p
}

// readLinkLocal reads "auto", "any" or addresses.
func readLinkLocal(r *reader, v any, at place, e *entry) bool {
	one := func(s string, at place) {
		a, err := netip.ParseAddr(s)
		switch {
		case err != nil || a.Zone() != "":
			r.notAddress(s, at, "an address")
		case !a.Is6() || !a.IsLinkLocalUnicast():
			r.mistakes.add(at, "link_local cannot be %s: link-local addresses begin with fe80; write link_local = [\"fe80::1\"]", show(s))
		default:
			e.LinkLocal.Addresses = append(e.LinkLocal.Addresses, a)
		}
	}
	switch v := v.(type) {
	case string:
		switch {
		case v == "auto":
		case v == "any":
			e.LinkLocal.Any = true
		case strings.Contains(v, ":"):
			one(v, at)
		default:
			r.mistakes.add(at, `link_local cannot be %s: write "auto", "any" or a list of addresses`, show(v))
		}
	case []any:
		r.items(v, at, one)
	default:
		return false
	}
	return true
}
