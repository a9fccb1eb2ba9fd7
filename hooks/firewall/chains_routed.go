package firewall

import (
	"slices"

	"github.com/google/nftables"
	"golang.org/x/sys/unix"
)

// routedPart checks the IP packets that routed ports send, before anything else
// of the host sees them, and that no other interface sends them in a guest's name.
var routedPart = &part{
	name:     "routed",
	table:    inetTable,
	version:  5,
	counters: []string{spoofedMAC, spoofedAddress, spoofedNeighbour, serverRole, otherProtocol},
	define: func() (sets, byLength []setDef) {
		return append([]setDef{
			portDrops(),
			{"g4", setOf(addr4)},
			{"g6", setOf(addr6)},
		}, spoofSets()...), []setDef{net4(), net6(), rawnet6(), gnet4(), gnet6()}
	},
	chains: func(_ Options, inUse lengths) []chain {
		return append([]chain{
			{
				name: "raw_pre", kind: nftables.ChainTypeFilter, hook: unix.NF_INET_PRE_ROUTING, priority: beforeOthers,
				rules: slices.Concat(
					[]rule{over4().then(in("g4", ipSource), jump("others4"))},
					each(inUse["gnet4"], func(n int) rule {
						return over4().then(in(of("gnet4", n), ipSource.prefix(n)), jump("others4"))
					}),
					[]rule{over6().then(in("g6", ip6Source), jump("others6"))},
					each(inUse["gnet6"], func(n int) rule {
						return over6().then(in(of("gnet6", n), ip6Source.prefix(n)), jump("others6"))
					}),
					[]rule{
						{in("strict_ports", iifname), goTo("strict")},
						{in("mac_ports", iifname), goTo("mac")},
					},
				),
			},
			// The source is some guest's: of the one behind this port?
			{name: "others4", rules: slices.Concat(
				[]rule{over4().then(in("pip4", iifname, ipSource), backAgain())},
				each(inUse["net4"], func(n int) rule {
					return over4().then(in(of("net4", n), iifname, ipSource.prefix(n)), backAgain())
				}),
				[]rule{{drop(spoofedAddress)}},
			)},
			{name: "others6", rules: slices.Concat(
				[]rule{over6().then(in("pip6", iifname, ip6Source), backAgain())},
				each(inUse["net6"], func(n int) rule {
					return over6().then(in(of("net6", n), iifname, ip6Source.prefix(n)), backAgain())
				}),
				[]rule{{drop(spoofedAddress)}},
			)},
			{name: "mac", rules: []rule{
				inInet().ether.then(notIn("pmac", iifname, etherSource), jump("virtual")),
				over6().then(goTo("m6")),
				{accept()},
			}},
			{name: "strict", rules: []rule{
				inInet().ether.then(notIn("pmac", iifname, etherSource), jump("virtual")),
				over4().then(goTo("s4")),
				over6().then(goTo("s6")),
				{drop(otherProtocol)},
			}},
			virtualChain(inInet()),
			droppedChain(dropped),
		}, slices.Concat(neighbourChains(), roleChains(), addressChains(inInet(), inUse))...)
	},
}

// gnet4 and gnet6 hold guests' prefixes without their ports: no other interface
// may use an address in them as a source.
func gnet4() setDef { return setDef{"gnet4", setOf(addr4)} }
func gnet6() setDef { return setDef{"gnet6", setOf(addr6)} }
