package watch

import (
	"errors"
	"slices"
	"strings"
	"time"

	"vifctl/hooks/engine"
)

// hostSide is what the loop remembers of the host's side, which `vifctl network` started.
type hostSide struct {
	// at is when it is looked at again; looking: a worker is at it; again: something has
	// changed since that began.
	at             time.Time
	looking, again bool
	// devs are the interfaces that it is made of.
	devs  []int
	drift drift
	// told are the sentences that hold and were logged.
	told []string
}

// suspectHost has the host's side looked at soon.
func (l *loop) suspectHost(now time.Time) {
	l.hostSide.again = l.hostSide.looking
	soon := now.Add(suspicion)
	if notBefore := l.hostSide.drift.tries.notBefore; notBefore.After(soon) {
		soon = notBefore
	}
	if l.hostSide.at.After(soon) {
		l.hostSide.at = soon
	}
}

// lookHost has a worker put back what is missing, at the start, after a hint, and once a round.
func (l *loop) lookHost(now time.Time) {
	if l.hostSide.looking || now.Before(l.hostSide.at) {
		return
	}
	l.hostSide.looking, l.hostSide.again = true, false
	l.hostSide.at = now.Add(l.timing.Round)
	l.give(job{hostSide: true})
}

// endedHost says what was put back, and what only a start brings back.
func (l *loop) endedHost(r result) {
	h := &l.hostSide
	h.looking = false
	if h.again {
		l.suspectHost(r.ended)
	}
	switch {
	case errors.Is(r.err, engine.ErrBusy):
		h.at = r.ended.Add(busyPause)
		return
	case r.err != nil && l.once:
		l.fail(&h.drift.tries, r.err)
		return
	case r.err != nil:
		h.drift.tries.notBefore = l.retry(&h.drift.tries, r)
		h.at = h.drift.tries.notBefore
		return
	}
	h.devs = r.kept.Devs
	h.drift.tries = tries{notBefore: h.drift.tries.notBefore}
	for _, sentence := range r.kept.Wrong {
		if !slices.Contains(h.told, sentence) {
			l.Log.Error(sentence)
		}
	}
	h.told = r.kept.Wrong
	if len(r.kept.Done) == 0 {
		return
	}
	what := strings.Join(atMost(r.kept.Done), "; ")
	h.drift.lost(what, r.ended)
	l.counts.repairs++
	l.tellPutBack(&h.drift, "the host's side", "missing", what)
}
