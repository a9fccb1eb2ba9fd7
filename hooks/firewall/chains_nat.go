package firewall

import (
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// Of the chains that translate a connection the first wins. A configured public address is ahead of
// docker's -100 and 100, and of an administrator's own rules in iptables, which
// have the same; the masquerade comes behind them.
const (
	beforeDNAT = -101
	beforeSNAT = 99
	afterSNAT  = 110
)

// natPart is what public addresses come to.
var natPart = &part{
	name:    "nat",
	table:   inetTable,
	needs:   []*part{markPart},
	version: 7,
	define: func() (sets, byLength []setDef) {
		sets = []setDef{
			{"uplinks", setOf(ifname)},
			{"dnat4", setOf(addr4).to(addr4)},
			{"dnat6", setOf(addr6).to(addr6)},
			{"snat4", setOf(addr4).to(addr4)},
			{"snat6", setOf(addr6).to(addr6)},
			// Guests' addresses, and by which uplink of their own they leave.
			{"via4", setOf(addr4, ifname)},
			{"via6", setOf(addr6, ifname)},
			{"masq4", setOf(addr4)},
			{"masq6", setOf(addr6)},
			// Who is masqueraded as an address that is not the uplink's.
			{"masq_as4", setOf(addr4).to(addr4)},
			{"masq_as6", setOf(addr6).to(addr6)},
			// What leaves by these is masqueraded, whoever sends it.
			{"masq_all4", setOf(ifname)},
			{"masq_all_as4", setOf(ifname).to(addr4)},
			{"fwd4", setOf(addr4, proto, service).to(addr4, service)},
			{"fwd6", setOf(addr6, proto, service).to(addr6, service)},
		}
		byLength = []setDef{
			// The masked source comes first: elsewhere in a key nft cannot read a mask again.
			{"from4", setOf(addr4, addr4, proto, service).to(addr4, service)},
			{"from6", setOf(addr6, addr6, proto, service).to(addr6, service)},
		}
		return sets, byLength
	},
	chains: func(o Options, inUse lengths) []chain {
		return []chain{
			{
				name: "nat_pre", kind: nftables.ChainTypeNAT, hook: unix.NF_INET_PRE_ROUTING, priority: beforeDNAT,
				rules: []rule{over4().then(goTo("to_guest4")), over6().then(goTo("to_guest6"))},
			},
			// The host itself reaches guests by their public addresses, too.
			{
				name: "nat_out", kind: nftables.ChainTypeNAT, hook: unix.NF_INET_LOCAL_OUT, priority: beforeDNAT,
				rules: []rule{over4().then(goTo("to_guest4")), over6().then(goTo("to_guest6"))},
			},
			// A forward for one source goes before a forward for all, and any
			// forward before the public address as a whole.
			{name: "to_guest4", rules: slices.Concat(
				each(inUse["from4"], func(n int) rule {
					return over4().then(withPorts(), mapped(of("from4", n), ipSource.prefix(n), ipDest, l4proto, portDest), dnatPort4())
				}),
				[]rule{
					over4().then(withPorts(), mapped("fwd4", ipDest, l4proto, portDest), dnatPort4()),
					over4().then(mapped("dnat4", ipDest), translate(expr.NATTypeDestNAT, unix.NFPROTO_IPV4)),
				},
			)},
			{name: "to_guest6", rules: slices.Concat(
				each(inUse["from6"], func(n int) rule {
					return over6().then(withPorts(), mapped(of("from6", n), ip6Source.prefix(n), ip6Dest, l4proto, portDest), dnatPort6())
				}),
				[]rule{
					over6().then(withPorts(), mapped("fwd6", ip6Dest, l4proto, portDest), dnatPort6()),
					over6().then(mapped("dnat6", ip6Dest), translate(expr.NATTypeDestNAT, unix.NFPROTO_IPV6)),
				},
			)},
			// What was led to a guest by a public address comes with one as
			// well (a guest that calls another one, or itself, by its public
			// address); so does what leaves.
			{
				name: "nat_post", kind: nftables.ChainTypeNAT, hook: unix.NF_INET_POST_ROUTING, priority: beforeSNAT,
				rules: left(o, "from_guest"),
			},
			{name: "from_guest", rules: []rule{
				over4().then(mapped("snat4", ipSource), translate(expr.NATTypeSourceNAT, unix.NFPROTO_IPV4)),
				over6().then(mapped("snat6", ip6Source), translate(expr.NATTypeSourceNAT, unix.NFPROTO_IPV6)),
			}},
			{
				name: "nat_last", kind: nftables.ChainTypeNAT, hook: unix.NF_INET_POST_ROUTING, priority: afterSNAT,
				rules: append(left(o, "private_guest"),
					over4().then(mapped("masq_all_as4", oifname), translate(expr.NATTypeSourceNAT, unix.NFPROTO_IPV4)),
					over4().then(in("masq_all4", oifname), masqueraded()),
				),
			},
			{name: "private_guest", rules: []rule{
				over4().then(mapped("masq_as4", ipSource), translate(expr.NATTypeSourceNAT, unix.NFPROTO_IPV4)),
				over6().then(mapped("masq_as6", ip6Source), translate(expr.NATTypeSourceNAT, unix.NFPROTO_IPV6)),
				over4().then(in("masq4", ipSource), masqueraded()),
				over6().then(in("masq6", ip6Source), masqueraded()),
			}},
		}
	},
}

func masqueraded() clause { return clause{exprs: []expr.Any{&expr.Masq{}}} }

// left leads to a chain what was led to a guest by a public address, and what goes out of
// the host. Which way that is the host's settings say, and for single guests their own;
// else it is whatever does not go to a guest.
func left(o Options, to string) []rule {
	rules := []rule{{some(ctStatus.and(host(statusDNAT)...)), jump(to)}}
	if len(o.Uplinks) == 0 {
		return append(rules, rule{notIn("gports", oifname), jump(to)})
	}
	return append(rules,
		rule{in("uplinks", oifname), jump(to)},
		over4().then(in("via4", ipSource, oifname), jump(to)),
		over6().then(in("via6", ip6Source, oifname), jump(to)),
	)
}

func withPorts() clause { return oneOf(l4proto, nftables.TypeInetProto, tcp, udp) }
func dnatPort4() clause { return translatePort(unix.NFPROTO_IPV4, 1) }
func dnatPort6() clause { return translatePort(unix.NFPROTO_IPV6, 4) }

// translate gives a packet the address a map has put into the registers.
func translate(kind expr.NATType, family uint32) clause {
	return clause{exprs: []expr.Any{&expr.NAT{Type: kind, Family: family, RegAddrMin: firstRegister}}}
}

// translatePort also gives it the port, which is behind the address, so many
// registers on.
func translatePort(family, behind uint32) clause {
	return clause{exprs: []expr.Any{&expr.NAT{
		Type: expr.NATTypeDestNAT, Family: family,
		RegAddrMin: firstRegister, RegProtoMin: firstRegister + behind, Specified: true,
	}}}
}
