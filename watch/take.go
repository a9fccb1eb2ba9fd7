package watch

import (
	"time"

	"vifctl/hooks/plan"
)

// takeLinks takes in what became of interfaces.
func (l *loop) takeLinks() {
	changed, all := l.links.take()
	for index, c := range changed {
		l.markAround(index, c)
	}
	if all {
		l.listed = true
		l.readInterrupted()
		for index := range l.ports {
			l.dirty[index] = true
		}
		for key := range l.host.ports {
			l.watchLeft(key.nic)
		}
		l.suspectAll(time.Now())
	}
}

// markAround takes in one interface's change. What hangs on it is looked at,
// too: a tap waits for its vif.
func (l *loop) markAround(index int, c linkChange) {
	key, owned := l.host.owner[index]
	if isNew := l.ports[index] == nil; !c.gone && (c.touched || isNew) {
		defer l.touched(index, c.name, isNew, time.Now())
	}
	if c.gone {
		l.suspectSet(l.host.users[index], time.Now().Add(suspicion))
		l.host.DropLink(index)
		delete(l.ports, index)
		delete(l.due, index)
	} else {
		l.host.SetLink(Link{index, c.name})
		p := l.ports[index]
		if p == nil {
			p = &port{seen: c.seen}
			l.ports[index] = p
		}
		p.Link = Link{index, c.name}
		l.dirty[index] = true
	}
	if owned {
		l.mark(key.nic)
	}
}

// mark has a NIC's interfaces looked at.
func (l *loop) mark(nic plan.NIC) {
	for _, index := range l.host.Concerned(nic) {
		l.dirty[index] = true
	}
	l.watchLeft(nic)
}

// takeStore takes in what changed in the xenstore: who waits for it is looked
// at.
func (l *loop) takeStore() {
	changed, all := l.Store.take()
	l.storeNews++
	if all {
		for index, p := range l.ports {
			if p.keys || !p.late.IsZero() || !p.drift.suspect.IsZero() {
				p.keys, p.drift.lacking = false, false
				l.dirty[index] = true
			}
		}
	}
	for nic := range changed {
		for _, index := range l.host.Concerned(nic) {
			p := l.ports[index]
			if p != nil && p.keys {
				p.keys = false
				l.dirty[index] = true
			}
			if p != nil && p.drift.lacking {
				p.drift.lacking = false
				l.suspects(index, time.Now())
			}
		}
	}
}
