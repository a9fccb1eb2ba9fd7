package properties

import (
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"vifctl/tests/dom0"
)

// An HVM guest's emulated NIC has a tap, which the device model makes before the calls, after them, or again.

// addTap makes the tap, and calls nothing.
func (w *world) addTap(rt *rapid.T, l *life) {
	require.NoError(rt, l.PlugTap())
	l.forge(rt, w.host, "emu0")
	l.tap = true
}

// plugTap is a tap that comes late: the toolstack calls, or the watcher finds it.
func (w *world) plugTap(rt *rapid.T) {
	l := pick(rt, w.live, func(l *life) bool { return l.HVM && !l.tap })
	w.addTap(rt, l)
	if rapid.Bool().Draw(rt, "called") {
		w.ask(rt, l, "add", "type_if=tap")
	} else {
		r := w.Run(dom0.ScriptsDir+"/vifctl", "watch", "--once")
		require.Zero(rt, r.Exit, r.Stderr)
	}
	l.tapUp = true
}

// unplugTap is a device model that ends: the toolstack calls, or not.
func (w *world) unplugTap(rt *rapid.T) {
	l := pick(rt, w.live, func(l *life) bool { return l.tap })
	last := len(l.stops) - 1
	l.stops[last]()
	l.stops = l.stops[:last]
	require.NoError(rt, l.UnplugTap())
	l.tap, l.tapUp = false, false
	if rapid.Bool().Draw(rt, "called") {
		w.ask(rt, l, "remove", "type_if=tap")
	}
}
