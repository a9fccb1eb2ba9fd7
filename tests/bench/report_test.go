package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vifctl/tests/bench/figures"
)

func TestQuantile(t *testing.T) {
	ten := []float64{10, 1, 9, 2, 8, 3, 7, 4, 6, 5}
	for _, c := range []struct {
		values []float64
		part   float64
		want   float64
	}{
		{nil, 0.5, 0},
		{[]float64{7}, 0.9, 7},
		{ten, 0, 1},
		{ten, 0.5, 6},
		{ten, 0.9, 10},
		{ten, 1, 10},
	} {
		require.InDelta(t, c.want, quantile(c.values, c.part), 0, "%v of %v", c.part, c.values)
	}
	require.InDelta(t, 10, ten[0], 0, "the values are not reordered")
}

// took is a sample of so many milliseconds by the clock and of the processors, a round each.
func took(ms ...int) (s sample) {
	for _, n := range ms {
		d := time.Duration(n) * time.Millisecond
		s = append(s, timing{wall: d, cpu: d})
	}
	return s
}

// In a round in which the machine had more to do, all took longer: the ratio stays.
func TestTimesGoRoundByRound(t *testing.T) {
	require.InDelta(t, 2, times(took(2, 20, 200), took(1, 10, 100), byClock), 1e-9)
	require.InDelta(t, 2, times(took(2, 20, 9000), took(1, 10, 100), byCPU), 1e-9, "one round out of three does not count")
	require.Zero(t, times(took(1), nil, byClock))
}

// verdict is the one that begins with these words.
func verdict(t *testing.T, r *report, words string) figures.Verdict {
	t.Helper()
	for _, v := range r.verdicts() {
		if len(v.Words) >= len(words) && v.Words[:len(words)] == words {
			return v
		}
	}
	require.Failf(t, "no such verdict", "%s in %v", words, r.verdicts())
	return figures.Verdict{}
}

// A machine on which everything takes twice as long by then tells nothing of vifctl's own growth.
func TestGrowthIsInTimesOfAnEmptyProgram(t *testing.T) {
	grownBy := func(ours, emptys int) figures.Verdict {
		r := newReport(scope{sizes: []int{0, 5000}})
		for _, line := range r.lines() {
			for who, ms := range map[string]int{vifctl: ours, empty: emptys} {
				if line.size == 0 {
					ms = 10
				}
				k := line
				k.who = who
				if who == empty {
					k.command = ""
				}
				r.samples[k] = took(ms)
			}
		}
		return verdict(t, r, "at 5000 ports")
	}
	require.True(t, grownBy(24, 20).Kept, "%s", grownBy(24, 20))
	require.False(t, grownBy(14, 10).Kept, "%s", grownBy(14, 10))
	require.Contains(t, grownBy(24, 20).String(), "1.20: bridge online; by the clock 1.20")
}

func TestVerdictsTakeTheWorst(t *testing.T) {
	r := newReport(scope{sizes: []int{0, 5000}, beside: true})
	for _, line := range r.lines() {
		for who, ms := range map[string]int{vifctl: 4, debian: 70, empty: 2, prototype: 3} {
			k := line
			k.who = who
			switch {
			case who == empty || who == prototype:
				k.command = ""
			case who == vifctl && k.mode == "route" && k.command == offline:
				ms *= 2
			}
			r.samples[k] = took(ms)
		}
	}
	r.addRush(row{"bridge", online, 0, vifctl}, crowd, time.Second, nil)

	for words, kept := range map[string]bool{
		"bridge: ": true, "route: ": false, "nat: ": true, "at 5000 ports": true, "at least 11 times": false, "50 at once": true,
	} {
		require.Equal(t, kept, verdict(t, r, words).Kept, "%s: %s", words, verdict(t, r, words))
	}
	require.NoError(t, r.failure())

	r.addRush(row{"nat", leaving(true), 0, vifctl}, 2*leavers, time.Second, []error{errInterrupted})
	require.False(t, verdict(t, r, "50 at once").Kept)
	require.Error(t, r.failure(), "a call that failed fails the bench")
}
