package watch

import "time"

// A look at whose guests' addresses are reads the whole host. After one for an address that
// came, the pause is whoseShare times longer than it took, 0.05 % of a processor, and at
// most whoseMost.
const (
	whoseShare = 2000
	whoseMost  = time.Minute
)

// whose is what the loop remembers of it.
type whose struct {
	// at is when it is looked at again; looking: a worker is at it.
	at      time.Time
	looking bool
	// told are the sentences that hold and were logged.
	told  map[string]bool
	tries tries
	// came: an address has come since the last look. notBefore is the end of the pause.
	came      bool
	notBefore time.Time
}

// addressCame takes in that an interface of the host's has got an address.
func (l *loop) addressCame(now time.Time) {
	l.whose.came = true
	soon := now.Add(suspicion)
	if l.whose.notBefore.After(soon) {
		soon = l.whose.notBefore
	}
	if l.whose.at.After(soon) {
		l.whose.at = soon
	}
}

// lookWhose has a worker find out, at the start, after the host has got an address, and every
// now and then, whether guests have what is the host's or another guest's by now.
func (l *loop) lookWhose(now time.Time) {
	if l.whose.looking || now.Before(l.whose.at) {
		return
	}
	l.whose.looking = true
	l.whose.at = now.Add(l.timing.Garbage)
	l.give(job{whose: true, came: l.whose.came})
	l.whose.came = false
}

// endedWhose logs what is new.
func (l *loop) endedWhose(r result) {
	l.whose.looking = false
	if r.came {
		l.whose.notBefore = r.ended.Add(min(max(l.timing.Whose, whoseShare*r.took), whoseMost))
	}
	if r.err != nil {
		l.fail(&l.whose.tries, r.err)
		return
	}
	l.whose.tries = tries{}
	told := map[string]bool{}
	for _, sentence := range r.found {
		if !l.whose.told[sentence] {
			l.Log.Error(sentence)
		}
		told[sentence] = true
	}
	l.whose.told = told
}
