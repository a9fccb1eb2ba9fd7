package properties

import (
	"fmt"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// A guest that moves has two domains with one UUID. xl calls the new one NAME--incoming until it has arrived, and the old one
// NAME--migratedaway from then on (tools/xl/xl_migrate.c). Which of them ends, and how, is drawn as that of any other life: an
// old domain that ends is a move that went well, a new one that does is one that failed.

// migrate begins a move to the host that the guest is on.
func (w *world) migrate(rt *rapid.T) {
	old := pick(rt, w.live, func(l *life) bool { return w.domains(l.who) == 1 })
	domid := rapid.SampledFrom([]int{1, 2, 3}).Draw(rt, "to domain")
	if w.live[domid] != nil {
		rt.Skip("it is taken")
	}
	nic := old.NIC
	nic.Domid, nic.Guest = domid, nameOf(old.who)+"--incoming"
	l := w.create(rt, nic, old.script, old.who)
	if nic.Vifname == "" {
		w.ask(rt, l, "online", "type_if=vif")
		return
	}
	// The name is the old domain's: the move fails, and takes nothing from it.
	r := w.call(l, "online", "type_if=vif")
	require.NotZero(rt, r.Exit)
	require.Contains(rt, r.Stderr, nic.Vifname)
	w.offline(rt, l)
	l.end(rt)
	w.forget(rt, l)
	delete(w.live, domid)
}

// hasArrived gives a new domain the guest's name, and the old one, if it is still there, another.
func (w *world) hasArrived(rt *rapid.T) {
	l := pick(rt, w.live, func(l *life) bool { return l.Guest != nameOf(l.who) && w.domains(l.who) > 0 })
	for _, other := range w.live {
		if other.who == l.who && other != l {
			w.rename(rt, other, nameOf(l.who)+"--migratedaway")
		}
	}
	w.rename(rt, l, nameOf(l.who))
}

func (w *world) rename(rt *rapid.T, l *life, name string) {
	require.NoError(rt, w.Write(fmt.Sprintf("/local/domain/%d/name", l.Domid), name))
	l.Guest = name
}

// domains is how many of a guest's there are.
func (w *world) domains(who int) (n int) {
	for _, l := range w.live {
		if l.who == who {
			n++
		}
	}
	return n
}
