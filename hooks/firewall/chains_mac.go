package firewall

// macChains check a bridge's port whose guest is held to its hardware address alone: by
// the frame's source, and by what ARP and neighbour discovery say it is, also in a tag or
// behind an LLC header, where others look for it.
func macChains() []chain {
	// Where a frame says what it carries, and where that begins.
	plain, tagged := shapeAt(14), shapeAt(18)
	return append([]chain{
		{name: "mac", rules: []rule{
			{notIn("pmac", iifname, etherSource), jump("virtual")},
			{toReserved(), drop(otherProtocol)},
			onBridges().arp.then(notIn("pmac", iifname, arpSenderMAC), jump("virtual_arp")),
			{is(etherType, rarp...), goTo("mrarp")},
			onBridges().ip6.then(goTo("m6")),
			{is(etherType, tag8021Q...), goTo("mtag")},
			{is(etherType, tag8021AD...), goTo("mtag")},
			plain.snap(ethertypeARP).then(goTo("msnap")),
			plain.snap(rarp).then(goTo("msnap")),
			plain.snap(ethertypeIPv6).then(drop(otherProtocol)),
			{accept()},
		}},
		{name: "mrarp", rules: []rule{
			{is(arpOperation, 0, 3), in("rawmac", iifname, arpSenderMAC), accept()},
			{drop(spoofedNeighbour)},
		}},
		{name: "msnap", rules: []rule{
			{in("rawmac", iifname, plain.snapSenderMAC), accept()},
			{drop(spoofedNeighbour)},
		}},
		// What is in a second tag cannot be looked into.
		{name: "mtag", rules: []rule{
			{is(tagged.kind, tag8021Q...), drop(otherProtocol)},
			{is(tagged.kind, tag8021AD...), drop(otherProtocol)},
			{is(tagged.kind, ethertypeARP...), goTo("mtagarp")},
			{is(tagged.kind, rarp...), goTo("mtagarp")},
			{is(tagged.kind, ethertypeIPv6...), goTo("m6")},
			tagged.snap(ethertypeARP).then(goTo("mtagsnap")),
			tagged.snap(rarp).then(goTo("mtagsnap")),
			tagged.snap(ethertypeIPv6).then(drop(otherProtocol)),
			{accept()},
		}},
		{name: "mtagarp", rules: []rule{
			{in("rawmac", iifname, tagged.senderMAC), accept()},
			{drop(spoofedNeighbour)},
		}},
		{name: "mtagsnap", rules: []rule{
			{in("rawmac", iifname, tagged.snapSenderMAC), accept()},
			{drop(spoofedNeighbour)},
		}},
	}, neighbourChains()...)
}

// A frameShape is where a frame says what it carries.
type frameShape struct {
	// kind is the ether type, in whose place an 802.3 frame has its length.
	kind field
	// llc and snapKind are what makes it one of SNAP (RFC 1042), and the ether type there.
	llc, snapKind field
	// senderMAC is ARP's and RARP's; snapSenderMAC is that behind SNAP.
	senderMAC, snapSenderMAC field
}

// shapeAt is that of frames whose header is so many bytes long.
func shapeAt(header int) frameShape {
	return frameShape{
		kind: ll(header-2, 2), llc: ll(header, 3), snapKind: ll(header+6, 2),
		senderMAC: ll(header+8, 6), snapSenderMAC: ll(header+8+8, 6),
	}
}

// snap matches frames that carry an ether type behind SNAP, whoever's.
func (s frameShape) snap(kind []byte) rule {
	return rule{is(s.llc, 0xaa, 0xaa, 3), is(s.snapKind, kind...)}
}

// neighbourChains check what a guest without known addresses says in neighbour
// discovery: no hardware address but its own. They begin at m6, and end in accept or drop.
// No rule says that the packet is IPv6: nft would add that the ether type says so, which
// in a tagged frame it does not.
func neighbourChains() []chain {
	length := func(bytes uint16) rule { return rule{is(ip6Length, network(bytes)...)} }
	about := func(kind byte, chain string) rule { return rule{is(icmpType, kind), goTo(chain)} }
	return []chain{
		{name: "m6", rules: []rule{
			{is(ip6Next, icmpv6), goTo("m6icmp")},
			{is(ip6Next, 0), goTo("m6behind")},
			{is(ip6Next, 43), goTo("m6behind")},
			{is(ip6Next, 44), goTo("m6behind")},
			{is(ip6Next, 51), goTo("m6behind")},
			{is(ip6Next, 60), goTo("m6behind")},
			{is(ip6Next, 135), goTo("m6behind")},
			{accept()},
		}},
		// Behind other headers, and in fragments, there is no neighbour discovery
		// (RFC 6980); what follows a first fragment is of no use without it.
		{name: "m6behind", rules: []rule{
			{is(ip6Next, 44), some(ip6Fragment), accept()},
			{isNot(l4proto, icmpv6), accept()},
			{is(icmpType, 133), drop(spoofedNeighbour)},
			{is(icmpType, 134), drop(spoofedNeighbour)},
			{is(icmpType, 135), drop(spoofedNeighbour)},
			{is(icmpType, 136), drop(spoofedNeighbour)},
			{is(icmpType, 137), drop(spoofedNeighbour)},
			// A header that can be read at all.
			{isNot(icmpType, 0), accept()},
			{drop(otherProtocol)},
		}},
		{name: "m6icmp", rules: []rule{
			about(133, "m6rs"),
			about(134, "role_router"),
			about(135, "m6ns"),
			about(136, "m6na"),
			about(137, "role_router"),
			{accept()},
		}},
		{name: "m6rs", rules: []rule{
			length(8).then(accept()),
			length(16).then(is(rsOption, 1, 1), in("rawmac", iifname, rsOptionMAC), accept()),
			length(16).then(is(rsOption, 1, 1), in("rawvmac", iifname, rsOptionMAC.prefix(virtualBits)), accept()),
			{drop(spoofedNeighbour)},
		}},
		{name: "m6ns", rules: []rule{
			length(24).then(accept()),
			length(32).then(is(ndOption, 0x0e, 1), accept()),
			length(32).then(is(ndOption, 1, 1), in("rawmac", iifname, ndOptionMAC), accept()),
			length(32).then(is(ndOption, 1, 1), in("rawvmac", iifname, ndOptionMAC.prefix(virtualBits)), accept()),
			{drop(spoofedNeighbour)},
		}},
		{name: "m6na", rules: []rule{
			length(24).then(accept()),
			length(32).then(is(ndOption, 2, 1), in("rawmac", iifname, ndOptionMAC), accept()),
			length(32).then(is(ndOption, 2, 1), in("rawvmac", iifname, ndOptionMAC.prefix(virtualBits)), accept()),
			{drop(spoofedNeighbour)},
		}},
	}
}
