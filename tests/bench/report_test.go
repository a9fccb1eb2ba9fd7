package main

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vifctl/tests/bench/figures"
)

func TestQuantile(t *testing.T) {
	ten := []time.Duration{10, 1, 9, 2, 8, 3, 7, 4, 6, 5}
	for _, c := range []struct {
		values []time.Duration
		part   float64
		want   time.Duration
	}{
		{nil, 0.5, 0},
		{[]time.Duration{7}, 0.9, 7},
		{ten, 0, 1},
		{ten, 0.5, 6},
		{ten, 0.9, 10},
		{ten, 1, 10},
	} {
		require.Equal(t, c.want, quantile(c.values, c.part), "%v of %v", c.part, c.values)
	}
	require.Equal(t, time.Duration(10), ten[0], "the values are not reordered")
}

// A machine on which everything takes twice as long by then tells nothing of vifctl's own growth.
func TestGrowthIsInTimesOfAnEmptyProgram(t *testing.T) {
	grownBy := func(ours, emptys time.Duration) figures.Verdict {
		r := newReport(scope{sizes: []int{0, 5000}})
		for _, line := range r.lines() {
			ours, emptys := ours, emptys
			if line.size == 0 {
				ours, emptys = 10, 10
			}
			for who, took := range map[string]time.Duration{vifctl: ours, empty: emptys} {
				k := line
				k.who = who
				if who == empty {
					k.command = ""
				}
				r.samples[k] = &sample{wall: []time.Duration{took * time.Millisecond}}
			}
		}
		return r.verdicts()[2]
	}
	require.True(t, grownBy(24, 20).Kept, "%s", grownBy(24, 20))
	require.False(t, grownBy(14, 10).Kept, "%s", grownBy(14, 10))
	require.Contains(t, grownBy(24, 20).String(), "1.20: bridge online; by the clock 2.40")
}

func TestVerdictsTakeTheWorst(t *testing.T) {
	r := newReport(scope{sizes: []int{0, 5000}})
	for _, line := range r.lines() {
		for who, took := range map[string]time.Duration{vifctl: 3, debian: 40, empty: 2, prototype: 3} {
			k := line
			k.who = who
			switch {
			case who == empty || who == prototype:
				k.command = ""
			case who == vifctl && k.mode == "route" && k.command == "offline":
				took *= 2
			}
			r.samples[k] = &sample{wall: []time.Duration{took * time.Millisecond}}
		}
	}
	r.addCrowd(row{"bridge", "online", 0, vifctl}, time.Second, nil)

	kept := map[bool]int{}
	for _, v := range r.verdicts() {
		kept[v.Kept]++
	}
	// 6 ms is more than 2 × 4/1.4, 40 is less than 11 times 6, and 6 is more than 1.5 times 3.
	require.Equal(t, map[bool]int{true: 2, false: 3}, kept, "%v", r.verdicts())
	require.NoError(t, r.failure())
}
