package watch

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vifctl/hooks/engine"
	"vifctl/hooks/plan"
)

func TestWorkersAreFew(t *testing.T) {
	t.Parallel()
	p := newPretend(t)
	var inside, most atomic.Int32
	p.answer = func(engine.LateTap) error {
		if n := inside.Add(1); n > most.Load() {
			most.Store(n)
		}
		time.Sleep(5 * time.Millisecond)
		inside.Add(-1)
		return nil
	}
	const taps = 30
	for i := range taps {
		p.record(plan.NIC{Domid: i}, plan.Vif, fmt.Sprintf("vif%d.0", i), 1000+i, true)
		p.links.tell(1000+i, func(linkChange) linkChange { return linkChange{name: fmt.Sprintf("vif%d.0", i)} })
		p.comes(2000+i, fmt.Sprintf("vif%d.0-emu", i))
	}
	p.start()
	p.soon(func() bool { return p.said("came late") == taps }, "all")
	require.Equal(t, taps, p.did())
	require.EqualValues(t, 2, most.Load())
}

func TestWorkUnderWayIsFinished(t *testing.T) {
	t.Parallel()
	p := newPretend(t)
	begun, end := make(chan struct{}), make(chan struct{})
	p.answer = func(engine.LateTap) error {
		close(begun)
		<-end
		return nil
	}
	p.record(first, plan.Vif, "vif1.0", 1, true)
	p.start("vif1.0", "vif1.0-emu")
	<-begun
	time.AfterFunc(50*time.Millisecond, func() { close(end) })
	p.stop()
	require.NoError(t, p.err)
	require.Equal(t, 1, p.said("came late and is up"))
}
