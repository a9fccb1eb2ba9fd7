package watch

import (
	"strings"
	"time"
)

// lookForGarbage has a worker collect what no call will undo, at the start and
// every now and then.
func (l *loop) lookForGarbage(now time.Time) {
	if l.collecting || now.Before(l.garbageAt) || !l.storeThere() {
		return
	}
	l.collecting = true
	l.garbageAt = now.Add(l.timing.Garbage)
	l.give(job{garbage: true})
}

// storeThere reports whether the xenstore can be asked which guests have gone. Its coming
// wakes the loop.
func (l *loop) storeThere() bool {
	tried, gone := l.Store.connected()
	return tried && gone == nil
}

func (l *loop) endedGarbage(r result) {
	l.collecting = false
	if r.err != nil {
		l.fail(&l.garbage, r.err)
	} else {
		l.garbage = tries{}
	}
	l.counts.removed += len(r.removed)
	if len(r.removed) > 0 {
		l.Log.Info("removed what no call would have undone: " + strings.Join(atMost(r.removed), "; "))
	}
}
