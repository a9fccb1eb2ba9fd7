package watch

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"vifctl/hooks/engine"
	"vifctl/hooks/journal"
	"vifctl/hooks/network"
)

// job is what one worker does: bring up a late tap; where gone is set, undo one
// that has gone; where repair is, repair a port that is up; where garbage, whose
// or hostSide is, what it says.
type job struct {
	tap     engine.LateTap
	gone    *journal.Port
	repair  *journal.Port
	garbage bool
	// whose: find out whether guests have what is not their own; came: since an address
	// has come.
	whose, came bool
	// hostSide: put back what of the host's side is missing.
	hostSide bool
	// configured: the configuration has changed since the port was looked at.
	configured bool
	// asked is the count of xenstore events when the job was given out.
	asked int
}

// what names a job's kind, for the metrics.
func (j job) what() string {
	switch {
	case j.gone != nil:
		return "removal"
	case j.repair != nil:
		return "repair"
	case j.garbage:
		return "garbage"
	case j.whose:
		return "ownership"
	case j.hostSide:
		return "host"
	}
	return "late_tap"
}

// result is what came of a job. Without work and error there was nothing to do.
type result struct {
	job
	work *engine.Decision
	// removed is the garbage that was collected.
	removed []string
	// found are the sentences about what is not guests' own.
	found []string
	kept  network.Kept
	err   error
	ended time.Time
	// took is how long a worker was at it.
	took time.Duration
}

// pool is the workers.
type pool struct {
	jobs    chan job
	results chan result
	cancel  context.CancelFunc
	wg      sync.WaitGroup
}

// newPool starts n workers. They outlive ctx: what is under way when it ends
// has until stop to be finished.
func newPool(ctx context.Context, n int, open func() Runtime) *pool {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	p := &pool{jobs: make(chan job), results: make(chan result, n), cancel: cancel}
	for range n {
		p.wg.Go(func() { p.work(ctx, open) })
	}
	return p
}

func (p *pool) work(ctx context.Context, open func() Runtime) {
	rt := open()
	defer rt.Close()
	for j := range p.jobs {
		r := result{job: j}
		began := time.Now()
		switch {
		case j.gone != nil:
			r.work, r.err = rt.RemoveGone(ctx, *j.gone)
		case j.repair != nil:
			r.work, r.err = rt.Repair(ctx, *j.repair)
		case j.garbage:
			r.removed, r.err = rt.CollectGarbage(ctx)
		case j.whose:
			r.found, r.err = rt.NotTheirOwn(ctx)
		case j.hostSide:
			r.kept, r.err = rt.KeepHost(ctx)
		default:
			r.work, r.err = rt.AddLate(ctx, j.tap)
		}
		r.ended = time.Now()
		r.took = r.ended.Sub(began)
		p.results <- r
	}
}

// stop lets the workers finish what they are at, within stopGrace, and returns
// what came of it.
func (p *pool) stop() (last []result) {
	close(p.jobs)
	late := time.AfterFunc(stopGrace, p.cancel)
	defer late.Stop()
	defer p.cancel()
	done := make(chan struct{})
	go func() {
		p.wg.Wait()
		close(p.results)
		close(done)
	}()
	for r := range p.results {
		last = append(last, r)
	}
	<-done
	return last
}

// done names what was done, in order: `name, 5 sysctl, up, 2 route`. What was
// so already is not among it; "" is nothing.
func done(w *engine.Decision) string {
	var kinds []string
	count := map[string]int{}
	for _, s := range w.Done() {
		kind := s.Traits().Kind
		if count[kind]++; count[kind] == 1 {
			kinds = append(kinds, kind)
		}
	}
	for i, kind := range kinds {
		if n := count[kind]; n > 1 {
			kinds[i] = fmt.Sprintf("%d %s", n, kind)
		}
	}
	return strings.Join(kinds, ", ")
}
