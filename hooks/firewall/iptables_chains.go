package firewall

import (
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"
)

// The fixed chains.
const (
	forwardChain = chainPrefix + "FORWARD"
	guestChain   = chainPrefix + "GUEST"
	privateChain = chainPrefix + "PRIVATE"

	preroutingChain  = chainPrefix + "PREROUTING"
	outputChain      = chainPrefix + "OUTPUT"
	postroutingChain = chainPrefix + "POSTROUTING"
	dnatChain        = chainPrefix + "DNAT"
	snatChain        = chainPrefix + "SNAT"

	sourceChain = chainPrefix + "SOURCE"
	othersChain = chainPrefix + "OTHERS"
	netsChain   = chainPrefix + "NETS"
	anyChain    = chainPrefix + "ANY"
	ownChain    = chainPrefix + "OWN"
)

// xtChain is a chain of iptables as it should be.
type xtChain struct {
	name string
	// hook is the kernel's chain that leads here, "" for none.
	hook  string
	lines []string
	// shared: buckets lead here, too.
	shared bool
}

// led counts the lines of chains that lead to each, and the kernel's.
func led(chains []xtChain) map[string]int {
	n := map[string]int{}
	for _, c := range chains {
		if c.hook != "" {
			n[c.name]++
		}
		for _, line := range c.lines {
			if i := strings.LastIndexByte(line, ' '); i >= 0 {
				n[line[i+1:]]++
			}
		}
	}
	return n
}

// fixed are a table's chains but for the buckets, and lead to these.
func (x *IPTables) fixed(f *xtFamily, table string, inUse []bucket) []xtChain {
	switch table {
	case "mangle":
		return x.mangleChains(inUse)
	case "nat":
		return x.natChains(f, inUse)
	case "raw":
		return rawChains(f, inUse)
	}
	return nil
}

// mangleChains mark what routed ports forward, for somebody else's filter, and
// keep strangers from private guests. A flow that is known gets no further than
// the second rule. A private guest is asked for what was not led to it by a
// public address, and does not come from another guest, which has the mark by
// then.
func (x *IPTables) mangleChains(inUse []bucket) []xtChain {
	mark := fmt.Sprintf("0x%x", x.options.Mark)
	both := mark + "/" + mark
	lines := []string{
		"-m connmark --mark " + both + " -j MARK --or-mark " + mark,
		"-m conntrack --ctstate RELATED,ESTABLISHED -j RETURN",
	}
	lines = append(lines, dispatch(inUse, stemIn, func(b bucket) string { return "-i " + b.key + "+ -j " + b.chain() })...)
	lines = append(lines, dispatch(inUse, stemAlone, func(b bucket) string { return "-o " + b.key + "+ -j " + b.chain() })...)
	lines = append(lines, dispatch(inUse, stemOut, func(b bucket) string { return "-o " + b.key + "+ -j " + b.chain() })...)
	return []xtChain{
		{name: forwardChain, hook: "FORWARD", lines: lines},
		{
			name: guestChain, shared: true,
			lines: []string{"-j CONNMARK --or-mark " + mark, "-j MARK --or-mark " + mark},
		},
		{name: privateChain, shared: true, lines: []string{
			"-m mark --mark " + both + " -j RETURN",
			"-m conntrack --ctstate DNAT -j RETURN",
			"-j DROP",
		}},
	}
}

func (x *IPTables) natChains(f *xtFamily, inUse []bucket) []xtChain {
	ports := func(protocol string) func(bucket) string {
		return func(b bucket) string {
			high, _ := strconv.ParseUint(b.key, 16, 8)
			return fmt.Sprintf("-p %s -m %s --dport %d:%d -j %s", protocol, protocol, high<<8, high<<8|0xff, b.chain())
		}
	}
	chains := []xtChain{
		{name: preroutingChain, hook: "PREROUTING", lines: []string{"-j " + dnatChain}},
		{name: outputChain, hook: "OUTPUT", lines: []string{"-j " + dnatChain}},
		{name: dnatChain, lines: slices.Concat(
			dispatch(inUse, stemTCP, ports("tcp")),
			dispatch(inUse, stemUDP, ports("udp")),
			dispatch(inUse, stemPublic, func(b bucket) string { return "-d " + f.lastByte(b.key) + " -j " + b.chain() }),
		)},
		{
			name: snatChain, shared: len(x.options.Uplinks) == 0,
			lines: dispatch(inUse, stemPrivate, func(b bucket) string { return "-s " + f.lastByte(b.key) + " -j " + b.chain() }),
		},
	}
	leaving := []string{"-m conntrack --ctstate DNAT -j " + snatChain}
	for _, uplink := range x.options.Uplinks {
		leaving = append(leaving, "-o "+uplink+" -j "+snatChain)
	}
	if len(x.options.Uplinks) > 0 {
		return append(chains, xtChain{name: postroutingChain, hook: "POSTROUTING", lines: leaving})
	}
	// Whatever does not go to a guest leaves. A goto never comes back, so that
	// a RETURN anywhere down here ends the search.
	chains = append(chains, xtChain{
		name: postroutingChain, hook: "POSTROUTING", lines: append(leaving, "-j "+leavingChain(longestStay)),
	})
	for length := longestStay; length > 0; length-- {
		lines := dispatch(inUse, stemStay, func(b bucket) string {
			if len(b.key) != length {
				return ""
			}
			return "-o " + b.key + "+ -g " + b.chain()
		})
		chains = append(chains, xtChain{name: leavingChain(length), shared: true, lines: append(lines, "-g "+leavingChain(length-1))})
	}
	return chains
}

// longestStay is the length of a key in stemStay at most: nf_tables wants no
// more than sixteen chains behind each other.
const longestStay = 5

// leavingChain goes on with the interfaces in buckets of keys so long.
func leavingChain(length int) string {
	if length == 0 {
		return snatChain
	}
	return chainPrefix + "LEAVING" + strconv.Itoa(length)
}

// rawChains check what routed ports send where nf_tables cannot.
func rawChains(f *xtFamily, inUse []bucket) []xtChain {
	nets := dispatch(inUse, stemNet, func(b bucket) string { return "-g " + b.chain() })
	others := dispatch(inUse, stemAddress, func(b bucket) string { return "-s " + f.lastByte(b.key) + " -g " + b.chain() })
	chains := []xtChain{
		{
			name: sourceChain, hook: "PREROUTING",
			lines: append([]string{"-j " + othersChain},
				dispatch(inUse, stemPort, func(b bucket) string { return "-i " + b.key + "+ -j " + b.chain() })...),
		},
		{name: othersChain, lines: append(others, "-g "+netsChain)},
		{name: netsChain, shared: true, lines: nets},
	}
	if !f.is6 {
		return append(chains, xtChain{name: ownChain, shared: true, lines: []string{
			"-p udp -m udp --sport 67 -j DROP",
			"-p icmp -m icmp --icmp-type 5 -j DROP",
			"-p icmp -m icmp --icmp-type 9 -j DROP",
			"-p igmp -m u32 --u32 0>>22&0x3C@0>>24=0x11 -j DROP",
		}})
	}
	icmp := func(types ...int) (lines []string) {
		for _, t := range types {
			lines = append(lines, fmt.Sprintf("-p ipv6-icmp -m icmp6 --icmpv6-type %d -j RETURN", t))
		}
		return lines
	}
	return append(
		chains,
		xtChain{name: anyChain, shared: true, lines: append(icmp(135, 133, 131, 132, 143), "-j DROP")},
		xtChain{name: ownChain, shared: true, lines: append(append([]string{"-p udp -m udp --sport 547 -j DROP"},
			icmp(1, 2, 3, 4, 128, 129, 131, 132, 133, 135, 136, 143)...), "-p ipv6-icmp -j DROP")},
	)
}

// dispatch leads to the buckets of one stem, in the order of their keys.
func dispatch(inUse []bucket, stem string, line func(bucket) string) (lines []string) {
	for _, b := range inUse {
		if b.stem == stem {
			if l := line(b); l != "" {
				lines = append(lines, l)
			}
		}
	}
	return lines
}

// stamp tells one version of the fixed chains, and one set of options, from
// another.
func (x *IPTables) stamp(f *xtFamily, table string) string {
	sum := fnv.New64a()
	for _, c := range x.fixed(f, table, nil) {
		fmt.Fprintln(sum, c.name, c.hook, strings.Join(c.lines, "\n"))
	}
	return fmt.Sprintf("%s %016x", x.variant, sum.Sum64())
}
