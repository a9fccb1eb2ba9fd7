package firewall

import (
	"fmt"
	"net"
	"net/netip"

	"golang.org/x/sys/unix"

	"vifctl/hooks/plan"
)

// An element is one entry of one set; with a value, of a map.
type element struct {
	part *part
	set  string
	// length is the prefix length of a set that is made on demand, else -1.
	length int
	key    string
	value  string
}

// A claim is one of the slots that a key of a map has: whoever holds one, holds
// what the claim is for until the last one lets go.
type claim struct {
	part    *part
	set     string
	key     string
	value   string    // who holds it
	holding []element // what is there as long as anybody does
	// full is the error when all slots are taken. Where it is nil the oldest
	// holder gives way: more than a vif, a tap and their predecessors means
	// ports that went without a word.
	full error
}

// needs is all that one rule comes to.
type needs struct {
	elements []element
	claims   []claim
}

// maxPorts is how many ports one rule forwards at most: each is an element, and
// a thousand take about a millisecond.
const maxPorts = 1024

// elementsOf tells what puts a rule in force. An error says, in a sentence,
// what is wrong with the rule.
func elementsOf(r plan.Rule) (needs, error) {
	n, err := translateRule(r)
	if err != nil {
		return needs{}, fmt.Errorf("firewall rule %q: %w", r.Kind, err)
	}
	return n, nil
}

func translateRule(r plan.Rule) (needs, error) {
	switch r.Kind {
	case plan.RuleStrict:
		return checked(r, "strict_ports")
	case plan.RuleMAC:
		return checked(r, "mac_ports")
	case plan.RuleRouted:
		return perPort(r, "gports", []*part{markPart})
	case plan.RulePrivate:
		return perPort(r, "natports", []*part{privatePart})
	case plan.RulePrivate4:
		return perPort(r, "natports4", []*part{privatePart})
	case plan.RuleOwnMAC:
		return ownMAC(r)
	case plan.RuleOwnAddress:
		return ownAddress(r)
	case plan.RuleOneToOne:
		return oneToOne(r)
	case plan.RuleMasquerade:
		return masquerade(r)
	case plan.RuleForward:
		return forward(r)
	}
	return needs{}, fmt.Errorf("no such kind of rule")
}

// checkParts are the parts that check what a port sends.
func checkParts(r plan.Rule) []*part {
	if r.Bridged {
		return []*part{bridgePart}
	}
	return []*part{routedPart, arpPart}
}

func checked(r plan.Rule, set string) (needs, error) {
	n, err := perPort(r, set, checkParts(r))
	if err == nil && r.Bridged {
		n.add(belowPart, "bridged_ports", n.elements[0].key, "")
		n.add(belowARPPart, "bridged_ports", n.elements[0].key, "")
	}
	return n, err
}

func perPort(r plan.Rule, set string, where []*part) (needs, error) {
	port, err := portKey(r.Dev.Name)
	if err != nil {
		return needs{}, err
	}
	var n needs
	for _, p := range where {
		n.add(p, set, port, "")
	}
	return n, nil
}

func ownMAC(r plan.Rule) (needs, error) {
	port, err := portKey(r.Dev.Name)
	if err != nil {
		return needs{}, err
	}
	hw, err := net.ParseMAC(r.MAC)
	if err != nil || len(hw) != 6 {
		return needs{}, fmt.Errorf("%q is no hardware address of Ethernet", r.MAC)
	}
	var n needs
	for _, p := range checkParts(r) {
		n.add(p, "pmac", port+pad(string(hw)), "")
	}
	return n, nil
}

func ownAddress(r plan.Rule) (needs, error) {
	port, err := portKey(r.Dev.Name)
	if err != nil {
		return needs{}, err
	}
	p := r.Prefix.Masked()
	if !p.IsValid() || p.Bits() == 0 {
		return needs{}, fmt.Errorf("%q is no address or prefix of a guest", r.Prefix)
	}
	address := string(p.Addr().AsSlice())
	stem := func(single, whole string) (string, int) {
		set, length := single, -1
		if !p.IsSingleIP() {
			set, length = whole, p.Bits()
		}
		return set + version(p.Addr()), length
	}
	var n needs
	set, length := stem("pip", "net")
	// The address alone, for the check that no other interface uses it.
	alone, _ := stem("g", "gnet")
	held := claim{
		part: routedPart, set: "held" + version(p.Addr()), value: port,
		key: address + string(host(uint32(p.Bits()))),
	}
	for _, where := range checkParts(r) {
		if where == arpPart && p.Addr().Is6() {
			continue
		}
		n.elements = append(n.elements, element{part: where, set: set, length: length, key: port + address})
		held.holding = append(held.holding, element{part: where, set: alone, length: length, key: address})
	}
	// A link-local address is a link's: on another one it is somebody else's by
	// right.
	if !r.Bridged && !p.Addr().IsLinkLocalUnicast() {
		n.claims = append(n.claims, held)
	}
	return n, nil
}

func oneToOne(r plan.Rule) (needs, error) {
	public, private, err := pair(r)
	if err != nil {
		return needs{}, err
	}
	var n needs
	n.add(natPart, "dnat"+version(r.Public), public, private)
	n.claims = append(n.claims, claim{
		part: natPart, set: "snat" + version(r.Private), key: private, value: public,
		full: fmt.Errorf("%s cannot stand for %s: it has %d public addresses already", r.Public, r.Private, slots),
	})
	return n, nil
}

func masquerade(r plan.Rule) (needs, error) {
	if !r.Private.IsValid() {
		return needs{}, fmt.Errorf("no private address is given")
	}
	var n needs
	n.add(natPart, "masq"+version(r.Private), string(r.Private.AsSlice()), "")
	return n, nil
}

func forward(r plan.Rule) (needs, error) {
	public, private, err := pair(r)
	if err != nil {
		return needs{}, err
	}
	protocol, ok := map[string]byte{"tcp": unix.IPPROTO_TCP, "udp": unix.IPPROTO_UDP}[r.Protocol]
	if !ok {
		return needs{}, fmt.Errorf("the protocol %q has no ports that could be forwarded", r.Protocol)
	}
	ports := int(r.Last) - int(r.First) + 1
	switch {
	case r.First == 0 || ports < 1:
		return needs{}, fmt.Errorf("%d to %d is no range of ports", r.First, r.Last)
	case ports > maxPorts:
		return needs{}, fmt.Errorf("%d to %d are %d ports, and one rule forwards at most %d: give the guest a public address of its own",
			r.First, r.Last, ports, maxPorts)
	case r.To != 0 && ports > 1:
		return needs{}, fmt.Errorf("the ports %d to %d cannot all go to port %d", r.First, r.Last, r.To)
	}
	set, length, source := "fwd", -1, ""
	if from := r.From.Masked(); from.IsValid() && from.Bits() > 0 {
		if from.Addr().Is4() != r.Public.Is4() {
			return needs{}, fmt.Errorf("%s cannot come from %s: one is IPv4, the other IPv6", r.Public, from)
		}
		set, length, source = "from", from.Bits(), string(from.Addr().AsSlice())
	}
	var n needs
	for port := int(r.First); port <= int(r.Last); port++ {
		to := uint16(port)
		if r.To != 0 {
			to = r.To
		}
		n.elements = append(n.elements, element{
			part: natPart, set: set + version(r.Public), length: length,
			key:   public + pad(string([]byte{protocol})) + pad(string(network(uint16(port)))) + source,
			value: private + pad(string(network(to))),
		})
	}
	return n, nil
}

func (n *needs) add(p *part, set, key, value string) {
	n.elements = append(n.elements, element{part: p, set: set, length: -1, key: key, value: value})
}

func pair(r plan.Rule) (public, private string, err error) {
	switch {
	case !r.Public.IsValid() || !r.Private.IsValid():
		return "", "", fmt.Errorf("it takes a public and a private address")
	case r.Public.Is4() != r.Private.Is4():
		return "", "", fmt.Errorf("%s cannot stand for %s: one is IPv4, the other IPv6", r.Public, r.Private)
	}
	return string(r.Public.AsSlice()), string(r.Private.AsSlice()), nil
}

func version(a netip.Addr) string {
	if a.Is4() {
		return "4"
	}
	return "6"
}

// portKey is an interface's name as the kernel compares it: 16 bytes.
func portKey(name string) (string, error) {
	if name == "" || len(name) >= unix.IFNAMSIZ {
		return "", fmt.Errorf("%q is no name of an interface", name)
	}
	var key [unix.IFNAMSIZ]byte
	copy(key[:], name)
	return string(key[:]), nil
}

// pad fills a field of a key up to whole registers of 4 bytes.
func pad(field string) string {
	for len(field)%4 != 0 {
		field += "\x00"
	}
	return field
}
