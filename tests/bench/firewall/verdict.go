package main

import (
	"slices"
	"time"

	"vifctl/tests/bench/figures"
)

// What vifctl has to be.
const (
	// mostGrowth of nftables' figures, from no other guests to the most.
	mostGrowth = 1.25
	// mostForStrict is the CPU time that a call may take for antispoofing.
	mostForStrict = 4 * time.Millisecond
)

// verdicts judges by the medians. By iptables it may take longer the more guests there are: the table tells by how much.
func (r *report) verdicts() []figures.Verdict {
	many := r.scope.sizes[len(r.scope.sizes)-1]
	all := []figures.Verdict{
		r.growth("a guest's rules put in place by nftables", add, many),
		r.growth("a packet through the router, by nftables", packet, many),
		r.growth("a new flow through the router, by nftables", flow, many),
		r.growth("a connection through the router, by nftables", connection, many),
	}
	return append(all, r.forStrict()...)
}

// growth compares with the one of nftables' that stays without other guests, round by round: what else the machine had to
// do in a round both had to bear.
func (r *report) growth(words, what string, size int) figures.Verdict {
	grown := ratio(r.samples[key{nftables, what, size}], r.samples[key{control, what, size}])
	return figures.Judge(grown > 0 && grown <= mostGrowth,
		"%s: with %d guests at most %.2f times its figure with none (%.2f)", words, size, mostGrowth, grown)
}

// ratio is the median of how many times as long a took as b in the same round; 0 where there is nothing to compare.
func ratio(a, b *sample) float64 {
	if a == nil || b == nil {
		return 0
	}
	var all []float64
	for i := range min(len(a.wall), len(b.wall)) {
		if b.wall[i] > 0 {
			all = append(all, float64(a.wall[i])/float64(b.wall[i]))
		}
	}
	if len(all) == 0 {
		return 0
	}
	slices.Sort(all)
	return all[len(all)/2]
}

// forStrict judges the CPU time that the calls take for antispoofing alone.
func (r *report) forStrict() (all []figures.Verdict) {
	for _, command := range []string{online, offline} {
		var worst time.Duration
		of := "never called"
		for _, mode := range []string{"bridge", "route", "nat"} {
			what := mode + " " + command
			if more := r.used(strict, what, 0) - r.used(off, what, 0); r.used(strict, what, 0) > 0 && (of == "never called" || more > worst) {
				worst, of = more, mode
			}
		}
		all = append(all, figures.Judge(of != "never called" && worst <= mostForStrict,
			"strict antispoofing takes a call's %s at most %.0f ms more of CPU (%.2f: %s)", command, figures.MS(mostForStrict), figures.MS(worst), of))
	}
	return all
}
