package watch

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vifctl/hooks/engine"
	"vifctl/hooks/journal"
	"vifctl/hooks/plan"
	"vifctl/hooks/xenstore"
)

// lookedAt is how often a port was looked at.
func (p *pretend) lookedAt(name string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.looked[name]
}

func (p *pretend) hint(c hint) { p.hints.tell(c, func(struct{}) struct{} { return struct{}{} }) }

// lacking is the work for a port that is not up.
func lacking(port journal.Port) *engine.Decision {
	return &engine.Decision{Mode: "route", Actions: []plan.Action{{Step: plan.Up{Dev: plan.Dev{Name: port.Name, Index: port.Index}, Want: true}}}}
}

func TestEveryPortIsLookedAtAtStart(t *testing.T) {
	t.Parallel()
	p := newPretend(t)
	p.record(first, plan.Vif, "vif1.0", 1, true)
	p.record(plan.NIC{Domid: 2}, plan.Vif, "vif2.0", 2, true)
	p.start("vif1.0", "vif2.0", "eth0")
	p.soon(func() bool { return p.lookedAt("vif1.0") == 1 && p.lookedAt("vif2.0") == 1 }, "at start")
	p.never(func() bool { return p.lookedAt("vif1.0") > 1 }, "without a reason")
}

// A hint leads to those whom it may be about, and to no others.
func TestClues(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		hint       hint
		one, other bool
	}{
		"at the port":                {hint{index: 1}, true, false},
		"an element of the port's":   {hint{port: "vif2.0"}, false, true},
		"an address of the port's":   {hint{index: 3, address: public}, true, false},
		"a neighbour of the port's":  {hint{index: 1, address: private, neighbour: true}, true, false},
		"a neighbour of no port's":   {hint{index: 1, address: public.Next(), neighbour: true}, false, false},
		"a neighbour learnt":         {hint{index: 1, address: public, neighbour: true}, false, false},
		"another's address":          {hint{index: 3, address: public.Next()}, false, false},
		"at an interface both need":  {hint{index: 3}, true, true},
		"at one that no port needs":  {hint{index: 4}, false, false},
		"what all have in common":    {hint{base: true}, true, true},
		"an interface not there any": {hint{port: "vif9.0"}, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPretend(t)
			uplink := plan.Dev{Name: "eth0", Index: 3}
			p.recordWith(first, "vif1.0", 1, plan.Address{Dev: uplink, Addr: plan.Addr{Prefix: onePrefix(public)}, NIC: true},
				plan.Neighbour{Dev: plan.Dev{Name: "vif1.0", Index: 1}, IP: private, MAC: "00:16:3e:00:00:01"})
			p.recordWith(plan.NIC{Domid: 2}, "vif2.0", 2, plan.Sysctl{Dev: uplink, Table: "ipv6/conf", Name: "proxy_ndp", Want: "1"})
			p.start("vif1.0", "vif2.0", "eth0", "eth1")
			p.soon(func() bool { return p.lookedAt("vif1.0") == 1 && p.lookedAt("vif2.0") == 1 }, "at start")
			p.hint(tc.hint)
			count := func(yes bool) int {
				if yes {
					return 2
				}
				return 1
			}
			so := func() bool {
				return p.lookedAt("vif1.0") == count(tc.one) && p.lookedAt("vif2.0") == count(tc.other)
			}
			p.soon(so, "who it is about")
			time.Sleep(2 * suspicion)
			require.True(t, so(), "and no other port")
		})
	}
}

func TestWhatChangesTogetherIsLookedAtOnce(t *testing.T) {
	t.Parallel()
	p := newPretend(t)
	p.record(first, plan.Vif, "vif1.0", 1, true)
	p.start("vif1.0")
	p.soon(func() bool { return p.lookedAt("vif1.0") == 1 }, "at start")
	began := time.Now()
	for range 50 {
		p.hint(hint{index: 1})
		p.links.tell(1, func(linkChange) linkChange { return linkChange{name: "vif1.0", touched: true} })
		time.Sleep(time.Millisecond)
	}
	p.soon(func() bool { return p.lookedAt("vif1.0") > 1 }, "looked at")
	time.Sleep(2 * suspicion)
	require.LessOrEqual(t, p.lookedAt("vif1.0"), 1+int(time.Since(began)/suspicion))
}

func TestSweep(t *testing.T) {
	t.Parallel()
	p := newPretend(t)
	p.Timing.Round = 200 * time.Millisecond
	p.record(first, plan.Vif, "vif1.0", 1, true)
	p.record(plan.NIC{Domid: 2}, plan.Vif, "vif2.0", 2, true)
	p.start("vif1.0", "vif2.0")
	p.soon(func() bool { return p.lookedAt("vif1.0") > 3 && p.lookedAt("vif2.0") > 3 }, "again and again")
}

// Two who put back the same thing for ever would wear the host out: we give
// way, and say so once.
func TestFight(t *testing.T) {
	t.Parallel()
	p := newPretend(t)
	p.lacks = func(port journal.Port) (*engine.Decision, error) {
		p.hint(hint{index: port.Index}) // it is taken away again at once
		return lacking(port), nil
	}
	p.record(first, plan.Vif, "vif1.0", 1, true)
	began := time.Now()
	p.start("vif1.0")
	p.soon(func() bool { return p.said("again and again") == 1 }, "told")
	require.Equal(t, fightsAt-1, p.said("put back what was missing"))
	p.soon(func() bool { return p.lookedAt("vif1.0") > fightsAt }, "and once more")
	require.GreaterOrEqual(t, time.Since(began), (fightsAt-1)*suspicion+time.Second, "after a second's pause")
	require.Equal(t, 1, p.said("again and again"))

	d := drift{times: 100}
	require.Equal(t, lastPause, d.pause())
}

func TestRepairFails(t *testing.T) {
	t.Parallel()
	p := newPretend(t)
	p.lacks = func(port journal.Port) (*engine.Decision, error) {
		return lacking(port), errors.New("vif1.0: attach to xenbr0: no such bridge")
	}
	p.record(first, plan.Vif, "vif1.0", 1, false)
	p.start("vif1.0")
	p.soon(func() bool { return p.lookedAt("vif1.0") == 2 }, "tried again")
	require.Equal(t, 1, p.said("no such bridge"), "told once")
	require.Zero(t, p.said("put back"))
	// An interface comes that it may have waited for.
	before := p.lookedAt("vif1.0")
	p.comes(7, "xenbr0")
	p.soon(func() bool { return p.lookedAt("vif1.0") > before }, "at once")
}

// What a call is at work on, has taken down, or cannot be known, is no drift.
func TestNoDrift(t *testing.T) {
	t.Parallel()
	for name, why := range map[string]error{"busy": engine.ErrBusy, "down": engine.ErrNotUp, "gone": engine.ErrGone, "no keys": engine.ErrNoKeys, "no store": xenstore.ErrClosed} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPretend(t)
			p.lacks = func(journal.Port) (*engine.Decision, error) { return nil, why }
			p.record(first, plan.Vif, "vif1.0", 1, true)
			began := time.Now()
			p.start("vif1.0")
			p.soon(func() bool { return p.lookedAt("vif1.0") >= 1 }, "looked at")
			time.Sleep(2 * busyPause)
			p.stop()
			require.Zero(t, p.said("level=WARN")+p.said("level=ERROR")+p.said("put back"), p.log.String())
			require.LessOrEqual(t, p.lookedAt("vif1.0"), 2+int(time.Since(began)/busyPause))
		})
	}
}
