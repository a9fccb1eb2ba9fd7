package main

import (
	"time"

	"vifctl/tests/bench/figures"
)

// What vifctl has to be.
const (
	// mostPerCall is what a call may take on a machine on which an empty Go program takes emptyThere.
	mostPerCall = 4 * time.Millisecond
	emptyThere  = 1400 * time.Microsecond
	// leastFaster than the scripts, without other ports.
	leastFaster = 11.0
	// mostGrowth from the least to the most ports.
	mostGrowth = 1.3
	// mostPrototypes is what a call may take in times of the bare prototype's, without other ports.
	mostPrototypes = 1.5
)

// verdicts judges by the medians, and by the worst of the calls.
func (r *report) verdicts() []figures.Verdict {
	sizes := r.scope.sizes
	few, many := sizes[0], sizes[len(sizes)-1]

	scaled := func(k row) float64 {
		return figures.MS(median(r.of(k, empty).wall)) * float64(mostPerCall) / float64(emptyThere)
	}
	slow, measured := r.worst(few, func(k row) float64 { return figures.MS(median(r.of(k, vifctl).wall)) / scaled(k) })
	slow.who = vifctl
	limit := scaled(slow)

	near, faster := r.worst(few, func(k row) float64 { return -ratio(r.of(k, debian), r.of(k, vifctl)) })
	// The two sizes are measured minutes apart: what the machine itself became slower by meanwhile, an empty program shows.
	drift := func(k row) float64 { return ratio(r.of(k, empty), r.of(k.at(few), empty)) }
	grown, growth := r.worst(many, func(k row) float64 { return ratio(r.of(k, vifctl), r.of(k.at(few), vifctl)) / drift(k) })
	bare, prototypes := r.worst(few, func(k row) float64 { return ratio(r.of(k, vifctl), r.of(k, prototype)) })

	return []figures.Verdict{
		figures.Judge(measured <= 1, "ours at most %.0f ms where an empty Go program takes %.1f (scaled: limit %.2f, measured %.2f: %s)",
			figures.MS(mostPerCall), figures.MS(emptyThere), limit, measured*limit, slow),
		figures.Judge(-faster >= leastFaster, "at least %.0f times faster than the scripts at %d ports (%.1f: %s)", leastFaster, few, -faster, near),
		figures.Judge(growth <= mostGrowth, "at %d ports at most %.1f times its own figure at %d, in times of an empty program's (%.2f: %s; by the clock %.2f)",
			many, mostGrowth, few, growth, grown, growth*drift(grown)),
		r.withoutFailure(),
		figures.Judge(prototypes <= mostPrototypes, "at most %.1f times the bare prototype at %d ports (%.2f: %s)", mostPrototypes, few, prototypes, bare),
	}
}

// withoutFailure is the verdict on calls at once.
func (r *report) withoutFailure() figures.Verdict {
	calls, failures := 0, 0
	for k, rush := range r.rushes {
		if k.who == vifctl {
			calls, failures = calls+rush.calls, failures+rush.failures
		}
	}
	return figures.Judge(failures == 0 && calls > 0, "%d at once without one failure (%d of %d failed)", crowd, failures, calls)
}

// worst finds the call, with that many ports present, of which the measure is highest.
func (r *report) worst(size int, measure func(row) float64) (worst row, most float64) {
	found := false
	for _, k := range r.lines() {
		if k.size != size {
			continue
		}
		if m := measure(k); !found || m > most {
			worst, most, found = k, m, true
		}
	}
	return worst, most
}

// at is the same with another number of ports present.
func (k row) at(size int) row {
	k.size = size
	return k
}

// String names a call.
func (k row) String() string { return k.mode + " " + k.command }
