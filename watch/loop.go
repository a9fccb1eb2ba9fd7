package watch

import (
	"context"
	"errors"
	"fmt"
	"time"

	"vifctl/hooks/plan"
)

// port is what the watcher remembers of an interface. All of it can be lost:
// the next look finds it again.
type port struct {
	Link
	// seen is when the kernel told that it had come, zero where it was found
	// by looking.
	seen time.Time
	// working: a worker has it.
	working bool
	// up: it had a record. Where that goes and the interface stays, a call
	// took it down on purpose.
	up bool
	// early and late are since when it is Early or Late, zero where it is not.
	early, late time.Time
	// keys: its backend was not there.
	keys bool
	// told: that it is left alone.
	told bool
	// over: it failed, and the watcher looks only once.
	over  bool
	tries tries
	// drift is about one that is up.
	drift drift
}

// tries are attempts that failed.
type tries struct {
	failed    int
	complaint string
	notBefore time.Time
}

// loop is the one goroutine that decides. No other touches its fields.
type loop struct {
	*Watcher
	once   bool
	timing Timing
	sources

	host   *Host
	poll   *poll // nil without polling
	listed bool  // all interfaces have been told of
	ready  bool  // and have been looked at
	ports  map[int]*port
	// dirty are the ports to look at now, due those to look at then, though
	// nothing changes.
	dirty map[int]bool
	due   map[int]time.Time
	// left are taps that have gone and whose records have not.
	left map[plan.NIC]*leftTap
	// interrupted are the NICs of which a call was killed.
	interrupted map[plan.NIC]bool
	// storeNews counts what the xenstore told.
	storeNews int

	// round are the ports still to be looked at in this round, the next of them
	// at sweepAt.
	round   []int
	sweepAt time.Time
	// lookTook is how long it took to look at a port, the last time.
	lookTook time.Duration
	// rereadAt is when the configuration is read again, zero where it need not be;
	// mistaken: what was read last is not in force.
	rereadAt time.Time
	mistaken bool
	// garbageAt is when garbage is looked for again; collecting: a worker is at
	// it.
	garbageAt  time.Time
	collecting bool
	garbage    tries
	whose      whose
	hostSide   hostSide

	pool *pool
	// queue is what is to be done, checks what can wait for it.
	queue, checks []job
	working       int
	failed        bool

	// asked are the callers that wait for the counts.
	asked     chan chan counts
	counts    counts
	overflows func() int64
	aliveAt   time.Time
}

// sources are what tells that something has changed.
type sources struct {
	links  *news[int, linkChange]
	folder *news[plan.NIC, []call]
	hints  *news[hint, struct{}]
	// settings tells of the configuration's files.
	settings *news[struct{}, struct{}]
}

func newLoop(w *Watcher, once bool, from sources) *loop {
	return &loop{
		Watcher: w, once: once, timing: w.timing(), sources: from,
		host: NewHost(w.Boot), ports: map[int]*port{}, dirty: map[int]bool{}, due: map[int]time.Time{},
		left: map[plan.NIC]*leftTap{}, interrupted: map[plan.NIC]bool{},
		counts: newCounts(), asked: make(chan chan counts), overflows: func() int64 { return 0 },
	}
}

// errFailed: what failed has been logged.
var errFailed = errors.New("not everything could be done")

// run decides until ctx ends or, if it is to look once, until all is done.
func (l *loop) run(ctx context.Context) error {
	l.pool = newPool(ctx, l.workers(), l.Open)
	defer func() {
		for _, r := range l.pool.stop() {
			l.ended(r)
		}
	}()
	l.readJournal()
	for {
		var jobs chan job
		var next job
		from := &l.queue
		if len(l.queue) == 0 {
			from = &l.checks
		}
		if len(*from) > 0 {
			jobs, next = l.pool.jobs, (*from)[0]
		}
		timer := time.NewTimer(l.sleep(time.Now()))
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-l.links.wake:
			l.takeLinks()
		case <-l.folder.wake:
			l.takeFolder()
		case <-l.hints.wake:
			l.takeLost(time.Now())
		case <-l.settings.wake:
			l.takeSettings(time.Now())
		case <-l.Store.wake:
			l.takeStore()
		case r := <-l.pool.results:
			l.ended(r)
		case answer := <-l.asked:
			answer <- l.count()
		case jobs <- next:
			*from = (*from)[1:]
		case <-timer.C:
		}
		timer.Stop()
		if !l.listed {
			continue
		}
		l.look(time.Now())
		l.alive(time.Now())
		if l.once && l.idle() {
			if l.failed {
				return errFailed
			}
			return nil
		}
	}
}

// never is how long the loop sleeps when nothing is due.
const never = time.Hour

// sleep is how long nothing is due.
func (l *loop) sleep(now time.Time) time.Duration {
	first := now.Add(never)
	for _, due := range l.due {
		if due.Before(first) {
			first = due
		}
	}
	for _, t := range l.left {
		if !t.due.IsZero() && t.due.Before(first) {
			first = t.due
		}
	}
	if l.listed && len(l.host.owner) > 0 && !l.once && l.sweepAt.Before(first) {
		first = l.sweepAt
	}
	if l.listed && !l.rereadAt.IsZero() && l.rereadAt.Before(first) {
		first = l.rereadAt
	}
	if l.listed && !l.collecting && l.storeThere() && l.garbageAt.Before(first) {
		first = l.garbageAt
	}
	if l.listed && !l.whose.looking && l.whose.at.Before(first) {
		first = l.whose.at
	}
	if l.listed && !l.hostSide.looking && l.hostSide.at.Before(first) {
		first = l.hostSide.at
	}
	if l.listed && l.Alive != nil && l.aliveAt.Before(first) {
		first = l.aliveAt
	}
	return max(0, first.Sub(now))
}

// alive tells the supervisor that the loop runs.
func (l *loop) alive(now time.Time) {
	if !l.ready && l.Ready != nil {
		l.Ready()
	}
	l.ready = true
	if l.Alive != nil && !now.Before(l.aliveAt) {
		l.aliveAt = now.Add(l.AliveEvery)
		l.Alive()
	}
}

// look looks at what has changed and at what is due.
func (l *loop) look(now time.Time) {
	l.reread(now)
	l.sweep(now)
	l.lookForGarbage(now)
	l.lookWhose(now)
	l.lookHost(now)
	for index, due := range l.due {
		if !due.After(now) {
			l.dirty[index] = true
		}
	}
	for index := range l.dirty {
		delete(l.due, index)
		if p := l.ports[index]; p != nil {
			l.lookAt(p, now)
		}
	}
	clear(l.dirty)
	l.lookAtLeft(now)
}

// idle reports whether a watcher that looks once may end: no worker is at work,
// nothing is due, and the xenstore is there if it is needed.
func (l *loop) idle() bool {
	if l.working > 0 || len(l.due) > 0 {
		return false
	}
	tried, gone := l.Store.connected()
	if !tried || gone == nil && l.garbageAt.IsZero() {
		return false // what dead guests have left is to be looked for
	}
	for _, p := range l.ports {
		waits := (!p.late.IsZero() || !p.drift.suspect.IsZero() && !p.drift.lacking) && !p.over
		switch {
		case waits && tried && gone != nil:
			l.fail(&p.tries, fmt.Errorf("%s: %w", p.Name, gone))
		case waits:
			return false
		}
	}
	for _, t := range l.left {
		if t.tries.failed == 0 {
			return false
		}
	}
	return true
}
