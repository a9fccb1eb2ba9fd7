package main

import (
	"vifctl/tests/bench/figures"
)

// What vifctl has to be.
const (
	// mostPrototypes is what a call of bridge and route may take in times of the bare prototype's, and mostStrict one of nat
	// with a public address and strict antispoofing, without other ports.
	mostPrototypes, mostStrict = 1.4, 2.2
	// leastFaster than the scripts, without other ports.
	leastFaster = 11.0
	// mostGrowth from the least to the most ports.
	mostGrowth = 1.3
)

// verdicts judges by the medians, and by the worst of the calls.
func (r *report) verdicts() []figures.Verdict {
	few, many := r.scope.sizes[0], r.scope.sizes[len(r.scope.sizes)-1]
	var all []figures.Verdict
	for _, m := range modes {
		limit := mostPrototypes
		if m.strict {
			limit = mostStrict
		}
		bare := func(k row) float64 { return times(r.of(k, vifctl), r.of(k, prototype), byCPU) }
		worst, most := r.worst(few, func(k row) float64 {
			if k.mode != m.name {
				return 0
			}
			return bare(k)
		})
		all = append(all, figures.Judge(most > 0 && most <= limit, "%s: at most %.1f times the CPU time of the bare prototype (%.2f: %s; by the clock %.2f)",
			m.name, limit, most, worst, times(r.of(worst, vifctl), r.of(worst, prototype), byClock)))
	}
	// The two sizes are measured minutes apart: what the machine itself became slower by meanwhile, an empty program shows.
	growth := func(k row, m figure) float64 {
		return over(times(r.of(k, vifctl), r.of(k, empty), m), times(r.of(k.at(few), vifctl), r.of(k.at(few), empty), m))
	}
	grown, most := r.worst(many, func(k row) float64 { return growth(k, byCPU) })
	all = append(all, figures.Judge(most > 0 && most <= mostGrowth, "at %d ports at most %.1f times its own CPU time at %d, in times of an empty program's (%.2f: %s; by the clock %.2f)",
		many, mostGrowth, few, most, grown, growth(grown, byClock)))
	if r.scope.beside {
		near, slower := r.worst(few, func(k row) float64 { return over(1, times(r.of(k, debian), r.of(k, vifctl), byClock)) })
		all = append(all, figures.Judge(slower > 0 && 1/slower >= leastFaster, "at least %.0f times faster than the scripts at %d ports (%.1f: %s)", leastFaster, few, over(1, slower), near))
	}
	return append(all, r.withoutFailure())
}

// withoutFailure is the verdict on calls at once.
func (r *report) withoutFailure() figures.Verdict {
	calls, failures := 0, 0
	for k, rush := range r.rushes {
		if k.who == vifctl {
			calls, failures = calls+rush.calls, failures+rush.failures
		}
	}
	return figures.Judge(failures == 0 && calls > 0, "%d at once, and the %d of %d guests that leave, without one failure (%d of %d failed)", crowd, 2*leavers, leavers, failures, calls)
}

// worst finds the call, with that many ports present, of which the measure is highest.
func (r *report) worst(size int, measure func(row) float64) (worst row, most float64) {
	for _, k := range r.lines() {
		if k.size != size {
			continue
		}
		if m := measure(k); m > most || worst == (row{}) {
			worst, most = k, m
		}
	}
	return worst, most
}

// over is a divided by b; 0 where there is nothing to divide by.
func over(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}

// at is the same with another number of ports present.
func (k row) at(size int) row {
	k.size = size
	return k
}

// String names a call.
func (k row) String() string {
	if k.command == "" {
		return k.mode
	}
	return k.mode + " " + k.command
}
