package plan

import (
	"fmt"
	"net"
	"net/netip"
)

// Antispoof says how much of what a guest sends is checked.
type Antispoof string

// The levels of antispoofing. Off is what Xen's own scripts do.
const (
	AntispoofOff    Antispoof = "off"
	AntispoofMAC    Antispoof = "mac"
	AntispoofStrict Antispoof = "strict"
)

// anyLinkLocal admits every link-local source: for guests that make up their
// own (RFC 7217), such as Windows.
func anyLinkLocal() netip.Prefix { return netip.MustParsePrefix("fe80::/10") }

// Guard returns the rules that keep the guest from pretending to be another,
// to be taken before the port comes up; none where antispoofing is off.
func (p *Plan) Guard(r Request, bridged bool) ([]Step, error) {
	level, own, err := p.heldTo(r)
	if err != nil || level == AntispoofOff {
		return nil, err
	}
	rule := func(r Rule) Rule { r.Bridged = bridged; return r }
	steps := []Step{rule(Rule{Kind: RuleOwnMAC, Dev: r.Port, MAC: r.MAC})}
	for _, a := range own {
		steps = append(steps, rule(Rule{Kind: RuleOwnAddress, Dev: r.Port, Prefix: a}))
		// A link-local address is a link's: on another one it is another's by right.
		if !bridged && !a.Addr().IsLinkLocalUnicast() {
			steps = append(steps, Rule{Kind: RuleGuestAddress, Prefix: a})
		}
	}
	for _, role := range r.Roles {
		steps = append(steps, rule(Rule{Kind: RuleRole, Dev: r.Port, Role: role}))
	}
	kind := RuleMAC
	if level == AntispoofStrict {
		kind = RuleStrict
	}
	return append(steps, rule(Rule{Kind: kind, Dev: r.Port})), nil
}

// heldTo tells what the guest is held to: how closely, and in strict to which
// addresses. Without an address to hold the guest to, strict is mac, which the
// plan says.
func (p *Plan) heldTo(r Request) (level Antispoof, own []netip.Prefix, err error) {
	switch {
	case r.Antispoof == "" || r.Antispoof == AntispoofOff:
		return AntispoofOff, nil, nil
	case r.MAC == "":
		return "", nil, fmt.Errorf("%s: antispoofing is on, but the guest's hardware address (mac) is not known", r.Port)
	case r.Antispoof == AntispoofStrict && len(r.IPs) == 0:
		p.Warn("the guest has no address to be held to, so only its hardware address is checked")
		return AntispoofMAC, nil, nil
	case r.Antispoof == AntispoofStrict:
		return AntispoofStrict, append(linkLocals(r), r.IPs...), nil
	}
	return AntispoofMAC, nil, nil
}

// linkLocals are the link-local addresses a guest may use: the one that
// follows from its MAC, those it was given, or all.
func linkLocals(r Request) []netip.Prefix {
	if r.AnyLinkLocal {
		return []netip.Prefix{anyLinkLocal()}
	}
	var own []netip.Prefix
	for _, a := range r.LinkLocal {
		own = append(own, netip.PrefixFrom(a, 128))
	}
	if a, ok := EUI64(r.MAC); ok && len(own) == 0 {
		own = append(own, netip.PrefixFrom(a, 128))
	}
	return own
}

// EUI64 is the link-local address that RFC 4291 (appendix A) makes of a MAC.
func EUI64(mac string) (netip.Addr, bool) {
	hw, err := net.ParseMAC(mac)
	if err != nil || len(hw) != 6 {
		return netip.Addr{}, false
	}
	return netip.AddrFrom16([16]byte{
		0xfe, 0x80, 0, 0, 0, 0, 0, 0,
		hw[0] ^ 2, hw[1], hw[2], 0xff, 0xfe, hw[3], hw[4], hw[5],
	}), true
}
