package firewall

import (
	"github.com/google/nftables"
	"golang.org/x/sys/unix"
)

// bridgePart checks what comes from ports of bridges, where all frames pass:
// those for other ports and those for the host.
var bridgePart = &part{
	name:     "bridge",
	table:    bridgeTable,
	version:  3,
	counters: []string{spoofedMAC, spoofedAddress, spoofedNeighbour, serverRole, otherProtocol},
	sets:     append([]setDef{portDrops}, spoofSets...),
	byLength: []setDef{net4, net6, rawnet6},
	chains: func(_ Options, inUse lengths) []chain {
		return append([]chain{
			{
				name: "prerouting", kind: nftables.ChainTypeFilter, hook: unix.NF_INET_PRE_ROUTING, priority: beforeOthers,
				rules: []rule{
					{in("strict_ports", iifname), goTo("strict")},
					{in("mac_ports", iifname), goTo("mac")},
				},
			},
			// Frames to 01:80:c2:00:00:0x (spanning tree, LLDP and their kind)
			// never come through prerouting: the host takes them at once.
			{
				name: "input", kind: nftables.ChainTypeFilter, hook: unix.NF_INET_LOCAL_IN, priority: beforeOthers,
				rules: []rule{
					{toReserved, in("strict_ports", iifname), goTo("strict")},
					{toReserved, in("mac_ports", iifname), goTo("mac")},
				},
			},
			{name: "mac", rules: []rule{
				{notIn("pmac", iifname, etherSource), drop(spoofedMAC)},
				{toReserved, drop(otherProtocol)},
				onBridges.arp.then(notIn("pmac", iifname, arpSenderMAC), drop(spoofedNeighbour)),
				{accept},
			}},
			// A guest that needs a trunk cannot be strict.
			{name: "strict", rules: []rule{
				{notIn("pmac", iifname, etherSource), drop(spoofedMAC)},
				onBridges.ip4.then(goTo("s4")),
				onBridges.ip6.then(goTo("s6")),
				onBridges.arp.then(goTo("sarp")),
				{is(etherType, 0x80, 0x35), goTo("srarp")},
				{drop(otherProtocol)},
			}},
			// A guest that has just been migrated, or its tap, announces itself.
			{name: "srarp", rules: []rule{
				{
					is(arpOperation, 0, 3), in("rawmac", iifname, arpSenderMAC),
					is(arpSenderIP, 0, 0, 0, 0), accept,
				},
				{drop(spoofedNeighbour)},
			}},
			arpChain(onBridges.arp, inUse),
			droppedChain(dropped),
		}, addressChains(onBridges, inUse)...)
	},
}

// belowPart closes a way around the bridge's hooks: a frame to a reserved group
// that the bridge takes no part in itself, as 01:80:c2:00:00:0e, is handed to the
// host as if the port were no bridge's, and the host would read the IP packet in
// it, whoever it says it is from. Nothing else comes in from such a port.
var belowPart = &part{
	name:     "below",
	table:    inetTable,
	version:  3,
	counters: []string{otherProtocol},
	sets:     []setDef{{"bridged_ports", setOf(ifname)}, portDrops},
	chains: func(Options, lengths) []chain {
		return []chain{{
			name: "raw_below", kind: nftables.ChainTypeFilter, hook: unix.NF_INET_PRE_ROUTING, priority: beforeOthers,
			rules: []rule{{in("bridged_ports", iifname), dropIn("dropped_below", otherProtocol)}},
		}, droppedChain("dropped_below")}
	},
}

// belowARPPart closes the same way to the host's ARP.
var belowARPPart = &part{
	name:     "below_arp",
	table:    arpTable,
	version:  3,
	counters: []string{otherProtocol},
	sets:     []setDef{{"bridged_ports", setOf(ifname)}, portDrops},
	chains: func(Options, lengths) []chain {
		return []chain{{
			name: "below", kind: nftables.ChainTypeFilter, hook: arpInput, priority: beforeOthers,
			rules: []rule{{in("bridged_ports", iifname), dropIn("dropped_below", otherProtocol)}},
		}, droppedChain("dropped_below")}
	},
}

var toReserved = is(etherDest.and(0xff, 0xff, 0xff, 0xff, 0xff, 0xf0), 0x01, 0x80, 0xc2, 0, 0, 0)

// spoofSets say whose is what; every table that checks has its own.
var spoofSets = []setDef{
	{"strict_ports", setOf(ifname)},
	{"mac_ports", setOf(ifname)},
	{"pmac", setOf(ifname, mac)},
	{"pip4", setOf(ifname, addr4)},
	{"pip6", setOf(ifname, addr6)},
	// The same once more, for what nft has no name for: hardware addresses inside of
	// DHCP and neighbour discovery, and what a neighbour's message is about.
	{"rawmac", setOf(ifname, integer(6))},
	{"rawip6", setOf(ifname, integer(16))},
}

// net4 and net6 hold the prefixes that are a guest's as a whole. fe80::/10 is
// such a prefix, for guests whose link-local addresses cannot be told beforehand.
var (
	net4 = setDef{"net4", setOf(ifname, addr4)}
	net6 = setDef{"net6", setOf(ifname, addr6)}

	rawnet6 = setDef{"rawnet6", setOf(ifname, integer(16))}
)
