package firewall

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"vifctl/hooks/plan"
)

// A bucket is a chain that holds the rules of a few guests.
type bucket struct {
	family *xtFamily
	// stem says what the chain's rules are about, key which guests.
	stem, key string
}

const chainPrefix = "VIFCTL-"

func (b bucket) chain() string { return chainPrefix + b.stem + "-" + b.key }

func (b bucket) kind() *bucketKind { return bucketKinds[b.stem] }

// bucketKind is what all buckets of a stem have in common.
type bucketKind struct {
	table string
	// lines are the rules of a bucket, without "-A CHAIN".
	lines func(b bucket, held []plan.Rule) []string
	// each: a line for each of our rules, no more and no less.
	each bool
}

// count tells how many lines there are.
func (k *bucketKind) count(b bucket, held []plan.Rule) int {
	if k.each {
		return len(held)
	}
	return len(k.lines(b, held))
}

// The stems. Their order within a chain is their order here.
const (
	stemIn      = "I" // what comes in from routed ports
	stemAlone   = "V" // what goes out to private ports
	stemOut     = "O" // what goes out to routed ports
	stemTCP     = "T" // forwarded ports, 256 a bucket
	stemUDP     = "U"
	stemPublic  = "D" // public addresses
	stemPrivate = "S" // private ones, by the last byte of the address
	stemStay    = "X" // routed ports: what goes there does not leave the host
	stemAddress = "A" // guests' addresses, by the last byte
	stemNet     = "N" // guests' prefixes
	stemPort    = "P" // ports whose packets are checked
)

var bucketKinds = map[string]*bucketKind{
	stemIn:      {"mangle", inLines, true},
	stemAlone:   {"mangle", aloneLines, true},
	stemOut:     {"mangle", outLines, true},
	stemTCP:     {"nat", forwardLines, true},
	stemUDP:     {"nat", forwardLines, true},
	stemPublic:  {"nat", publicLines, true},
	stemPrivate: {"nat", privateLines, true},
	stemStay:    {"nat", stayLines, false},
	stemAddress: {"raw", addressLines, false},
	stemNet:     {"raw", addressLines, false},
	stemPort:    {"raw", portLines, false},
}

// bucketOf finds the bucket that a chain of the kernel's is; ok is false for
// any other chain.
func bucketOf(f *xtFamily, chain string) (b bucket, ok bool) {
	rest, ours := strings.CutPrefix(chain, chainPrefix)
	stem, key, found := strings.Cut(rest, "-")
	if !ours || !found || bucketKinds[stem] == nil {
		return bucket{}, false
	}
	return bucket{f, stem, key}, true
}

// A piece is what of a rule is in one bucket.
type piece struct {
	bucket
	rule plan.Rule
}

// pieces tells where a rule is to be found: nowhere, where nf_tables does what
// it wants.
func (x *IPTables) pieces(r plan.Rule) []piece {
	r.Absent, r.Dev.Index = false, 0
	var all []piece
	each := func(f *xtFamily, stem, key string, r plan.Rule) {
		all = append(all, piece{bucket{f, stem, key}, r})
	}
	for _, f := range x.families {
		if r.Kind == plan.RuleRouted && len(x.options.Uplinks) == 0 {
			key := byName(r.Dev.Name)
			each(f, stemStay, key[:min(longestStay, len(key))], r)
		}
		if isGuard(r) && x.guard != nil {
			continue
		}
		switch r.Kind {
		case plan.RuleRouted:
			each(f, stemIn, byName(r.Dev.Name), r)
			each(f, stemOut, byName(r.Dev.Name), r)
		case plan.RulePrivate:
			each(f, stemAlone, byName(r.Dev.Name), r)
		case plan.RulePrivate4:
			if !f.is6 {
				each(f, stemAlone, byName(r.Dev.Name), r)
			}
		case plan.RuleStrict, plan.RuleMAC, plan.RuleOwnMAC:
			each(f, stemPort, byName(r.Dev.Name), r)
		case plan.RuleOwnAddress:
			r.Prefix = r.Prefix.Masked()
			if !f.of(r.Prefix.Addr()) {
				continue
			}
			each(f, stemPort, byName(r.Dev.Name), r)
			switch {
			case r.Prefix.Addr().IsLinkLocalUnicast():
			case r.Prefix.IsSingleIP():
				each(f, stemAddress, byAddress(r.Prefix.Addr()), r)
			default:
				each(f, stemNet, "all", r)
			}
		case plan.RuleOneToOne:
			if f.of(r.Public) {
				each(f, stemPublic, byAddress(r.Public), r)
				each(f, stemPrivate, byAddress(r.Private), r)
			}
		case plan.RuleMasquerade:
			if f.of(r.Private) {
				each(f, stemPrivate, byAddress(r.Private), r)
			}
		case plan.RuleForward:
			if f.of(r.Public) {
				all = append(all, forwardPieces(f, r)...)
			}
		}
	}
	return all
}

// forwardPieces cuts a range of ports where buckets end.
func forwardPieces(f *xtFamily, r plan.Rule) []piece {
	stem := stemTCP
	if r.Protocol == "udp" {
		stem = stemUDP
	}
	if r.To == r.First {
		r.To = 0
	}
	if r.From = r.From.Masked(); r.From.Bits() <= 0 {
		r.From = netip.Prefix{}
	}
	var all []piece
	for high := r.First >> 8; high <= r.Last>>8; high++ {
		part := r
		part.First, part.Last = max(r.First, high<<8), min(r.Last, high<<8|0xff)
		all = append(all, piece{bucket{f, stem, fmt.Sprintf("%02x", high)}, part})
		if high == 0xff {
			break
		}
	}
	return all
}

// byName is the bucket of an interface: its name but for the last four
// letters, so that vif1000.0 to vif1099.0 are in one.
func byName(name string) string { return name[:max(1, len(name)-4)] }

func byAddress(a netip.Addr) string {
	s := a.AsSlice()
	return fmt.Sprintf("%02x", s[len(s)-1])
}

// The content of a bucket is a list of rules, and each of them there once.

// with is a bucket's content with a rule in it, and without what says
// otherwise about the same traffic.
func with(held []plan.Rule, p piece) []plan.Rule {
	if contains(held, p) {
		return held
	}
	switch p.stem {
	case stemTCP, stemUDP:
		held = cutOut(held, p.rule, func(plan.Rule) bool { return true })
	case stemPublic:
		held = slices.DeleteFunc(slices.Clone(held), func(h plan.Rule) bool { return h.Public == p.rule.Public })
	}
	return append(slices.Clone(held), p.rule)
}

// without is a bucket's content without a rule.
func without(held []plan.Rule, p piece) []plan.Rule {
	switch p.stem {
	case stemTCP, stemUDP:
		return cutOut(held, p.rule, func(h plan.Rule) bool { return sameTarget(h, p.rule) })
	}
	return slices.DeleteFunc(slices.Clone(held), func(h plan.Rule) bool { return h == p.rule })
}

// contains reports whether all of a rule is in a bucket's content.
func contains(held []plan.Rule, p piece) bool {
	if p.stem != stemTCP && p.stem != stemUDP {
		return slices.Contains(held, p.rule)
	}
	missing := cutOut([]plan.Rule{p.rule}, plan.Rule{}, nil)
	for _, h := range held {
		if sameTarget(h, p.rule) {
			missing = cutOut(missing, h, func(plan.Rule) bool { return true })
		}
	}
	return len(missing) == 0
}

// sameTarget: both lead to the same place.
func sameTarget(a, b plan.Rule) bool { return a.Private == b.Private && a.To == b.To }

// cutOut takes the ports of cut out of those rules that are about the same
// address and source and that which says so.
func cutOut(held []plan.Rule, cut plan.Rule, which func(plan.Rule) bool) []plan.Rule {
	var left []plan.Rule
	for _, h := range held {
		if h.Public != cut.Public || h.From != cut.From || h.Last < cut.First || h.First > cut.Last || !which(h) {
			left = append(left, h)
			continue
		}
		below, above := h, h
		if h.First < cut.First {
			below.Last = cut.First - 1
			left = append(left, below)
		}
		if h.Last > cut.Last {
			above.First = cut.Last + 1
			left = append(left, above)
		}
	}
	return left
}

// What a bucket's rules come to, as lines of iptables.

func inLines(_ bucket, held []plan.Rule) (lines []string) {
	for _, r := range held {
		lines = append(lines, "-i "+r.Dev.Name+" -j "+guestChain)
	}
	return lines
}

func outLines(_ bucket, held []plan.Rule) (lines []string) {
	for _, r := range held {
		lines = append(lines, "-o "+r.Dev.Name+" -j "+guestChain)
	}
	return lines
}

func aloneLines(_ bucket, held []plan.Rule) (lines []string) {
	for _, r := range held {
		lines = append(lines, "-o "+r.Dev.Name+" -j "+privateChain)
	}
	return lines
}

// forwardLines: a forward for one source goes before a forward for all.
func forwardLines(b bucket, held []plan.Rule) (lines []string) {
	held = slices.Clone(held)
	slices.SortStableFunc(held, func(a, b plan.Rule) int {
		return cmp.Or(cmp.Compare(b.From.Bits(), a.From.Bits()), a.Public.Compare(b.Public), cmp.Compare(a.First, b.First))
	})
	for _, r := range held {
		line := ""
		if r.From.IsValid() {
			line = "-s " + r.From.String() + " "
		}
		ports := fmt.Sprint(r.First)
		if r.Last > r.First {
			ports = fmt.Sprintf("%d:%d", r.First, r.Last)
		}
		lines = append(lines, fmt.Sprintf("%s-d %s -p %s -m %s --dport %s -j DNAT --to-destination %s",
			line, whole(r.Public), r.Protocol, r.Protocol, ports, b.family.to(r.Private, r.To)))
	}
	return lines
}

func publicLines(_ bucket, held []plan.Rule) (lines []string) {
	for _, r := range held {
		lines = append(lines, fmt.Sprintf("-d %s -j DNAT --to-destination %s", whole(r.Public), r.Private))
	}
	return lines
}

// privateLines: of several public addresses the first is the one in use.
func privateLines(_ bucket, held []plan.Rule) (lines []string) {
	for _, r := range held {
		if r.Kind == plan.RuleOneToOne {
			lines = append(lines, fmt.Sprintf("-s %s -j SNAT --to-source %s", whole(r.Private), r.Public))
		}
	}
	for _, r := range held {
		if r.Kind == plan.RuleMasquerade {
			lines = append(lines, fmt.Sprintf("-s %s -j MASQUERADE", whole(r.Private)))
		}
	}
	return lines
}

func stayLines(b bucket, held []plan.Rule) (lines []string) {
	for _, r := range held {
		lines = append(lines, "-o "+r.Dev.Name+" -j RETURN")
	}
	return append(lines, "-g "+leavingChain(len(b.key)-1))
}

// addressLines: whose address it is may use it, nobody else.
func addressLines(b bucket, held []plan.Rule) (lines []string) {
	var known []netip.Prefix
	for _, r := range held {
		lines = append(lines, fmt.Sprintf("-i %s -s %s -j RETURN", r.Dev.Name, r.Prefix))
		if !slices.Contains(known, r.Prefix) {
			known = append(known, r.Prefix)
		}
	}
	for _, p := range known {
		lines = append(lines, fmt.Sprintf("-s %s -j DROP", p))
	}
	if b.stem == stemAddress {
		lines = append(lines, "-g "+netsChain)
	}
	return lines
}

// portLines check the source of what a port sends, by hardware address and
// address together.
func portLines(b bucket, held []plan.Rule) (lines []string) {
	var ports []string
	for _, r := range held {
		if !slices.Contains(ports, r.Dev.Name) && (r.Kind == plan.RuleStrict || r.Kind == plan.RuleMAC) {
			ports = append(ports, r.Dev.Name)
		}
	}
	for _, port := range ports {
		own := func(kind plan.RuleKind) []plan.Rule {
			return slices.DeleteFunc(slices.Clone(held), func(r plan.Rule) bool { return r.Dev.Name != port || r.Kind != kind })
		}
		for _, hw := range own(plan.RuleOwnMAC) {
			from := fmt.Sprintf("-i %s -m mac --mac-source %s", port, hw.MAC)
			if len(own(plan.RuleStrict)) == 0 {
				lines = append(lines, from+" -j RETURN")
				continue
			}
			if b.family.is6 {
				lines = append(lines, from+" -s ::/128 -g "+anyChain)
			} else {
				lines = append(lines, from+" -s 0.0.0.0/32 -d 255.255.255.255/32 -p udp -m udp --sport 68 --dport 67 -j RETURN")
			}
			for _, a := range own(plan.RuleOwnAddress) {
				lines = append(lines, fmt.Sprintf("%s -s %s -g %s", from, a.Prefix, ownChain))
			}
		}
		lines = append(lines, "-i "+port+" -j DROP")
	}
	return lines
}

func whole(a netip.Addr) string { return netip.PrefixFrom(a, a.BitLen()).String() }
