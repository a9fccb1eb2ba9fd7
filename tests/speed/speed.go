// Package speed measures how slow this machine is beside a good one. Limits that only catch what hangs are multiplied by it,
// so that no test fails because the machine is slow or busy.
package speed

import (
	"fmt"
	"os/exec"
	"slices"
	"time"
)

// Patience is how long a test waits for what takes a moment before it takes it for a hang, on any machine.
const Patience = time.Minute

// About what the two pieces of work take on a good machine, one on which `make test` takes two minutes.
const (
	goodComputing = 100 * time.Millisecond
	goodStarting  = 60 * time.Millisecond
)

// Slowness is how many times longer than a good machine this one takes now, for what it is worse at: computing, or starting
// processes. It is never below 1, and takes a second to measure: the best of three, since a busy machine has moments.
func Slowness() (float64, error) {
	var slowness float64
	for i := range 3 {
		starting, err := startProcesses()
		if err != nil {
			return 0, err
		}
		now := max(ratio(compute(), goodComputing), ratio(starting, goodStarting))
		if i == 0 || now < slowness {
			slowness = now
		}
	}
	return max(1, slowness), nil
}

func ratio(took, good time.Duration) float64 { return float64(took) / float64(good) }

// compute is a fixed amount of work for one processor and its caches.
func compute() time.Duration {
	began := time.Now()
	numbers := make([]uint32, 1<<19)
	x := uint32(1)
	for range 2 {
		for i := range numbers {
			x = x*1664525 + 1013904223
			numbers[i] = x
		}
		slices.Sort(numbers)
	}
	return time.Since(began)
}

// startProcesses is a fixed amount of work for the kernel.
func startProcesses() (time.Duration, error) {
	began := time.Now()
	for range 50 {
		if err := exec.Command("true").Run(); err != nil {
			return 0, fmt.Errorf("measure how fast the machine starts processes: %w", err)
		}
	}
	return time.Since(began), nil
}
