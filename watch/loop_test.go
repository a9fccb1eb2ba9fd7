package watch

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vifctl/hooks/engine"
	"vifctl/hooks/plan"
)

var first = plan.NIC{Domid: 1}

func TestLateTapIsBroughtUpOnce(t *testing.T) {
	t.Parallel()
	p := newPretend(t)
	p.record(first, plan.Vif, "vif1.0", 1, true)
	p.start("vif1.0", "eth0")
	p.comes(3, "vif1.0-emu")
	p.soon(func() bool { return p.said("vif1.0-emu came late and is up") == 1 }, "brought up")
	require.Equal(t, 1, p.said("after="))

	p.comes(3, "vif1.0-emu")
	p.links.tellAll()
	p.record(first, plan.Vif, "vif1.0", 1, false)
	p.never(func() bool { return p.did() > 1 }, "twice")
}

func TestTapThatIsThereAtStart(t *testing.T) {
	t.Parallel()
	p := newPretend(t)
	p.record(first, plan.Vif, "vif1.0", 1, true)
	p.start("vif1.0", "vif1.0-emu")
	p.soon(func() bool { return p.did() == 1 }, "found by looking")
}

func TestDoneTapIsLeftAlone(t *testing.T) {
	t.Parallel()
	p := newPretend(t)
	p.record(first, plan.Vif, "vif1.0", 1, true)
	p.record(first, plan.Tap, "vif1.0-emu", 2, true)
	p.start("vif1.0", "vif1.0-emu")
	p.never(func() bool { return p.did() > 0 }, "it is done")

	// A call takes it down on purpose, and it stays for a while.
	require.NoError(t, p.Journal.Delete(first, plan.Tap))
	p.never(func() bool { return p.did() > 0 }, "it was taken down")
	// The device model makes another.
	p.goes(2)
	p.comes(3, "vif1.0-emu")
	p.soon(func() bool { return p.did() == 1 }, "another tap")
}

// xl calls for the tap right after the vif: that is its doing.
func TestTapIsLeftToTheCallThatFollows(t *testing.T) {
	t.Parallel()
	p := newPretend(t)
	// On a busy machine the calls may take their time, too.
	p.Timing.Settle, p.Timing.Patience = 5*time.Second, 5*time.Second
	p.start()
	p.comes(1, "vif1.0")
	p.comes(2, "vif1.0-emu")
	time.Sleep(2 * clockTick)
	p.record(first, plan.Vif, "vif1.0", 1, false)
	time.Sleep(20 * time.Millisecond)
	p.record(first, plan.Tap, "vif1.0-emu", 2, false)
	p.never(func() bool { return p.did() > 0 }, "xl did it")
	require.Zero(t, p.said("WARN"))
}

func TestTapIsOursWhenNoCallFollows(t *testing.T) {
	t.Parallel()
	p := newPretend(t)
	p.start()
	p.comes(1, "vif1.0")
	p.comes(2, "vif1.0-emu")
	time.Sleep(2 * clockTick)
	began := time.Now()
	p.record(first, plan.Vif, "vif1.0", 1, false)
	p.soon(func() bool { return p.did() == 1 }, "it was not done")
	require.GreaterOrEqual(t, time.Since(began), p.Timing.Settle-clockTick)
}

// A record from the future, by a clock that was set back, delays nothing.
func TestClockIsSetBack(t *testing.T) {
	t.Parallel()
	p := newPretend(t)
	p.Boot = thisBoot
	p.record(first, plan.Vif, "vif1.0", 1, false)
	future(t, p, time.Hour)
	p.start("vif1.0")
	p.comes(2, "vif1.0-emu")
	p.soon(func() bool { return p.did() == 1 }, "in spite of the clock")
}

func TestLateTaps(t *testing.T) {
	t.Parallel()
	p := newPretend(t)
	p.start("vif1.0", "vif1.0-emu", "vif2.0-emu", "tap3", "eth0")
	p.soon(func() bool { return p.said("WARN") == 2 && p.said("tap3: a number") == 1 }, "a warning each")
	p.links.tellAll()
	p.record(plan.NIC{Domid: 9}, plan.Vif, "vif9.0", 9, true)
	p.never(func() bool { return p.said("WARN") > 2 || p.said("tap3") > 1 }, "again")
	require.Equal(t, 1, p.said("vif1.0: vifctl did not bring it up"))
	require.Equal(t, 1, p.said("vif2.0-emu: vifctl did not bring vif2.0 up"))
	require.Zero(t, p.did())

	// Late is better than never.
	p.record(first, plan.Vif, "vif1.0", 1, true)
	p.soon(func() bool { return p.did() == 1 }, "called after all")
}

func TestBackendComesLater(t *testing.T) {
	t.Parallel()
	p := newPretend(t)
	p.Timing.Patience = time.Minute
	var there atomic.Bool
	p.answer = func(engine.LateTap) error {
		if !there.Load() {
			return fmt.Errorf("vif1.0-emu: %w", engine.ErrNoKeys)
		}
		return nil
	}
	p.record(first, plan.Vif, "vif1.0", 1, true)
	p.start("vif1.0", "vif1.0-emu")
	p.soon(func() bool { return p.did() > 0 }, "tried")
	p.never(func() bool { return p.did() > 2 }, "tried in vain")
	before := p.did()
	there.Store(true)
	p.backend("backend/vif/2/0/frontend-id")
	p.never(func() bool { return p.did() > before }, "another's backend")
	p.backend("backend/vif/1/0/frontend-id")
	p.soon(func() bool { return p.said("came late and is up") == 1 }, "brought up")
}

func TestBackendNeverComes(t *testing.T) {
	t.Parallel()
	p := newPretend(t)
	p.answer = func(engine.LateTap) error { return engine.ErrNoKeys }
	p.record(first, plan.Vif, "vif1.0", 1, true)
	p.start("vif1.0", "vif1.0-emu")
	p.soon(func() bool { return p.said("is not in the xenstore") == 1 }, "a warning")
	p.never(func() bool { return p.said("is not in the xenstore") > 1 }, "again")
}

func TestXenstoreComesBack(t *testing.T) {
	t.Parallel()
	p := newPretend(t)
	p.record(first, plan.Vif, "vif1.0", 1, true)
	p.stopStore()
	p.start("vif1.0", "vif1.0-emu")
	p.never(func() bool { return p.did() > 0 }, "without a xenstore")
	p.startStore()
	p.soon(func() bool { return p.did() == 1 }, "with it")
	p.stopStore()
	p.soon(func() bool { return p.said("there is no xenstore") == 2 }, "gone again")
	p.record(plan.NIC{Domid: 2}, plan.Vif, "vif2.0", 3, true)
	p.comes(3, "vif2.0")
	p.comes(4, "vif2.0-emu")
	p.never(func() bool { return p.did() > 1 }, "without it again")
	p.startStore()
	p.soon(func() bool { return p.did() == 2 }, "with it again")
	require.Equal(t, 2, p.said("the xenstore is back"))
}

func TestFailureIsToldOnceAndTriedAgain(t *testing.T) {
	t.Parallel()
	p := newPretend(t)
	var fixed atomic.Bool
	p.answer = func(engine.LateTap) error {
		if fixed.Load() {
			return nil
		}
		return errors.New("vif1.0-emu: attach to xenbr0: no such bridge")
	}
	p.record(first, plan.Vif, "vif1.0", 1, true)
	p.start("vif1.0", "vif1.0-emu")
	p.soon(func() bool { return p.did() == 2 }, "after a second")
	require.Equal(t, 1, p.said("no such bridge"))
	fixed.Store(true)
	p.soon(func() bool { return p.said("came late and is up") == 1 }, "after two more")
}

func TestInterruptedTapIsFinished(t *testing.T) {
	t.Parallel()
	p := newPretend(t)
	p.record(first, plan.Vif, "vif1.0", 1, true)
	p.record(first, plan.Tap, "vif1.0-emu", 2, true)
	leftLock(t, p, first)
	p.start("vif1.0", "vif1.0-emu")
	p.soon(func() bool { return p.said("was left half done") == 1 }, "finished")
	p.stop()
	p.start("vif1.0", "vif1.0-emu")
	p.never(func() bool { return p.did() > 1 }, "again")
}

func TestGoneTapOfAVifThatIsDown(t *testing.T) {
	t.Parallel()
	p := newPretend(t)
	p.record(first, plan.Vif, "vif1.0", 1, true)
	p.record(first, plan.Tap, "vif1.0-emu", 2, true)
	p.start("vif1.0", "vif1.0-emu")
	p.goes(2)
	p.never(func() bool { return p.said("is undone") > 0 }, "its vif is up: xl will call")
	require.NoError(t, p.Journal.Delete(first, plan.Vif))
	p.soon(func() bool { return p.said("vif1.0-emu had gone") == 1 }, "no call came")
	require.Len(t, p.removed, 1)
}
