package watch

import (
	"testing"

	"github.com/stretchr/testify/require"

	"vifctl/hooks/engine"
	"vifctl/hooks/network"
)

func (p *pretend) timesKept() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.kept
}

func (p *pretend) keepsAs(keeps func() (network.Kept, error)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.keeps = keeps
}

// The host's side is looked at at the start, when an interface that it is made of changes, and when
// forwarding does; for another interface it is not.
func TestHostSide(t *testing.T) {
	t.Parallel()
	p := newPretend(t)
	p.keepsAs(func() (network.Kept, error) { return network.Kept{Devs: []int{2}}, nil })
	p.start("eth1", "xenbr0")
	p.soon(func() bool { return p.timesKept() > 0 }, "at the start")
	touch := func(index int, name string) {
		p.links.tell(index, func(linkChange) linkChange { return linkChange{name: name, touched: true} })
	}
	again := func(what string, do func()) {
		before := p.timesKept()
		do()
		p.soon(func() bool { return p.timesKept() > before }, what)
	}
	again("for the bridge", func() { touch(2, "xenbr0") })
	again("for forwarding", func() { p.hint(hint{forwarding: true}) })
	before := p.timesKept()
	touch(1, "eth1")
	p.never(func() bool { return p.timesKept() > before }, "for another interface")

	// What only a start brings back is told once, and again when it was there meanwhile.
	const gone = "the bridge xenbr0 has gone"
	p.keepsAs(func() (network.Kept, error) { return network.Kept{Devs: []int{2}, Wrong: []string{gone}}, nil })
	again("once", func() { touch(2, "xenbr0") })
	again("twice", func() { touch(2, "xenbr0") })
	p.soon(func() bool { return p.said(gone) == 1 }, "told once")
	p.keepsAs(func() (network.Kept, error) { return network.Kept{Devs: []int{2}}, nil })
	again("there", func() { touch(2, "xenbr0") })
	p.keepsAs(func() (network.Kept, error) { return network.Kept{Devs: []int{2}, Wrong: []string{gone}}, nil })
	again("gone again", func() { touch(2, "xenbr0") })
	p.soon(func() bool { return p.said(gone) == 2 }, "told again")
}

// A start that is under way is waited for, and what another program takes away again and again is put
// back ever more rarely.
func TestHostSideIsNotFoughtFor(t *testing.T) {
	t.Parallel()
	p := newPretend(t)
	busy := true
	p.keepsAs(func() (network.Kept, error) {
		if busy {
			busy = false
			return network.Kept{}, engine.ErrBusy
		}
		return network.Kept{Devs: []int{1}, Done: []string{"ip link set dev xenbr0 up"}}, nil
	})
	p.start("xenbr0")
	p.soon(func() bool { return p.timesKept() > 1 }, "after a start")
	for range fightsAt - 1 {
		before := p.timesKept()
		p.hint(hint{forwarding: true})
		p.soon(func() bool { return p.timesKept() > before }, "once more")
	}
	p.soon(func() bool { return p.said("the host's side: another program takes away again and again") == 1 }, "told")
	require.Equal(t, fightsAt-1, p.said("the host's side: put back what was missing"))
	p.stop()
	require.NoError(t, p.err)
}
