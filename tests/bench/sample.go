package main

import (
	"slices"
	"time"
)

// A sample is what many runs of one thing took.
type sample struct{ wall, cpu []time.Duration }

func (s *sample) add(t timing) {
	s.wall, s.cpu = append(s.wall, t.wall), append(s.cpu, t.cpu)
}

// quantile is the value below which that part of the sorted sample lies; 0 of an empty one.
func quantile(values []time.Duration, part float64) time.Duration {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[min(int(part*float64(len(sorted))), len(sorted)-1)]
}

func median(values []time.Duration) time.Duration { return quantile(values, 0.5) }

// ratio is how many times as long a takes, by their medians; 0 where there is nothing to compare.
func ratio(a, b *sample) float64 {
	if a == nil || b == nil || len(b.wall) == 0 {
		return 0
	}
	return float64(median(a.wall)) / float64(median(b.wall))
}
