package watch

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"vifctl/hooks/engine"
	"vifctl/hooks/plan"
	"vifctl/hooks/xenstore"
)

const (
	// suspicion is how long after a hint a port is looked at: what changes
	// together is looked at once, and what a call of ours is changing is done.
	suspicion = 100 * time.Millisecond
	// One port after the other is looked at even without a hint, each once in a
	// round, and one a pace at most: with a thousand ports, looking all the time
	// must cost next to nothing.
	round = time.Minute
	pace  = 5 * time.Second
	// sweepShare is how many times longer than a look takes the pause after it is,
	// which is never longer than slowest: 0.03 % of a processor, where a look is
	// long because there are many ports.
	sweepShare = 3000
	slowest    = time.Minute
	// The watcher does not fight for ever a program that takes away what it puts back:
	// from the fight's begin on, each time is worth a longer pause.
	fightsAt  = 4
	lastPause = 5 * time.Minute
	// quiet is how long after such a pause nothing must have been missing for it
	// to be over.
	quiet = time.Minute
)

// drift is what the watcher remembers of a port that is up.
type drift struct {
	// suspect is from when on it is to be looked at, zero where there is no
	// reason to.
	suspect time.Time
	// configured: because the configuration has changed.
	configured bool
	// lacking: its backend was not in the xenstore.
	lacking bool
	tries   tries
	// What was put back last, how often in a row, and when.
	what  string
	times int
	last  time.Time
}

// suspects marks a port as one to look at.
func (l *loop) suspects(index int, at time.Time) {
	p := l.ports[index]
	if p == nil {
		return
	}
	if p.drift.suspect.IsZero() || at.Before(p.drift.suspect) {
		p.drift.suspect = at
	}
	l.dirty[index] = true
}

// suspectAll marks all ports.
func (l *loop) suspectAll(at time.Time) {
	for index := range l.host.owner {
		l.suspects(index, at)
	}
}

func (l *loop) suspectSet(ports portSet, at time.Time) {
	for key := range ports {
		l.suspects(l.host.ports[key].Index, at)
	}
}

// takeLost takes in where something may have gone missing.
func (l *loop) takeLost(now time.Time) {
	hints, all := l.hints.take()
	soon := now.Add(suspicion)
	if all {
		l.suspectAll(soon)
		return
	}
	for c := range hints {
		key, own := l.host.owner[c.index]
		switch {
		case c.forwarding:
			l.suspectHost(now)
		case c.came:
			if !own {
				l.addressCame(now)
			}
		case c.neighbour && !l.host.neighbours[c.address][key]: // one that the kernel has learnt, and forgets
		case own:
			l.suspects(c.index, soon)
		case c.base:
			l.suspectAll(soon)
		case c.foreign:
			l.suspectOneEach(soon)
		case c.port != "":
			l.suspects(l.host.index[c.port], soon)
		case c.address.IsValid():
			l.suspectSet(l.host.sharers[c.address], soon)
		default:
			l.suspectSet(l.host.users[c.index], soon)
		}
	}
}

// suspectOneEach marks one port of each mode: what their modes share, at other
// people's firewalls, is looked at with any of them.
func (l *loop) suspectOneEach(at time.Time) {
	seen := map[string]bool{}
	for index, key := range l.host.owner {
		if mode := l.host.ports[key].Mode; !seen[mode] && l.ports[index] != nil {
			seen[mode] = true
			l.suspects(index, at)
		}
	}
}

// touched takes in that an interface has come or is another than it was: ports
// that it is, that need something of it, or that waited for it.
func (l *loop) touched(index int, name string, isNew bool, now time.Time) {
	soon := now.Add(suspicion)
	if _, own := l.host.owner[index]; own {
		if !isNew {
			l.suspects(index, soon)
		}
		return
	}
	l.suspectSet(l.host.users[index], soon)
	if slices.Contains(l.hostSide.devs, index) {
		l.suspectHost(now)
	}
	if _, tap := l.host.tapOf(name); tap || !isNew || !l.listed {
		return
	}
	for i, p := range l.ports {
		if key, ok := l.host.owner[i]; ok && (p.drift.tries.failed > 0 || l.host.ports[key].Bridge == name) {
			p.drift.tries.notBefore = time.Time{}
			l.suspects(i, soon)
		}
	}
}

// lookAtUp gives a port that is up to a worker, if it is to be looked at.
func (l *loop) lookAtUp(p *port, now time.Time) {
	d := &p.drift
	if d.suspect.IsZero() {
		return
	}
	due := d.suspect
	if d.tries.notBefore.After(due) {
		due = d.tries.notBefore
	}
	switch tried, gone := l.Store.connected(); {
	case d.lacking, !tried || gone != nil: // the store's news will come
	case now.Before(due):
		l.due[p.Index] = due
	default:
		d.suspect = time.Time{}
		p.working = true
		stored := l.host.ports[l.host.owner[p.Index]].Port
		l.give(job{repair: &stored, configured: d.configured})
		d.configured = false
	}
}

// sweep marks the next port of the round.
func (l *loop) sweep(now time.Time) {
	if l.once || now.Before(l.sweepAt) {
		return
	}
	if len(l.round) == 0 {
		for index := range l.host.owner {
			l.round = append(l.round, index)
		}
		slices.Sort(l.round)
	}
	l.sweepAt = now.Add(l.timing.Round)
	if n := len(l.round); n > 0 {
		l.suspects(l.round[n-1], now)
		l.round = l.round[:n-1]
		l.sweepAt = now.Add(max(
			l.timing.Round/time.Duration(max(1, len(l.host.owner))), min(pace, l.timing.Round), min(sweepShare*l.lookTook, slowest)))
	}
}

// endedRepair takes in what came of looking at a port.
func (l *loop) endedRepair(r result) {
	p := l.ports[r.repair.Index]
	if p == nil {
		return
	}
	p.working = false
	l.dirty[p.Index] = true
	d := &p.drift
	switch {
	case r.err == nil:
		l.lookTook = r.took
		d.tries = tries{notBefore: d.tries.notBefore}
		if !r.work.Right() {
			l.putBack(p, r)
		}
	case errors.Is(r.err, engine.ErrNotUp), errors.Is(r.err, engine.ErrGone):
	case errors.Is(r.err, engine.ErrNoKeys):
		d.lacking = l.storeNews == r.asked
	case errors.Is(r.err, engine.ErrBusy), errors.Is(r.err, xenstore.ErrClosed):
		l.suspects(p.Index, r.ended.Add(busyPause))
	case l.once:
		l.fail(&d.tries, r.err)
	default:
		d.tries.notBefore = l.retry(&d.tries, r)
		l.suspects(p.Index, d.tries.notBefore)
	}
}

// putBack says what was missing. What is missing again and again is put back
// ever more rarely, and told of once.
func (l *loop) putBack(p *port, r result) {
	d := &p.drift
	what := lacked(r.work)
	if r.configured {
		l.Log.Info(p.Name+": changed as the configuration wants it", "guest", r.work.Guest, "mode", r.work.Mode, "did", what)
		return
	}
	d.lost(what, r.ended)
	l.counts.repairs++
	l.tellPutBack(d, p.Name, "guest", r.work.Guest, "mode", r.work.Mode, "missing", what)
}

// lost takes in that something was missing and was put back.
func (d *drift) lost(what string, at time.Time) {
	if what == d.what && at.Sub(d.last) < d.pause()+quiet {
		d.times++
	} else {
		d.what, d.times = what, 1
	}
	d.last = at
	d.tries.notBefore = at.Add(d.pause())
}

func (l *loop) tellPutBack(d *drift, whose string, args ...any) {
	switch {
	case d.times < fightsAt:
		l.Log.Info(whose+": put back what was missing", args...)
	case d.times == fightsAt:
		l.Log.Warn(whose+": another program takes away again and again what it needs: vifctl puts it back ever more rarely, and no longer logs it", args...)
	}
}

// pause is how long a port is left alone after it was put right.
func (d *drift) pause() time.Duration {
	if d.times < fightsAt {
		return 0
	}
	return min(time.Second<<min(d.times-fightsAt, 20), lastPause)
}

// mostWords is how many things are worth telling in one line.
const mostWords = 20

// lacked tells what was missing, and what was there and no longer wanted, as the
// commands that put it right.
func lacked(w *engine.Decision) string {
	var words []string
	add := func(s plan.Step) {
		for _, c := range s.Commands() {
			words = append(words, strings.TrimPrefix(c, "# "))
		}
	}
	for _, a := range w.Missing() {
		add(a.Step)
	}
	for _, e := range slices.Concat(w.Undo, w.Left) {
		for _, s := range e.Undo {
			add(s)
		}
	}
	return strings.Join(atMost(words), "; ")
}

// atMost cuts a list short that is too long for a line.
func atMost(list []string) []string {
	if n := len(list); n > mostWords {
		return append(slices.Clone(list[:mostWords]), fmt.Sprintf("and %d more", n-mostWords))
	}
	return list
}
