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
var anyLinkLocal = netip.MustParsePrefix("fe80::/10")

// Guard returns the rules that keep the guest from pretending to be another,
// to be taken before the port comes up; none where antispoofing is off.
// Without an address to hold the guest to, strict is mac, which the plan says.
func (p *Plan) Guard(r Request, bridged bool) ([]Step, error) {
	if r.Antispoof == "" || r.Antispoof == AntispoofOff {
		return nil, nil
	}
	if r.MAC == "" {
		return nil, fmt.Errorf("%s: antispoofing is on, but the guest's hardware address (mac) is not known", r.Port)
	}
	rule := func(r Rule) Rule { r.Bridged = bridged; return r }
	steps := []Step{rule(Rule{Kind: RuleOwnMAC, Dev: r.Port, MAC: r.MAC})}
	level := RuleMAC
	if r.Antispoof == AntispoofStrict {
		if len(r.IPs) == 0 {
			p.Warn("the guest has no address to be held to, so only its hardware address is checked")
		} else {
			level = RuleStrict
			for _, own := range append(linkLocals(r), r.IPs...) {
				steps = append(steps, rule(Rule{Kind: RuleOwnAddress, Dev: r.Port, Prefix: own}))
			}
		}
	}
	return append(steps, rule(Rule{Kind: level, Dev: r.Port})), nil
}

// linkLocals are the link-local addresses a guest may use: the one that
// follows from its MAC, those it was given, or all.
func linkLocals(r Request) []netip.Prefix {
	if r.AnyLinkLocal {
		return []netip.Prefix{anyLinkLocal}
	}
	var own []netip.Prefix
	for _, a := range r.LinkLocal {
		own = append(own, netip.PrefixFrom(a, 128))
	}
	if a, ok := eui64(r.MAC); ok && len(own) == 0 {
		own = append(own, netip.PrefixFrom(a, 128))
	}
	return own
}

// eui64 is the link-local address that RFC 4291 (appendix A) makes of a MAC.
func eui64(mac string) (netip.Addr, bool) {
	hw, err := net.ParseMAC(mac)
	if err != nil || len(hw) != 6 {
		return netip.Addr{}, false
	}
	return netip.AddrFrom16([16]byte{
		0xfe, 0x80, 0, 0, 0, 0, 0, 0,
		hw[0] ^ 2, hw[1], hw[2], 0xff, 0xfe, hw[3], hw[4], hw[5],
	}), true
}
