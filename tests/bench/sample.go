package main

import (
	"slices"
	"time"
)

// A sample is what one program took, round by round. All that is measured beside each other has a timing in every round.
type sample []timing

// A figure is one number of a timing.
type figure func(timing) float64

func byClock(t timing) float64  { return t.wall.Seconds() }
func byCPU(t timing) float64    { return t.cpu.Seconds() }
func byFaults(t timing) float64 { return float64(t.faults) }

// quantile is the value below which that part of the sorted values lies; 0 where there are none.
func quantile(values []float64, part float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[min(int(part*float64(len(sorted))), len(sorted)-1)]
}

// of is a quantile of the sample.
func (s sample) of(m figure, part float64) float64 {
	values := make([]float64, len(s))
	for i, t := range s {
		values[i] = m(t)
	}
	return quantile(values, part)
}

// ms is the median in milliseconds.
func (s sample) ms(m figure) float64 { return s.of(m, 0.5) * 1000 }

// times is how many times as much a takes as b, the median of all rounds: what else the machine had to do in a round both
// had to bear. 0 where there is nothing to compare.
func times(a, b sample, m figure) float64 {
	var all []float64
	for i := range min(len(a), len(b)) {
		if base := m(b[i]); base > 0 {
			all = append(all, m(a[i])/base)
		}
	}
	return quantile(all, 0.5)
}

// median is the middle one.
func median(values []time.Duration) time.Duration {
	if len(values) == 0 {
		return 0
	}
	return slices.Sorted(slices.Values(values))[len(values)/2]
}
