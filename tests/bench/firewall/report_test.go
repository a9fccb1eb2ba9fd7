package main

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// measured is a report in which everything took so many milliseconds, with no other guests and with 5,000.
func measured(each map[key]float64) *report {
	r := newReport(scope{sizes: []int{0, 5000}, rounds: 1, calls: 1})
	for k, took := range each {
		d := time.Duration(took * float64(time.Millisecond))
		r.add(k, timing{wall: d, cpu: d})
	}
	return r
}

// good is one in which every promise is kept, but just so.
func good() map[key]float64 {
	each := map[key]float64{{xtNFT, add, 5000}: 30, {xtLegacy, add, 5000}: 30, {xtLegacy, floor, 5000}: 25}
	for _, what := range []string{add, packet, flow, connection} {
		each[key{nftables, what, 5000}], each[key{control, what, 5000}] = 5, 4
	}
	for _, mode := range []string{"bridge", "route", "nat"} {
		for _, command := range []string{online, offline} {
			each[key{strict, mode + " " + command, 0}], each[key{off, mode + " " + command, 0}] = 7, 3
		}
	}
	return each
}

func TestVerdicts(t *testing.T) {
	verdicts := measured(good()).verdicts()
	require.Len(t, verdicts, 6)
	for _, v := range verdicts {
		require.True(t, v.Kept, v)
	}
	for _, c := range []struct {
		k    key
		took float64
		says string
	}{
		{key{nftables, add, 5000}, 5.1, "put in place by nftables: with 5000 guests at most 1.25 times its figure with none (1.27)"},
		{key{nftables, packet, 5000}, 5.1, "a packet through the router"},
		{key{nftables, flow, 5000}, 5.1, "a new flow through the router"},
		{key{nftables, connection, 5000}, 5.1, "a connection through the router"},
		{key{strict, "route online", 0}, 7.1, "takes a call's online at most 4 ms more of CPU (4.10: route)"},
		{key{strict, "nat offline", 0}, 8, "takes a call's offline at most 4 ms more of CPU (5.00: nat)"},
	} {
		each := good()
		each[c.k] = c.took
		missed := ""
		for _, v := range measured(each).verdicts() {
			if !v.Kept {
				missed += v.String() + "\n"
			}
		}
		require.Equal(t, 1, strings.Count(missed, "\n"), "%v: %s", c.k, missed)
		require.Contains(t, missed, c.says)
		require.True(t, strings.HasPrefix(missed, "NO   "))
	}
}

// Nothing measured is nothing kept.
func TestNothingMeasured(t *testing.T) {
	for _, v := range measured(nil).verdicts() {
		require.False(t, v.Kept, v)
	}
}

// What a round had to bear both had to bear: only what grew in the same rounds counts.
func TestGrowthIsRoundByRound(t *testing.T) {
	r := newReport(scope{sizes: []int{5000}})
	for i, slowed := range []time.Duration{1, 10, 100} {
		r.add(key{nftables, add, 5000}, timing{wall: 6 * slowed})
		r.add(key{control, add, 5000}, timing{wall: 5 * slowed})
		require.Len(t, r.samples[key{control, add, 5000}].wall, i+1)
	}
	v := r.growth("x", add, 5000)
	require.True(t, v.Kept, v)
	require.Contains(t, v.String(), "(1.20)")
}

// A report of a shorter run has no line without figures, and no figure that was not measured.
func TestReport(t *testing.T) {
	each := good()
	each[key{debian, online, 0}], each[key{debian, offline, 0}] = 120, 60
	each[key{byHand, flow, 5000}] = 0.5
	var out strings.Builder
	r := measured(each)
	r.slowness = map[int]float64{0: 1.5, 5000: 2.5, whole: 3.5}
	require.NoError(t, r.print(&out))
	text := out.String()
	lines := func(begins string) (all []string) {
		for line := range strings.Lines(text) {
			if strings.HasPrefix(strings.TrimSpace(line), begins) {
				all = append(all, strings.Join(strings.Fields(line), " "))
			}
		}
		return all
	}
	require.Contains(t, lines(xtLegacy), "iptables (legacy) 5000 30.00 30.00 25.00 25.00 2.5")
	require.Equal(t, []string{"Debian's vif-nat 0 120.00 120.00 60.00 60.00 1.5", "Debian's vif-nat 0 120.00 120.00 60.00 60.00 1.5"}, lines(debian)[:2])
	require.Equal(t, []string{"rules by hand 5000 2000 2.5"}, lines(byHand))
	require.Empty(t, lines(control+"  "), "the control is for the verdicts")
	require.Equal(t, []string{"bridge online 7.00 7.00 3.00 3.00 4.00 4.00 3.5"}, lines("bridge online"))
	require.Less(t, strings.Index(text, "bridge online"), strings.Index(text, "bridge offline"))
	require.Less(t, strings.Index(text, "bridge offline"), strings.Index(text, "nat online"))
}

func TestMedian(t *testing.T) {
	for want, values := range map[time.Duration][]time.Duration{0: nil, 7: {7}, 5: {9, 1, 5}, 6: {2, 8, 6, 4}} {
		require.Equal(t, want, median(values), "%v", values)
	}
	require.Equal(t, "12345", nanos(12345))
	require.Equal(t, "1000", perSecond(time.Millisecond))
	require.Empty(t, nanos(0)+perSecond(0)+millis(0))
}

func TestSizes(t *testing.T) {
	sizes, err := parseSizes("0, 100,6000")
	require.NoError(t, err)
	require.Equal(t, []int{0, 100, 6000}, sizes)
	for _, bad := range []string{"", "x", "-1", "5,5", "7,3", "6001", "1,"} {
		_, err := parseSizes(bad)
		require.ErrorContains(t, err, "is not a number from 0 to 6000", bad)
	}
}

// Guests share no address, and none is the one that all use as a gateway.
func TestGuests(t *testing.T) {
	seen := map[string]guest{}
	for g := guest(1); g <= probe; g++ {
		for _, a := range []string{g.private().String(), g.private6().String(), g.public().String(), g.port()} {
			other, taken := seen[a]
			require.False(t, taken, "%s is guest %d's and guest %d's", a, other, g)
			seen[a] = g
		}
		require.LessOrEqual(t, g.forward(), 65535)
	}
	require.NotContains(t, seen, gateway)
	require.Less(t, guest(served).private().As4()[3], byte(128), "Debian's scripts add 127 for the gateway")
}
