package firewall

import (
	"github.com/google/nftables"
)

// TableName is what every table of ours is called, one a family. Nothing else
// is ever touched.
const TableName = "vifctl"

var (
	bridgeTable = &nftables.Table{Name: TableName, Family: nftables.TableFamilyBridge}
	inetTable   = &nftables.Table{Name: TableName, Family: nftables.TableFamilyINet}
	arpTable    = &nftables.Table{Name: TableName, Family: nftables.TableFamilyARP}
)

// A part is a piece of the fixed base that is made when a rule first needs it:
// a host that only bridges must not pay for NAT's hooks with every packet.
type part struct {
	name  string
	table *nftables.Table
	// needs are parts whose sets this one's rules look into.
	needs []*part
	// version changes with the sets, the chains or the rules: what an older
	// vifctl made is then made again, and the elements stay. A test sees to it.
	version  uint32
	counters []string
	// define lists its sets, and those that are made on demand, one for each prefix length
	// in use. Like chains it is asked when it is needed: a program that never comes to a
	// firewall has no work with it.
	define func() (sets, byLength []setDef)
	chains func(o Options, inUse lengths) []chain
}

// sets are its fixed sets, byLength those for each prefix length in use.
func (p *part) sets() []setDef {
	sets, _ := p.define()
	return sets
}

func (p *part) byLength() []setDef {
	_, byLength := p.define()
	return byLength
}

// A chain is a chain of fixed rules.
type chain struct {
	name string
	// kind, hook and priority are a base chain's: kind is "" for another.
	kind     nftables.ChainType
	hook     uint32
	priority nftables.ChainPriority
	rules    []rule
}

// lengths are the prefix lengths in use, by a set's stem, the longest first.
type lengths map[string][]int

// marker is the set whose one element says which version of a part, made for
// which options, is there.
func (p *part) marker() setDef { return setDef{"fixed_" + p.name, setOf(number)} }

// stamp is the marker's element.
func (p *part) stamp(o Options) uint32 {
	stamp := p.version<<1 ^ o.Mark
	if len(o.Uplinks) > 0 {
		stamp ^= 1
	}
	return stamp
}

// uses counts, for each chain, what the kernel counts: its rules, and the
// rules that lead to it.
func uses(chains []chain) map[string]int {
	n := make(map[string]int, len(chains))
	for _, c := range chains {
		n[c.name] += len(c.rules)
		for _, r := range c.rules {
			for _, word := range r {
				if word.target != "" {
					n[word.target]++
				}
			}
		}
	}
	return n
}

// parts are all there are, needed ones before those that need them.
var parts = []*part{bridgePart, belowPart, belowARPPart, arpPart, routedPart, markPart, privatePart, natPart}

// beforeOthers comes before foreign chains of priority -300, the bridge's own
// connection tracking and br_netfilter; in inet after defragmentation (-400).
const beforeOthers = -310
