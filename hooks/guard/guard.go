// Package guard is what a change that has to be confirmed is guarded by: a process beside the
// one that makes the change, which outlives it and its terminal. It knows when a change is due
// and how to wait; what is to be undone, and how, is its caller's.
package guard

import (
	"context"
	"fmt"
	"io"
	"time"

	"golang.org/x/sys/unix"
)

// poll is how often the guard looks for a confirmation.
const poll = 500 * time.Millisecond

// slack is how long after its time a change is left to the process that guards it.
const slack = 5 * time.Second

// Watch is what the guarding process does: it waits until parent ends, which is when the process
// that made the change is done or dead, then looks again and again until the change is over.
func Watch(ctx context.Context, parent io.Reader, look func(context.Context) (over bool, err error)) error {
	_, _ = io.Copy(io.Discard, parent)
	for {
		over, err := look(ctx)
		if over || err != nil {
			return err
		}
		time.Sleep(poll)
	}
}

// Deadline is until when a change has to be confirmed, in nanoseconds since boot, which setting
// the clock does not change; 0 for never.
type Deadline int64

// Within is the deadline so much time from now.
func Within(d time.Duration) (Deadline, error) {
	now, err := sinceBoot()
	return Deadline(now + d), err
}

// Passed reports whether the change is to be undone now.
func (d Deadline) Passed() (bool, error) { return d.before(0) }

// Abandoned reports whether it should have been undone before, and no process did it.
func (d Deadline) Abandoned() (bool, error) { return d.before(slack) }

// Left is the time until then, at least 0.
func (d Deadline) Left() (time.Duration, error) {
	now, err := sinceBoot()
	return max(0, time.Duration(d)-now), err
}

func (d Deadline) before(late time.Duration) (bool, error) {
	if d == 0 {
		return false, nil
	}
	now, err := sinceBoot()
	return time.Duration(d)+late <= now, err
}

func sinceBoot() (time.Duration, error) {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &t); err != nil {
		return 0, fmt.Errorf("read the clock: %w", err)
	}
	return time.Duration(t.Nano()), nil
}
