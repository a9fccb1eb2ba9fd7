package firewall

import (
	"slices"

	"github.com/google/nftables"
)

// arpPart checks the ARP messages that routed ports send: no other family sees
// them, and a table cannot look into another's sets.
var arpPart = &part{
	name:     "arp",
	table:    arpTable,
	version:  4,
	counters: []string{spoofedMAC, spoofedNeighbour},
	define: func() (sets, byLength []setDef) {
		return []setDef{
			portDrops(),
			{"strict_ports", setOf(ifname)},
			{"mac_ports", setOf(ifname)},
			{"pmac", setOf(ifname, mac)},
			{"vmac", setOf(ifname, mac)},
			{"pip4", setOf(ifname, addr4)},
			{"g4", setOf(addr4)},
		}, []setDef{net4(), gnet4()}
	},
	chains: func(_ Options, inUse lengths) []chain {
		return []chain{
			{
				name: "input", kind: nftables.ChainTypeFilter, hook: arpInput, priority: beforeOthers,
				rules: slices.Concat(
					[]rule{{in("g4", arpSenderIP), jump("others")}},
					each(inUse["gnet4"], func(n int) rule {
						return rule{in(of("gnet4", n), arpSenderIP.prefix(n)), jump("others")}
					}),
					[]rule{
						{in("strict_ports", iifname), goTo("strict")},
						{in("mac_ports", iifname), goTo("mac")},
					},
				),
			},
			// The address is some guest's: of the one behind this port?
			{name: "others", rules: slices.Concat(
				[]rule{{in("pip4", iifname, arpSenderIP), backAgain()}},
				each(inUse["net4"], func(n int) rule {
					return rule{in(of("net4", n), iifname, arpSenderIP.prefix(n)), backAgain()}
				}),
				[]rule{{drop(spoofedNeighbour)}},
			)},
			{name: "mac", rules: []rule{
				inARP().ether.then(notIn("pmac", iifname, etherSource), jump("virtual")),
				{notIn("pmac", iifname, arpSenderMAC), jump("virtual_arp")},
				{accept()},
			}},
			{name: "strict", rules: []rule{
				inARP().ether.then(notIn("pmac", iifname, etherSource), jump("virtual")),
				{goTo("sarp")},
			}},
			arpChain(inARP().arp, inUse),
			virtualChain(inARP()),
			virtualARPChain(inARP()),
			droppedChain(dropped),
		}
	},
}

// arpInput is NF_ARP_IN: the arp family numbers its hooks in its own way.
const arpInput = 0

// arpChain takes ARP for IPv4 on Ethernet from the guest's own hardware address,
// about an address of its own: said, or asked for before it is taken (a probe,
// RFC 5227).
func arpChain(arp rule, inUse lengths) chain {
	said := oneOf(arpOperation, nftables.TypeARPOp, 0, 1, 0, 2)
	probe := arp.then(is(arpOperation, 0, 1), is(arpSenderIP, 0, 0, 0, 0))
	return chain{name: "sarp", rules: slices.Concat(
		[]rule{
			arp.then(isNot(arpHardware, 0, 1), drop(spoofedNeighbour)),
			arp.then(isNot(arpProtocol, 0x08, 0x00), drop(spoofedNeighbour)),
			arp.then(isNot(arpMACSize, 6), drop(spoofedNeighbour)),
			arp.then(isNot(arpIPSize, 4), drop(spoofedNeighbour)),
			arp.then(notIn("pmac", iifname, arpSenderMAC), jump("virtual_arp")),
			arp.then(said, in("pip4", iifname, arpSenderIP), accept()),
			probe.then(in("pip4", iifname, arpTargetIP), accept()),
		},
		each(inUse["net4"], func(n int) rule {
			return arp.then(said, in(of("net4", n), iifname, arpSenderIP.prefix(n)), accept())
		}),
		each(inUse["net4"], func(n int) rule {
			return probe.then(in(of("net4", n), iifname, arpTargetIP.prefix(n)), accept())
		}),
		[]rule{{drop(spoofedNeighbour)}},
	)}
}
