package firewall

import (
	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// MarkPriority is that of the chain which marks what routed guests' ports forward. It is in front of
// the chains that others filter forwarded packets in (priority 0): they are to see the mark.
const MarkPriority = -10

// markPart marks what routed ports forward. An accept of ours cannot overrule a
// drop in another program's table; one rule there that accepts the mark can.
var markPart = &part{
	name:    "mark",
	table:   inetTable,
	version: 1,
	define:  func() (sets, byLength []setDef) { return []setDef{{"gports", setOf(ifname)}}, nil },
	chains: func(o Options, _ lengths) []chain {
		return []chain{{
			name: "forward", kind: nftables.ChainTypeFilter, hook: unix.NF_INET_FORWARD, priority: MarkPriority,
			rules: []rule{
				{in("gports", iifname), orMark(o.Mark)},
				{in("gports", oifname), orMark(o.Mark)},
			},
		}}
	},
}

// privatePart keeps strangers from a private guest's own address, which a
// neighbour could add a route to. It is a part of its own because it wants
// connection tracking.
var privatePart = &part{
	name:     "private",
	table:    inetTable,
	needs:    []*part{markPart},
	version:  2,
	counters: []string{notPublic},
	define: func() (sets, byLength []setDef) {
		return []setDef{{"natports", setOf(ifname)}, {"natports4", setOf(ifname)}}, nil
	},
	chains: func(Options, lengths) []chain {
		strange := rule{
			notIn("gports", iifname),
			none(ctState.and(host(expr.CtStateBitESTABLISHED | expr.CtStateBitRELATED)...)),
			none(ctStatus.and(host(statusDNAT)...)),
			refuse(notPublic),
		}
		return []chain{{
			name: "forward_private", kind: nftables.ChainTypeFilter, hook: unix.NF_INET_FORWARD, priority: MarkPriority,
			rules: []rule{
				rule{in("natports", oifname)}.then(strange...),
				over4().then(in("natports4", oifname)).then(strange...),
			},
		}}
	},
}

// statusDNAT is IPS_DST_NAT (linux/netfilter/nf_conntrack_common.h).
const statusDNAT = 1 << 5

// orMark sets a bit of the packet's mark and leaves the others, which may mean
// something to others.
func orMark(bit uint32) clause {
	return clause{exprs: []expr.Any{
		&expr.Meta{Key: expr.MetaKeyMARK, Register: firstRegister},
		&expr.Bitwise{
			SourceRegister: firstRegister, DestRegister: firstRegister,
			Len: 4, Mask: host(^bit), Xor: host(bit),
		},
		&expr.Meta{Key: expr.MetaKeyMARK, Register: firstRegister, SourceRegister: true},
	}}
}
