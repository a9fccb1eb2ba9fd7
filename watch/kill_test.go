package watch_test

import (
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"vifctl/tests/dom0"
	"vifctl/tests/speed"
)

// Killed at any moment, the next one makes it good.
func TestKilledAnywhere(t *testing.T) {
	t.Parallel()
	d := newDom0(t)
	p := hvm(t, d, "route", 1)
	without := d.State()
	plugTap(t, p)
	require.Zero(t, p.Call("vif-route", "add", "type_if=tap").Exit)
	called := d.State()
	require.Zero(t, p.Call("vif-route", "remove", "type_if=tap").Exit)
	unplugTap(t, p)
	for range 25 {
		w := watcher(t, d)
		says(t, w, "watching", 1)
		time.Sleep(20 * time.Millisecond)
		plugTap(t, p)
		time.Sleep(rand.N(15 * time.Millisecond))
		_, err := w.End(unix.SIGKILL)
		require.NoError(t, err)

		again := watcher(t, d, "--once")
		exit, err := again.Wait()
		require.NoError(t, err)
		require.Zero(t, exit, again.Log())
		require.Equal(t, called, d.State(), "%s\nthen\n%s", w.Log(), again.Log())
		require.Zero(t, p.Call("vif-route", "remove", "type_if=tap").Exit)
		unplugTap(t, p)
		require.Equal(t, without, d.State())
	}
}

// Killed while a vif-post.d hook runs, when all else is done: the hook runs
// again, and then never more.
func TestKilledInAHook(t *testing.T) {
	t.Parallel()
	d := newDom0(t)
	p := hvm(t, d, "route", 1)
	hook := "echo begun $dev >>/run/hook\nwhile [ -e /run/wait ]; do sleep 0.01; done\necho ended $dev >>/run/hook\n"
	require.NoError(t, d.WriteFile(dom0.ScriptsDir+"/vif-post.d/slow.hook", hook, 0o755))
	require.NoError(t, d.WriteFile("/run/wait", "", 0o644))
	w := watcher(t, d)
	plugTap(t, p)
	require.Eventually(t, func() bool { log, _ := d.ReadFile("/run/hook"); return log != "" }, speed.Patience, time.Millisecond)
	_, err := w.End(unix.SIGKILL)
	require.NoError(t, err)
	require.NoError(t, d.Do(func() error { return os.Remove("/run/wait") }))

	w = watcher(t, d)
	says(t, w, "vif1.0-emu was left half done by a call that was killed, and is up", 1)
	ends(t, w)
	w = watcher(t, d)
	says(t, w, "watching", 1)
	time.Sleep(200 * time.Millisecond)
	ends(t, w)
	require.NotContains(t, w.Log(), "is up")
	log, err := d.ReadFile("/run/hook")
	require.NoError(t, err)
	require.Equal(t, 2, strings.Count(log, "begun"), log)
}

// xl's call about the tap and the watcher are at it at the same moment.
func TestRace(t *testing.T) {
	t.Parallel()
	d := newDom0(t)
	p := hvm(t, d, "route", 1)
	without := d.State()
	plugTap(t, p)
	require.Zero(t, p.Call("vif-route", "add", "type_if=tap").Exit)
	called := d.State()
	require.Zero(t, p.Call("vif-route", "remove", "type_if=tap").Exit)
	unplugTap(t, p)
	w := watcher(t, d)
	says(t, w, "watching", 1)
	// The second to come finds nothing to do, at once or a moment later.
	becomes := func(state string) {
		t.Helper()
		for end := time.Now().Add(speed.Patience); time.Now().Before(end); {
			if d.State() == state {
				return
			}
		}
		require.Equal(t, state, d.State())
	}
	for range 50 {
		var both sync.WaitGroup
		var add dom0.Result
		// The call takes some milliseconds to begin, and then waits for the tap.
		both.Go(func() { add = p.Call("vif-route", "add", "type_if=tap") })
		time.Sleep(rand.N(10 * time.Millisecond))
		plugTap(t, p)
		both.Wait()
		require.Zero(t, add.Exit, add.Stderr)
		becomes(called)
		require.Zero(t, p.Call("vif-route", "remove", "type_if=tap").Exit)
		unplugTap(t, p)
		becomes(without)
	}
	ends(t, w)
	t.Logf("the watcher was first %d times of 50", strings.Count(w.Log(), "came late"))
	require.NotContains(t, w.Log(), "error")
	require.NotContains(t, w.Log(), "warning")
}
