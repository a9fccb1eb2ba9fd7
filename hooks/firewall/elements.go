package firewall

import (
	"fmt"
	"net"
	"net/netip"
	"slices"

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

// maxPorts is how many ports one rule forwards at most: each is an element, and
// a thousand take about a millisecond.
const maxPorts = 1024

// elementsOf tells what puts a rule in force. An error says, in a sentence,
// what is wrong with the rule.
func elementsOf(r plan.Rule) ([]element, error) {
	all, err := translateRule(r)
	if err != nil {
		return nil, fmt.Errorf("firewall rule %q: %w", r.Kind, err)
	}
	return all, nil
}

func translateRule(r plan.Rule) ([]element, error) {
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
	case plan.RuleRole:
		return role(r)
	case plan.RuleGuestAddress:
		return guestAddress(r)
	case plan.RuleOneToOne:
		return oneToOne(r)
	case plan.RuleMasquerade:
		return masquerade(r)
	case plan.RuleMasqueradeAll:
		return masqueradeAll(r)
	case plan.RuleLeaves:
		return leaves(r)
	case plan.RuleForward:
		return forward(r)
	}
	return nil, fmt.Errorf("no such kind of rule")
}

// checkParts are the parts that check what a port sends.
func checkParts(r plan.Rule) []*part {
	if r.Bridged {
		return []*part{bridgePart}
	}
	return []*part{routedPart, arpPart}
}

func checked(r plan.Rule, set string) ([]element, error) {
	parts := checkParts(r)
	all, err := perPort(r, set, parts)
	if err == nil && r.Bridged {
		port := all[0].key
		all = append(all, single(belowPart, "bridged_ports", port, ""), single(belowARPPart, "bridged_ports", port, ""))
	}
	return all, err
}

func perPort(r plan.Rule, set string, where []*part) (all []element, err error) {
	port, err := portKey(r.Dev.Name)
	for _, p := range where {
		all = append(all, single(p, set, port, ""))
	}
	return all, err
}

func ownMAC(r plan.Rule) (all []element, err error) {
	port, err := portKey(r.Dev.Name)
	if err != nil {
		return nil, err
	}
	hw, err := net.ParseMAC(r.MAC)
	if err != nil || len(hw) != 6 {
		return nil, fmt.Errorf("%q is no hardware address of Ethernet", r.MAC)
	}
	for _, p := range checkParts(r) {
		all = append(all, single(p, "pmac", port+pad(string(hw)), ""))
		if p != arpPart {
			all = append(all, single(p, "rawmac", port+pad(string(hw)), ""))
		}
	}
	return all, nil
}

func role(r plan.Rule) (all []element, err error) {
	if !slices.Contains(plan.Roles(), r.Role) {
		return nil, fmt.Errorf("no guest has the role %q", r.Role)
	}
	port, err := portKey(r.Dev.Name)
	if err != nil {
		return nil, err
	}
	for _, p := range checkParts(r) {
		if p != arpPart {
			all = append(all, single(p, roleSet(r.Role), port, ""))
		}
		if r.Role != plan.RoleVRRP {
			continue
		}
		for _, hw := range virtualMACs {
			all = append(all, single(p, "vmac", port+pad(hw), ""))
			if p != arpPart {
				all = append(all, single(p, "rawvmac", port+pad(hw), ""))
			}
		}
	}
	return all, nil
}

func ownAddress(r plan.Rule) (all []element, err error) {
	port, err := portKey(r.Dev.Name)
	if err != nil {
		return nil, err
	}
	all, err = addressIn(checkParts(r), r.Prefix, "pip", "net", port)
	if err != nil || r.Prefix.Addr().Is4() {
		return all, err
	}
	raw, err := addressIn(checkParts(r), r.Prefix, "rawip", "rawnet", port)
	return append(all, raw...), err
}

func guestAddress(r plan.Rule) ([]element, error) {
	return addressIn([]*part{routedPart, arpPart}, r.Prefix, "g", "gnet", "")
}

// addressIn are the elements of an address, in the set of addresses or in that of
// prefixes of its length.
func addressIn(parts []*part, prefix netip.Prefix, addresses, prefixes, port string) (all []element, err error) {
	p := prefix.Masked()
	if !p.IsValid() || p.Bits() == 0 {
		return nil, fmt.Errorf("%q is no address or prefix of a guest", prefix)
	}
	set, length := addresses, -1
	if !p.IsSingleIP() {
		set, length = prefixes, p.Bits()
	}
	for _, where := range parts {
		if where == arpPart && p.Addr().Is6() {
			continue
		}
		all = append(all, element{part: where, set: set + version(p.Addr()), length: length, key: port + string(p.Addr().AsSlice())})
	}
	return all, nil
}

func oneToOne(r plan.Rule) ([]element, error) {
	public, private, err := pair(r)
	if err != nil {
		return nil, err
	}
	return []element{
		single(natPart, "dnat"+version(r.Public), public, private),
		single(natPart, "snat"+version(r.Private), private, public),
	}, nil
}

func masquerade(r plan.Rule) ([]element, error) {
	if !r.Private.IsValid() {
		return nil, fmt.Errorf("no private address is given")
	}
	if r.Public.IsValid() {
		as, private, err := pair(r)
		return []element{single(natPart, "masq_as"+version(r.Private), private, as)}, err
	}
	return []element{single(natPart, "masq"+version(r.Private), string(r.Private.AsSlice()), "")}, nil
}

func masqueradeAll(r plan.Rule) ([]element, error) {
	uplink, err := portKey(r.Dev.Name)
	switch {
	case err != nil:
		return nil, err
	case !r.Public.IsValid():
		return []element{single(natPart, "masq_all4", uplink, "")}, nil
	case !r.Public.Is4():
		return nil, fmt.Errorf("%s is no IPv4 address", r.Public)
	}
	return []element{single(natPart, "masq_all_as4", uplink, string(r.Public.AsSlice()))}, nil
}

func leaves(r plan.Rule) ([]element, error) {
	uplink, err := portKey(r.Dev.Name)
	switch {
	case err != nil:
		return nil, err
	case !r.Private.IsValid():
		return nil, fmt.Errorf("no private address is given")
	}
	return []element{single(natPart, "via"+version(r.Private), string(r.Private.AsSlice())+uplink, "")}, nil
}

func forward(r plan.Rule) (all []element, err error) {
	public, private, err := pair(r)
	if err != nil {
		return nil, err
	}
	protocol, ok := map[string]byte{"tcp": unix.IPPROTO_TCP, "udp": unix.IPPROTO_UDP}[r.Protocol]
	if !ok {
		return nil, fmt.Errorf("the protocol %q has no ports that could be forwarded", r.Protocol)
	}
	ports := int(r.Last) - int(r.First) + 1
	switch {
	case r.First == 0 || ports < 1:
		return nil, fmt.Errorf("%d to %d is no range of ports", r.First, r.Last)
	case ports > maxPorts:
		return nil, fmt.Errorf("%d to %d are %d ports, and one rule forwards at most %d: give the guest a public address of its own",
			r.First, r.Last, ports, maxPorts)
	case r.To != 0 && ports > 1:
		return nil, fmt.Errorf("the ports %d to %d cannot all go to port %d", r.First, r.Last, r.To)
	}
	set, length, source := "fwd", -1, ""
	if from := r.From.Masked(); from.IsValid() && from.Bits() > 0 {
		if from.Addr().Is4() != r.Public.Is4() {
			return nil, fmt.Errorf("%s cannot come from %s: one is IPv4, the other IPv6", r.Public, from)
		}
		set, length, source = "from", from.Bits(), string(from.Addr().AsSlice())
	}
	for port := int(r.First); port <= int(r.Last); port++ {
		to := uint16(port)
		if r.To != 0 {
			to = r.To
		}
		all = append(all, element{
			part: natPart, set: set + version(r.Public), length: length,
			key:   source + public + pad(string([]byte{protocol})) + pad(string(network(uint16(port)))),
			value: private + pad(string(network(to))),
		})
	}
	return all, nil
}

func single(p *part, set, key, value string) element {
	return element{part: p, set: set, length: -1, key: key, value: value}
}

// elementsToAdd are the elements of rules that are to be in force together.
func elementsToAdd(rules []plan.Rule) (all []element, err error) {
	public := map[netip.Addr]netip.Addr{}
	for _, r := range rules {
		elements, err := elementsOf(r)
		if err != nil {
			return nil, err
		}
		all = append(all, elements...)
		if r.Kind != plan.RuleOneToOne {
			continue
		}
		if other, ok := public[r.Private]; ok && other != r.Public {
			return nil, fmt.Errorf("firewall rule %q: %s cannot stand for %s: %s does already", r.Kind, r.Public, r.Private, other)
		}
		public[r.Private] = r.Public
	}
	return all, nil
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
