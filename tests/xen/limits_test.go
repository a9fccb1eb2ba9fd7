//go:build xen

package xen

import (
	"context"
	"fmt"
	"math"
	"sync"
	"testing"
	"time"

	"vifctl/tests/speed"
)

const (
	// wholeLimit is for everything together, on a good machine.
	wholeLimit = 40 * time.Minute
	// goodBoot is what dom0 takes there to come up.
	goodBoot = 15 * time.Second
)

// limits are there for what hangs. They are as many times longer than a good machine's as this one is slower, by a piece of
// work before anything starts and by every boot of dom0.
type limits struct {
	whole  context.Context // done when the time for everything is up
	began  time.Time
	ending *time.Timer

	mu       sync.Mutex
	slowness float64
}

func newLimits(t *testing.T) *limits {
	t.Helper()
	slowness, err := speed.Slowness()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("this machine takes %.1f times as long as a good one", slowness)
	// The test command may have set a shorter time: a minute of it is for cleaning up.
	ctx, cancel := context.WithCancelCause(context.Background())
	if given, ok := t.Deadline(); ok {
		earlier := time.AfterFunc(time.Until(given.Add(-time.Minute)), func() { cancel(fmt.Errorf("the test command's time is up")) })
		t.Cleanup(func() { earlier.Stop() })
	}
	l := &limits{whole: ctx, began: time.Now(), slowness: slowness}
	l.ending = time.AfterFunc(l.of(wholeLimit), func() { cancel(fmt.Errorf("the laboratory's time is up")) })
	t.Cleanup(func() {
		l.ending.Stop()
		cancel(nil)
	})
	return l
}

// booted takes into account how long dom0 took to come up.
func (l *limits) booted(took time.Duration) {
	l.mu.Lock()
	l.slowness = max(l.slowness, float64(took)/float64(goodBoot))
	l.mu.Unlock()
	l.ending.Reset(time.Until(l.began.Add(l.of(wholeLimit))))
}

// factor is how many times longer than on a good machine things may take.
func (l *limits) factor() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return int(math.Ceil(l.slowness))
}

// of is what a limit comes to on this machine.
func (l *limits) of(good time.Duration) time.Duration { return good * time.Duration(l.factor()) }
