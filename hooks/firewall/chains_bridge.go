package firewall

import (
	"slices"

	"github.com/google/nftables"
	"golang.org/x/sys/unix"
)

// bridgePart checks what comes from ports of bridges, where all frames pass:
// those for other ports and those for the host.
var bridgePart = &part{
	name:     "bridge",
	table:    bridgeTable,
	version:  4,
	counters: []string{spoofedMAC, spoofedAddress, spoofedNeighbour, serverRole, otherProtocol},
	define: func() (sets, byLength []setDef) {
		return append([]setDef{portDrops()}, spoofSets()...), []setDef{net4(), net6(), rawnet6()}
	},
	chains: func(_ Options, inUse lengths) []chain {
		return append([]chain{
			{
				name: "prerouting", kind: nftables.ChainTypeFilter, hook: unix.NF_INET_PRE_ROUTING, priority: beforeOthers,
				rules: []rule{
					{in("strict_ports", iifname), goTo("strict")},
					{in("mac_ports", iifname), goTo("mac")},
				},
			},
			// What is for a reserved group goes no further: who reads it takes it for a
			// switch's word. The port hands it on to here (plan.Master).
			// A guest that needs a trunk cannot be strict.
			{name: "strict", rules: []rule{
				{notIn("pmac", iifname, etherSource), jump("virtual")},
				{toReserved(), drop(otherProtocol)},
				onBridges().ip4.then(goTo("s4")),
				onBridges().ip6.then(goTo("s6")),
				onBridges().arp.then(goTo("sarp")),
				{is(etherType, rarp...), goTo("srarp")},
				{drop(otherProtocol)},
			}},
			// A guest that has just been migrated, or its tap, announces itself.
			{name: "srarp", rules: []rule{
				{
					is(arpOperation, 0, 3), in("rawmac", iifname, arpSenderMAC),
					is(arpSenderIP, 0, 0, 0, 0), accept(),
				},
				{drop(spoofedNeighbour)},
			}},
			arpChain(onBridges().arp, inUse),
			virtualChain(onBridges()),
			virtualARPChain(onBridges()),
			droppedChain(dropped),
		}, slices.Concat(macChains(), roleChains(), addressChains(onBridges(), inUse))...)
	},
}

// belowPart drops what a port that is checked on a bridge hands to the host itself,
// past the bridge: all that comes from it once it has been taken out of the bridge, and
// frames to a reserved group before it is guarded (plan.Master).
var belowPart = &part{
	name:     "below",
	table:    inetTable,
	version:  3,
	counters: []string{otherProtocol},
	define:   portsBelow,
	chains: func(Options, lengths) []chain {
		return []chain{{
			name: "raw_below", kind: nftables.ChainTypeFilter, hook: unix.NF_INET_PRE_ROUTING, priority: beforeOthers,
			rules: []rule{{in("bridged_ports", iifname), dropIn("dropped_below", otherProtocol)}},
		}, droppedChain("dropped_below")}
	},
}

// belowARPPart does the same in ARP.
var belowARPPart = &part{
	name:     "below_arp",
	table:    arpTable,
	version:  3,
	counters: []string{otherProtocol},
	define:   portsBelow,
	chains: func(Options, lengths) []chain {
		return []chain{{
			name: "below", kind: nftables.ChainTypeFilter, hook: arpInput, priority: beforeOthers,
			rules: []rule{{in("bridged_ports", iifname), dropIn("dropped_below", otherProtocol)}},
		}, droppedChain("dropped_below")}
	},
}

func toReserved() clause {
	return is(etherDest.and(0xff, 0xff, 0xff, 0xff, 0xff, 0xf0), 0x01, 0x80, 0xc2, 0, 0, 0)
}

func portsBelow() (sets, byLength []setDef) {
	return []setDef{{"bridged_ports", setOf(ifname)}, portDrops()}, nil
}

// spoofSets say whose is what; every table that checks has its own.
func spoofSets() []setDef {
	return append([]setDef{
		{"strict_ports", setOf(ifname)},
		{"mac_ports", setOf(ifname)},
		{"pmac", setOf(ifname, mac)},
		{"vmac", setOf(ifname, mac)},
		{"pip4", setOf(ifname, addr4)},
		{"pip6", setOf(ifname, addr6)},
		// The same once more, for what nft has no name for: hardware addresses inside of
		// DHCP and neighbour discovery, and what a neighbour's message is about.
		{"rawmac", setOf(ifname, integer(6))},
		{"rawvmac", setOf(ifname, integer(6))},
		{"rawip6", setOf(ifname, integer(16))},
	}, roleSets()...)
}

// net4 and net6 hold the prefixes that are a guest's as a whole. fe80::/10 is
// such a prefix, for guests whose link-local addresses cannot be told beforehand.
func net4() setDef    { return setDef{"net4", setOf(ifname, addr4)} }
func net6() setDef    { return setDef{"net6", setOf(ifname, addr6)} }
func rawnet6() setDef { return setDef{"rawnet6", setOf(ifname, integer(16))} }
