package watch

import (
	"errors"
	"fmt"
	"time"

	"vifctl/hooks/engine"
	"vifctl/hooks/plan"
	"vifctl/hooks/xenstore"
)

const (
	// clockTick is how far a file's time may be behind the clock.
	clockTick = 20 * time.Millisecond
	// busyPause is how long a call that is at work is left alone: xl's next
	// one, about the tap, follows it at once.
	busyPause = 300 * time.Millisecond
	// firstRetry and lastRetry are pauses after what failed.
	firstRetry = time.Second
	lastRetry  = time.Minute
)

// lookAt decides what is to be done about an interface now.
func (l *loop) lookAt(p *port, now time.Time) {
	if p.working || p.over {
		return
	}
	f := l.host.Decide(p.Link)
	if f.What != Late {
		p.late = time.Time{}
	}
	if f.What != Early && f.What != Uncalled {
		p.early = time.Time{}
	}
	switch f.What {
	case Up:
		p.up = true
		switch {
		case !l.interrupted[f.NIC] || l.host.owner[p.Index].kind != plan.Tap:
			l.lookAtUp(p, now)
		case now.Before(p.tries.notBefore):
			l.due[p.Index] = p.tries.notBefore
		default:
			l.giveTap(p, f, true)
		}
	case Late:
		l.lookAtLate(p, f, now)
	case Early, Uncalled, Second, Numbered:
		l.leaveAlone(p, f, now)
	case Other:
	}
}

// lookAtLate gives a late tap to a worker, unless it is to wait.
func (l *loop) lookAtLate(p *port, f Finding, now time.Time) {
	if p.late.IsZero() {
		p.late = now
	}
	tried, gone := l.Store.connected()
	switch {
	case p.up: // taken down by a call, which is not for us to undo
		p.late = time.Time{}
	case p.keys:
		l.waitForKeys(p, f, now)
	case !tried || gone != nil: // the xenstore will send an event
	case now.Before(p.tries.notBefore):
		l.due[p.Index] = p.tries.notBefore
	case now.Before(l.settled(p, f)):
		l.due[p.Index] = l.settled(p, f)
	default:
		l.giveTap(p, f, false)
	}
}

// settled is from when on the watcher may bring up a late tap. One that came when its vif was up
// already is at once; of one that was there before, the call that brought the
// vif up is followed by one about the tap. (By the clock on the wall, which may
// jump: never longer than Settle from when the tap was found late.)
func (l *loop) settled(p *port, f Finding) time.Time {
	if p.seen.After(f.Called.Add(clockTick)) {
		return time.Time{}
	}
	until := f.Called.Add(l.timing.Settle)
	if latest := p.late.Add(l.timing.Settle); latest.Before(until) {
		return latest
	}
	return until
}

func (l *loop) waitForKeys(p *port, f Finding, now time.Time) {
	if until := p.late.Add(l.timing.Patience); now.Before(until) && !l.once {
		l.due[p.Index] = until
		return
	}
	l.tell(p, "%s: its vif is up, but its backend (%s) is not in the xenstore: left alone until it is", p.Name, f.NIC)
	p.late = time.Time{}
}

// leaveAlone waits for what an interface lacks, and tells once, in the end,
// that there is nothing to be done about it.
func (l *loop) leaveAlone(p *port, f Finding, now time.Time) {
	if p.up {
		return // it is on its way down
	}
	if p.early.IsZero() {
		p.early = now
	}
	if until := p.early.Add(l.timing.Patience); (f.What == Early || f.What == Uncalled) && now.Before(until) && !l.once {
		l.due[p.Index] = until
		return
	}
	switch f.What {
	case Early:
		if _, there := l.host.index["vif"+f.NIC.String()]; !there { // else that is told of the vif
			l.tell(p, "%s: vifctl did not bring vif%s up: left alone", p.Name, f.NIC)
		}
	case Uncalled:
		l.tell(p, "%s: vifctl did not bring it up: it and its tap are left alone", p.Name)
	case Second:
		l.tell(p, "%s: its NIC has another tap, %s: left alone", p.Name, f.Rival)
	case Numbered:
		if !p.told {
			p.told = true
			l.Log.Info(p.Name + ": a number does not say whose tap it is: left alone")
		}
	}
}

func (l *loop) tell(p *port, format string, args ...any) {
	if !p.told {
		p.told = true
		l.Log.Warn(fmt.Sprintf(format, args...))
	}
}

func (l *loop) giveTap(p *port, f Finding, again bool) {
	p.working = true
	delete(l.interrupted, f.NIC)
	l.give(job{tap: engine.LateTap{NIC: f.NIC, Index: p.Index, Name: p.Name, Again: again}})
}

func (l *loop) give(j job) {
	j.asked = l.storeNews
	l.working++
	if j.repair != nil || j.garbage || j.whose || j.hostSide {
		l.checks = append(l.checks, j)
	} else {
		l.queue = append(l.queue, j)
	}
}

// ended takes in what came of a job.
func (l *loop) ended(r result) {
	l.working--
	l.counts.worked(r)
	switch {
	case r.gone != nil:
		l.endedLeft(r)
		return
	case r.repair != nil:
		l.endedRepair(r)
		return
	case r.garbage:
		l.endedGarbage(r)
		return
	case r.whose:
		l.endedWhose(r)
		return
	case r.hostSide:
		l.endedHost(r)
		return
	}
	p := l.ports[r.tap.Index]
	if p == nil {
		p = &port{Link: Link{r.tap.Index, r.tap.Name}} // it has gone meanwhile
	}
	p.working = false
	l.readPorts(r.tap.NIC)
	l.dirty[r.tap.Index] = true
	if r.err == nil {
		p.up, p.tries = true, tries{}
		if r.work != nil {
			l.report(p, r)
		}
		return
	}
	p.up = r.tap.Again
	if r.tap.Again && !errors.Is(r.err, engine.ErrGone) {
		l.interrupted[r.tap.NIC] = true
	}
	if errors.Is(r.err, engine.ErrNoKeys) {
		// What was told while it was asked for may have been just that.
		p.keys = l.storeNews == r.asked
		p.tries.notBefore = r.ended.Add(busyPause)
		return
	}
	if errors.Is(r.err, engine.ErrGone) {
		l.markAround(r.tap.Index, linkChange{gone: true})
		return
	}
	p.tries.notBefore = l.retry(&p.tries, r)
	p.over = l.once && p.tries.failed > 0
}

// report says what was done, and how long after the tap's creation.
func (l *loop) report(p *port, r result) {
	what := "came late and is up"
	if r.tap.Again {
		what = "was left half done by a call that was killed, and is up"
	}
	args := []any{"guest", r.work.Guest, "mode", r.work.Mode, "bridge", r.work.Bridge, "did", done(r.work)}
	l.counts.lateTaps++
	if !p.seen.IsZero() {
		l.counts.timed++
		l.counts.took += r.ended.Sub(p.seen)
		args = append(args, "after", r.ended.Sub(p.seen).Round(100*time.Microsecond))
	}
	l.Log.Info(fmt.Sprintf("%s %s", r.work.Event.Name, what), args...)
}

// retry returns when to try again what came to nothing.
func (l *loop) retry(t *tries, r result) time.Time {
	for _, soon := range []error{engine.ErrVifDown, engine.ErrBusy, xenstore.ErrClosed} {
		if errors.Is(r.err, soon) {
			return r.ended.Add(busyPause)
		}
	}
	pause := min(firstRetry<<min(t.failed, 10), lastRetry)
	t.failed++
	l.fail(t, r.err)
	return r.ended.Add(pause)
}

// fail tells of a failure, once for each thing that is wrong.
func (l *loop) fail(t *tries, err error) {
	l.failed = true
	l.counts.failures++
	if text := err.Error(); text != t.complaint {
		t.complaint = text
		l.Log.Error(text)
	}
}
