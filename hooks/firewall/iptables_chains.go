package firewall

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/google/nftables"

	"vifctl/hooks/plan"
)

// xtFamily is what differs between iptables and ip6tables.
type xtFamily struct {
	program string
	is6     bool
	nft     nftables.TableFamily
	// names is the file that lists iptables-legacy's tables.
	names string
}

var (
	ipv4 = &xtFamily{program: "iptables", nft: nftables.TableFamilyIPv4, names: "/proc/thread-self/net/ip_tables_names"}
	ipv6 = &xtFamily{program: "ip6tables", is6: true, nft: nftables.TableFamilyIPv6, names: "/proc/thread-self/net/ip6_tables_names"}
)

// of reports whether an address is of the family.
func (f *xtFamily) of(a netip.Addr) bool { return a.Is6() == f.is6 }

// An xtChain is a chain of ours.
type xtChain struct {
	table, name string
	// hooks are the kernel's chains that lead here, before all other rules, or
	// behind them.
	hooks []string
	last  bool
	// head and tail are there whatever the guests, whose lines are in between and
	// have one of these targets.
	head, tail []string
	guests     []string
}

const (
	chainPrefix = "VIFCTL-"

	dnatChain       = chainPrefix + "DNAT"
	leavingChain    = chainPrefix + "POSTROUTING"
	snatChain       = chainPrefix + "SNAT"
	leavingLast     = chainPrefix + "POSTROUTING-LAST"
	masqueradeChain = chainPrefix + "MASQUERADE"

	forwardChain = chainPrefix + "FORWARD"
	guestChain   = chainPrefix + "GUEST"
	privateChain = chainPrefix + "PRIVATE"

	sourceChain = chainPrefix + "SOURCE"
	othersChain = chainPrefix + "OTHERS"
	macChain    = chainPrefix + "MAC"
	strictChain = chainPrefix + "STRICT"
	ownChain    = chainPrefix + "OWN"
	anyChain    = chainPrefix + "ANY"
	roleChain   = chainPrefix + "ROLE"
)

// layout are our chains. Public addresses come before an administrator's own
// translation, the masquerade comes behind it.
func (x *IPTables) layout(f *xtFamily) []xtChain {
	all := []xtChain{
		{table: "nat", name: dnatChain, hooks: []string{"PREROUTING", "OUTPUT"}, guests: []string{"DNAT"}},
		{table: "nat", name: snatChain, guests: []string{"SNAT"}},
		{table: "nat", name: masqueradeChain, guests: []string{"MASQUERADE", "SNAT"}},
		x.leaving(leavingChain, snatChain, false, "SNAT"),
		x.leaving(leavingLast, masqueradeChain, true, "MASQUERADE", "SNAT"),
	}
	if x.guard == nil {
		all = append(append(all, x.mangleChains()...), rawChains(f)...)
	}
	return all
}

// leaving is a chain of POSTROUTING's that goes on with what leaves the host, and
// with what was led to a guest by a public address (a guest that calls another
// one, or itself). A guest's own uplink is a line of its own. Without known uplinks all leaves that goes to no guest's port,
// of which there is a line each.
func (x *IPTables) leaving(name, to string, last bool, targets ...string) xtChain {
	c := xtChain{table: "nat", name: name, hooks: []string{"POSTROUTING"}, last: last, guests: append(targets, "RETURN")}
	c.head = []string{"-m conntrack --ctstate DNAT -j " + to}
	for _, uplink := range x.options.Uplinks {
		c.head = append(c.head, "-o "+uplink+" -j "+to)
	}
	if len(x.options.Uplinks) == 0 {
		c.tail = []string{"-j " + to}
	}
	return c
}

// mangleChains mark what routed ports forward, for other programs' filters, and
// keep strangers from private guests. A flow that is known gets no further than
// the second rule. A private guest is asked for what was not led to it by a
// public address, and does not come from another guest, which has the mark by
// then.
func (x *IPTables) mangleChains() []xtChain {
	mark := fmt.Sprintf("0x%x/0x%[1]x", x.options.Mark)
	return []xtChain{
		{table: "mangle", name: guestChain, head: []string{"-j CONNMARK --set-xmark " + mark, "-j MARK --set-xmark " + mark}},
		{table: "mangle", name: privateChain, head: []string{
			"-m mark --mark " + mark + " -j RETURN",
			"-m conntrack --ctstate DNAT -j RETURN",
			"-j DROP",
		}},
		{table: "mangle", name: forwardChain, hooks: []string{"FORWARD"}, guests: []string{guestChain, privateChain}, head: []string{
			"-m connmark --mark " + mark + " -j MARK --set-xmark " + mark,
			"-m conntrack --ctstate RELATED,ESTABLISHED -j RETURN",
		}},
	}
}

// rawChains check what routed ports send where nf_tables cannot: that no other
// interface uses a guest's address, the hardware address, the addresses, and
// what only servers and routers say.
func rawChains(f *xtFamily) []xtChain {
	strict := xtChain{table: "raw", name: strictChain, guests: []string{ownChain}, tail: []string{"-j DROP"}}
	// What a guest's role is is its guest's line; the rest of it is dropped.
	own := xtChain{table: "raw", name: ownChain, guests: []string{roleChain}}
	all := []xtChain{
		{table: "raw", name: roleChain, head: []string{"-j RETURN"}},
		{table: "raw", name: othersChain, guests: []string{"RETURN", "DROP"}},
		{table: "raw", name: macChain, guests: []string{"RETURN", "DROP"}},
		{table: "raw", name: sourceChain, guests: []string{strictChain}, hooks: []string{"PREROUTING"}, head: []string{"-j " + othersChain, "-j " + macChain}},
	}
	if !f.is6 {
		// A guest that has no address yet asks for one.
		strict.head = []string{"-s 0.0.0.0/32 -d 255.255.255.255/32 -p udp -m udp --sport 68 --dport 67 -j RETURN"}
		own.tail = append([]string{
			"-p udp -m udp --sport 67 -j DROP",
			"-p udp -m udp --dport 68 -j DROP",
			"-p icmp -m icmp --icmp-type 5 -j DROP",
			"-p icmp -m icmp --icmp-type 9 -j DROP",
			`-p igmp -m u32 --u32 "0x0>>0x16&0x3c@0x0>>0x18=0x12,0x16:0x17,0x22" -j RETURN`, // reports, and leaving a group
			"-p igmp -j DROP",
		}, routersWords(f)...)
		return append(all, own, strict)
	}
	icmp := func(types ...int) (lines []string) {
		for _, t := range types {
			lines = append(lines, fmt.Sprintf("-p ipv6-icmp -m icmp6 --icmpv6-type %d -j RETURN", t))
		}
		return lines
	}
	strict.head = []string{"-s ::/128 -g " + anyChain}
	own.tail = append([]string{"-p udp -m udp --sport 547 -j DROP", "-p udp -m udp --dport 546 -j DROP"}, routersWords(f)...)
	own.tail = append(own.tail, icmp(1, 2, 3, 4, 128, 129, 131, 132, 133, 135, 136, 143)...)
	own.tail = append(own.tail, "-p ipv6-icmp -j DROP")
	// Duplicate detection, asking for routers, multicast listener reports.
	unspecified := xtChain{table: "raw", name: anyChain, head: icmp(135, 133, 131, 132, 143), tail: []string{"-j DROP"}}
	return append(all, own, unspecified, strict)
}

// carries is the match of packets whose IP header says that they carry one of these
// protocols, in u32's words: the names that iptables has for them depend on the host.
func carries(f *xtFamily, protocols string) string {
	at := "0x6"
	if f.is6 {
		at = "0x3"
	}
	return `-m u32 --u32 "` + at + "&0xff=" + protocols + `"`
}

// routersWords drop what routers alone say: EGP, IGRP, RSVP, EIGRP, OSPF, PIM, VRRP, IS-IS
// over IP and MANET; RIP, RIPng, LDP and OLSR; to a group HSRP, GLBP and Babel.
func routersWords(f *xtFamily) (lines []string) {
	groups := "-d 224.0.0.0/3"
	if f.is6 {
		groups = "-d ff00::/8"
	}
	lines = append(lines, carries(f, "0x8:0x9,0x2e,0x58:0x59,0x67,0x70,0x7c,0x8a")+" -j DROP")
	for _, port := range []int{520, 521, 646, 698} {
		lines = append(lines, fmt.Sprintf("-p udp -m udp --dport %d -j DROP", port))
	}
	for _, port := range []int{1985, 2029, 3222, 6696} {
		lines = append(lines, fmt.Sprintf("%s -p udp -m udp --dport %d -j DROP", groups, port))
		lines = append(lines, fmt.Sprintf("-p udp -m udp --sport %d --dport %[1]d -j DROP", port))
	}
	return lines
}

// roleWords match what a role is about.
func roleWords(f *xtFamily, role plan.Role) []string {
	switch {
	case role == plan.RoleVRRP:
		return []string{carries(f, "0x70")}
	case role == plan.RoleOSPF:
		return []string{carries(f, "0x59")}
	case role == plan.RoleMulticastRouter && !f.is6:
		return []string{"-p igmp", carries(f, "0x67")}
	case role == plan.RoleMulticastRouter:
		return []string{"-p ipv6-icmp -m icmp6 --icmpv6-type 130", "-p ipv6-icmp -m icmp6 --icmpv6-type 151", carries(f, "0x67")}
	case role == plan.RoleRouter && !f.is6:
		return []string{"-p icmp -m icmp --icmp-type 5", "-p icmp -m icmp --icmp-type 9"}
	case role == plan.RoleRouter:
		return []string{"-p ipv6-icmp -m icmp6 --icmpv6-type 134", "-p ipv6-icmp -m icmp6 --icmpv6-type 137"}
	case role == plan.RoleDHCPServer && !f.is6:
		return []string{"-p udp -m udp --sport 67", "-p udp -m udp --dport 68"}
	case role == plan.RoleDHCPServer:
		return []string{"-p udp -m udp --sport 547", "-p udp -m udp --dport 546"}
	}
	return nil
}

// A line is one rule in iptables: its chain and its words, as iptables-save
// writes them.
type line struct{ table, chain, words string }

// linesOf are those of all rules that iptables can be told.
func (x *IPTables) linesOf(f *xtFamily, rules []plan.Rule) map[line]bool {
	all := map[line]bool{}
	for _, r := range rules {
		if tellable(r.Dev.Name) != nil {
			continue
		}
		for _, l := range x.lines(f, r) {
			all[l] = true
		}
	}
	return all
}

// lines are what a rule comes to in a family: nothing where nf_tables does it.
func (x *IPTables) lines(f *xtFamily, r plan.Rule) (all []line) {
	add := func(table, chain, format string, args ...any) {
		all = append(all, line{table, chain, fmt.Sprintf(format, args...)})
	}
	port := r.Dev.Name
	switch r.Kind {
	case plan.RuleOneToOne:
		if f.of(r.Public) {
			add("nat", dnatChain, "-d %s -j DNAT --to-destination %s", whole(r.Public), r.Private)
			add("nat", snatChain, "-s %s -j SNAT --to-source %s", whole(r.Private), r.Public)
		}
	case plan.RuleMasquerade:
		if f.of(r.Private) {
			add("nat", masqueradeChain, "-s %s -j %s", whole(r.Private), masqueradedAs(r))
		}
	case plan.RuleMasqueradeAll:
		switch {
		case f.is6:
		case len(x.options.Uplinks) == 0:
			// Behind the guests', and before what goes on to them.
			add("nat", masqueradeChain, "-o %s -j %s", port, masqueradedAs(r))
		default:
			add("nat", leavingLast, "-o %s -j %s", port, masqueradedAs(r))
		}
	case plan.RuleLeaves:
		switch {
		case !f.of(r.Private) || len(x.options.Uplinks) == 0:
		case r.Public.IsValid() && !r.Masquerade:
			add("nat", leavingChain, "-s %s -o %s -j SNAT --to-source %s", whole(r.Private), port, r.Public)
		default:
			add("nat", leavingLast, "-s %s -o %s -j %s", whole(r.Private), port, masqueradedAs(r))
		}
	case plan.RuleForward:
		if f.of(r.Public) {
			add("nat", dnatChain, "%s", forwardWords(r))
		}
	case plan.RuleRouted:
		if len(x.options.Uplinks) == 0 {
			add("nat", leavingChain, "-o %s -j RETURN", port)
			add("nat", leavingLast, "-o %s -j RETURN", port)
		}
	}
	if x.guard != nil {
		return all
	}
	switch r.Kind {
	case plan.RuleRouted:
		add("mangle", forwardChain, "-i %s -j %s", port, guestChain)
		add("mangle", forwardChain, "-o %s -j %s", port, guestChain)
	case plan.RulePrivate, plan.RulePrivate4:
		if r.Kind == plan.RulePrivate || !f.is6 {
			add("mangle", forwardChain, "-o %s -j %s", port, privateChain)
		}
	case plan.RuleOwnMAC:
		add("raw", macChain, "-i %s -m mac --mac-source %s -j RETURN", port, strings.ToLower(r.MAC))
	case plan.RuleStrict, plan.RuleMAC:
		add("raw", macChain, "-i %s -j DROP", port)
		if r.Kind == plan.RuleStrict {
			add("raw", sourceChain, "-i %s -j %s", port, strictChain)
		}
	case plan.RuleOwnAddress:
		if own := r.Prefix.Masked(); f.of(own.Addr()) {
			add("raw", strictChain, "-s %s -i %s -g %s", own, port, ownChain)
			add("raw", othersChain, "-s %s -i %s -j RETURN", own, port)
		}
	case plan.RuleRole:
		for _, words := range roleWords(f, r.Role) {
			add("raw", ownChain, "-i %s %s -g %s", port, words, roleChain)
		}
	case plan.RuleGuestAddress:
		if address := r.Prefix.Masked(); f.of(address.Addr()) {
			add("raw", othersChain, "-s %s -j DROP", address)
		}
	}
	return all
}

// masqueradedAs is the target of what is masqueraded, as one address or the uplink's.
func masqueradedAs(r plan.Rule) string {
	if r.Public.IsValid() {
		return "SNAT --to-source " + r.Public.String()
	}
	return "MASQUERADE"
}

func forwardWords(r plan.Rule) string {
	from := ""
	if p := r.From.Masked(); p.IsValid() && p.Bits() > 0 {
		from = "-s " + p.String() + " "
	}
	ports := fmt.Sprint(r.First)
	if r.Last > r.First {
		ports = fmt.Sprintf("%d:%d", r.First, r.Last)
	}
	to := r.Private.String()
	if r.To != 0 && r.To != r.First {
		to = netip.AddrPortFrom(r.Private, r.To).String()
	}
	return fmt.Sprintf("%s-d %s -p %s -m %[3]s --dport %s -j DNAT --to-destination %s", from, whole(r.Public), r.Protocol, ports, to)
}

func whole(a netip.Addr) string { return netip.PrefixFrom(a, a.BitLen()).String() }

// inOrder are the guests' lines of one chain, of which the first that matches
// counts.
func inOrder(lines map[string]bool) []string {
	ranks := make(map[string]int, len(lines))
	for words := range lines {
		ranks[words] = rank(words)
	}
	return slices.SortedFunc(maps.Keys(ranks), func(a, b string) int {
		return cmp.Or(cmp.Compare(ranks[a], ranks[b]), cmp.Compare(a, b))
	})
}

// rank: a forward for one source goes before a forward for all, the longer prefix
// first, and any forward before the public address as a whole; guests' packets
// are marked before it is asked who comes to a private one; and what is let
// through comes before what is dropped.
func rank(words string) int {
	const forwards = 129
	forward := strings.Contains(words, " --dport ")
	from, sourced := strings.CutPrefix(words, "-s ")
	switch {
	case forward && sourced:
		from, _, _ = strings.Cut(from, " ")
		source, _ := netip.ParsePrefix(from)
		return forwards - 1 - source.Bits()
	case forward:
		return forwards
	case strings.HasSuffix(words, "-j DROP"):
		return forwards + 4
	case strings.HasPrefix(words, "-o") && strings.HasSuffix(words, guestChain):
		return forwards + 3
	case strings.HasPrefix(words, "-o"):
		return forwards + 2
	}
	return forwards + 1
}

// tellable: iptables reads its rules as words, and a + at the end of an
// interface's name as "whatever begins so". "" is no interface at all.
func tellable(name string) error {
	odd := func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.ContainsRune("._-:@", c)
	}
	if strings.HasPrefix(name, "-") || strings.ContainsFunc(name, odd) {
		return fmt.Errorf("iptables cannot be told the interface's name %q: give it letters, digits, dots and dashes (vifname=)", name)
	}
	return nil
}
