package watch

import (
	"cmp"
	"fmt"
	"time"

	"vifctl/hooks/journal"
	"vifctl/hooks/plan"
)

// leftTap is a tap that has gone, while what was done for it has not.
type leftTap struct {
	due     time.Time
	working bool
	tries   tries
}

// readJournal reads all of it.
func (l *loop) readJournal() {
	all, err := l.Journal.All()
	if err != nil {
		l.Log.Warn("some records of the journal could not be read", "error", err)
	}
	before := l.host.ports
	l.host.ports = map[portKey]journal.Stored{}
	clear(l.host.owner)
	clear(l.host.vifs)
	clear(l.host.users)
	clear(l.host.sharers)
	clear(l.host.neighbours)
	l.poll.clear()
	for _, s := range all {
		l.setPort(s.NIC, s.Kind, s)
	}
	for key := range before {
		l.mark(key.nic)
	}
	for _, s := range all {
		l.mark(s.NIC)
	}
}

// readInterrupted finds out where a call about a tap was killed: its record says
// what was to be done, not that it was.
func (l *loop) readInterrupted() {
	nics, err := l.Journal.Interrupted()
	if err != nil {
		l.Log.Warn("whether a call was killed is not known", "error", err)
	}
	clear(l.interrupted)
	for _, nic := range nics {
		if _, recorded := l.host.ports[portKey{nic, plan.Tap}]; recorded {
			l.interrupted[nic] = true
		}
	}
}

// readPorts reads the records of one NIC, and has its interfaces looked at:
// those that the old records spoke of and those that the new ones do.
func (l *loop) readPorts(nic plan.NIC) {
	l.mark(nic)
	for _, kind := range []plan.Kind{plan.Vif, plan.Tap} {
		s, err := l.Journal.Stored(nic, kind)
		if err != nil {
			l.Log.Warn("a record of the journal cannot be read", "error", err)
		}
		l.setPort(nic, kind, s)
	}
	l.mark(nic)
}

// setPort takes in what the journal holds of a port; nil is nothing.
func (l *loop) setPort(nic plan.NIC, kind plan.Kind, s *journal.Stored) {
	if s != nil && s.Boot == l.Boot {
		l.poll.want(portKey{nic, kind}, s)
		s.Quiet = nil // only the poll needs it
	} else {
		l.poll.want(portKey{nic, kind}, nil)
	}
	l.host.SetPort(nic, kind, s)
}

func (l *loop) takeFolder() {
	changed, all := l.folder.take()
	before := map[plan.NIC]string{}
	for nic := range changed {
		before[nic] = l.modeOf(nic)
	}
	if all {
		l.readJournal()
		l.suspectHost(time.Now())
	}
	for nic, calls := range changed {
		if !all {
			l.readPorts(nic)
		}
		for _, c := range calls {
			l.counts.called(cmp.Or(l.modeOf(nic), before[nic]), c)
		}
	}
}

// modeOf is the mode of a NIC's ports, "" where none is up.
func (l *loop) modeOf(nic plan.NIC) string {
	return cmp.Or(l.host.ports[portKey{nic, plan.Vif}].Mode, l.host.ports[portKey{nic, plan.Tap}].Mode)
}

// watchLeft begins or ends the wait for the call that takes down a tap that has
// gone.
func (l *loop) watchLeft(nic plan.NIC) {
	if _, left := l.host.Left(nic); !left || !l.listed {
		delete(l.left, nic)
		return
	}
	if l.left[nic] != nil {
		return
	}
	due := time.Now()
	if !l.once {
		due = due.Add(l.timing.Grace)
	}
	l.left[nic] = &leftTap{due: due}
}

// lookAtLeft gives workers the taps that xl did not call for in time.
func (l *loop) lookAtLeft(now time.Time) {
	for nic, t := range l.left {
		if t.working || t.due.IsZero() || t.due.After(now) {
			continue
		}
		tap, left := l.host.Left(nic)
		if !left {
			delete(l.left, nic)
			continue
		}
		t.due, t.working = time.Time{}, true
		l.give(job{gone: &tap})
	}
}

// endedLeft takes in what came of taking down a tap that had gone.
func (l *loop) endedLeft(r result) {
	t := l.left[r.gone.NIC]
	l.readPorts(r.gone.NIC)
	switch {
	case r.err == nil && r.work != nil:
		l.Log.Info(fmt.Sprintf("%s had gone, and its vif was down: what was done for it is undone", r.gone.Name),
			"guest", r.work.Guest, "mode", r.work.Mode, "did", done(r.work))
	case t == nil:
	case r.err == nil:
		delete(l.left, r.gone.NIC) // a call was faster, or the tap is there again
		l.watchLeft(r.gone.NIC)
	default:
		t.working = false
		t.due = l.retry(&t.tries, r)
	}
}
