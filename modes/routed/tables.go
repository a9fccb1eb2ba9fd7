package routed

import (
	"math/bits"
	"strconv"
	"strings"

	"vifctl/hooks/plan"
)

// table is one limit of the kernel's tables.
type table struct {
	path string
	want int
	// most: it is lowered to want, not raised.
	most bool
}

// Sizes for a guest: a busy one has some thousand connections, and an entry
// takes 320 bytes, so that 200 guests may fill 160 MiB. Its neighbour entries
// are those of a few addresses at a few ports.
const (
	connectionsPerGuest = 2048
	mostConnections     = 1 << 22
	leastConnections    = 1 << 16
	neighboursPerGuest  = 8
	leastNeighbours     = 1 << 10
)

// Timeouts, in seconds. A TCP connection may be idle for two hours and four
// minutes (RFC 5382, REQ-5), not for the kernel's five days: a scan of a guest
// would fill the table for as long.
const (
	establishedTimeout = 7440
	genericTimeout     = 120
)

// tables are the limits for a number of guests; none for 0.
func tables(guests int) []table {
	if guests == 0 {
		return nil
	}
	connections := power(min(max(guests*connectionsPerGuest, leastConnections), mostConnections))
	neighbours := power(leastNeighbours + guests*neighboursPerGuest)
	list := []table{
		// The kernel's own ratio since Linux 5.15: a bucket an entry.
		{path: "net/netfilter/nf_conntrack_buckets", want: connections},
		{path: "net/netfilter/nf_conntrack_max", want: connections},
		{path: "net/netfilter/nf_conntrack_tcp_timeout_established", want: establishedTimeout, most: true},
		{path: "net/netfilter/nf_conntrack_generic_timeout", want: genericTimeout, most: true},
	}
	for _, family := range []string{"ipv4", "ipv6"} {
		for i, want := range []int{neighbours, neighbours / 2, neighbours / 4} {
			list = append(list, table{path: "net/" + family + "/neigh/default/gc_thresh" + strconv.Itoa(3-i), want: want})
		}
	}
	return list
}

// GuestsFor is the number of guests whose table of connections holds as many as asked, 0 where no
// number does.
func GuestsFor(connections int) int {
	if connections > mostConnections {
		return 0
	}
	return (connections + connectionsPerGuest - 1) / connectionsPerGuest
}

// power is the least power of two that is not less than n: the kernel rounds
// the number of its buckets.
func power(n int) int { return 1 << bits.Len(uint(n-1)) }

// room makes the tables large enough, and nothing smaller than it is.
func room(p *plan.Plan, guests int, s *plan.Snapshot) {
	var missing []string
	for _, t := range tables(guests) {
		now, err := strconv.Atoi(s.Settings[t.path])
		if err != nil {
			missing = append(missing, t.path)
			continue
		}
		want := max(now, t.want)
		if t.most {
			want = min(now, t.want)
		}
		p.Steps = append(p.Steps, plan.Setting{Path: t.path, Want: strconv.Itoa(want), Tolerant: true})
	}
	if len(missing) > 0 {
		p.Warn("the tables for %d guests are not all set: this kernel has no %s (is nf_conntrack loaded? a namespace has no such settings of its own)",
			guests, strings.Join(missing, ", no "))
	}
}
