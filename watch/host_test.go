package watch_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"vifctl/tests/dom0"
	"vifctl/tests/speed"
)

// In these tests the program itself is at work, in a network namespace of its
// own.

func newDom0(t testing.TB) *dom0.Dom0 {
	t.Helper()
	return dom0.New(t, dom0.Options{Router: true, Bridges: []dom0.Bridge{{Name: "xenbr0"}}})
}

func watcher(t testing.TB, d *dom0.Dom0, args ...string) *dom0.Watcher {
	t.Helper()
	w, err := d.Watch(args...)
	require.NoError(t, err)
	return w
}

// hvm is a guest whose vif is up in a mode, and whose tap has not come.
func hvm(t testing.TB, d *dom0.Dom0, mode string, domid int) *dom0.Port {
	t.Helper()
	p := attach(t, d, domid)
	online(t, p, mode)
	return p
}

func attach(t testing.TB, d *dom0.Dom0, domid int) *dom0.Port {
	t.Helper()
	p, err := d.Attach(dom0.NIC{
		Domid: domid, Guest: fmt.Sprintf("win%d", domid), HVM: true, TapDevice: true, Unplugged: true,
		IP: fmt.Sprintf("10.1.%d.%d 2001:db8::a:%x", domid/256, domid%256, domid),
	})
	require.NoError(t, err)
	require.NoError(t, p.PlugVif())
	return p
}

func unplugTap(t testing.TB, p *dom0.Port) {
	t.Helper()
	require.NoError(t, p.UnplugTap())
}

func plugTap(t testing.TB, p *dom0.Port) {
	t.Helper()
	require.NoError(t, p.PlugTap())
}

func online(t testing.TB, p *dom0.Port, mode string) {
	t.Helper()
	r := p.Call("vif-"+mode, "online", "type_if=vif")
	require.Zero(t, r.Exit, r.Stderr)
}

// says waits until the log has this many lines with the words.
func says(t testing.TB, w *dom0.Watcher, words string, times int) {
	t.Helper()
	for end := time.Now().Add(speed.Patience); strings.Count(w.Log(), words) < times; time.Sleep(time.Millisecond) {
		require.True(t, time.Now().Before(end), "it never said %q %d times, but:\n%s", words, times, w.Log())
	}
	require.Equal(t, times, strings.Count(w.Log(), words), w.Log())
}

func ends(t testing.TB, w *dom0.Watcher) {
	t.Helper()
	exit, err := w.End(unix.SIGTERM)
	require.NoError(t, err)
	require.Zero(t, exit, w.Log())
}

// Every mode's late tap is what a call would have made of it.
func TestLateTapIsAsCalled(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"bridge", "route", "nat"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			d := newDom0(t)
			config := "[host]\nantispoof = \"strict\"\n"
			require.NoError(t, d.WriteFile(dom0.ConfigFile, config, 0o644))
			p := hvm(t, d, mode, 1)
			before := d.State()
			plugTap(t, p)
			require.Zero(t, p.Call("vif-"+mode, "add", "type_if=tap").Exit)
			called := d.State()
			require.Zero(t, p.Call("vif-"+mode, "remove", "type_if=tap").Exit)
			unplugTap(t, p)
			require.Equal(t, before, d.State())

			w := watcher(t, d)
			says(t, w, "watching", 1)
			time.Sleep(300 * time.Millisecond)
			plugTap(t, p)
			says(t, w, "vif1.0-emu came late and is up", 1)
			require.Equal(t, called, d.State())
			ends(t, w)
			require.Equal(t, called, d.State(), "its end changes nothing")
		})
	}
}

// 200 taps come while the watcher cannot listen, and the kernel keeps no more
// events for it than for any other program.
func TestBurst(t *testing.T) {
	t.Parallel()
	const taps = 200
	d := newDom0(t)
	ports := make([]*dom0.Port, taps)
	for i := range ports {
		ports[i] = hvm(t, d, "route", i+1)
	}
	w := watcher(t, d, "--buffer", "106496") // the kernel doubles it: net.core.rmem_default
	says(t, w, "watching", 1)
	time.Sleep(100 * time.Millisecond)
	require.NoError(t, w.Signal(unix.SIGSTOP))
	for _, p := range ports {
		plugTap(t, p)
	}
	require.NoError(t, w.Signal(unix.SIGCONT))
	says(t, w, "came late and is up", taps)
	says(t, w, "the kernel had to drop link events", 1)
	routes := d.Run("ip", "-4", "route", "show", "proto", "118").Stdout
	require.Equal(t, taps, strings.Count(routes, "metric 1 "), routes)
	ends(t, w)
}

// The vif goes down, the tap goes, and xl does not call for the tap.
func TestNothingIsLeft(t *testing.T) {
	t.Parallel()
	d := newDom0(t)
	require.NoError(t, d.WriteFile(dom0.ConfigFile, "[host]\nantispoof = \"strict\"\n", 0o644))
	// The tables of the firewall are the host's, and stay.
	first := hvm(t, d, "route", 1)
	require.Zero(t, first.Call("vif-route", "offline", "type_if=vif").Exit)
	require.NoError(t, first.Unplug())
	before := d.State()
	w := watcher(t, d)
	says(t, w, "watching", 1)
	p := hvm(t, d, "route", 2)
	plugTap(t, p)
	says(t, w, "vif2.0-emu came late and is up", 1)
	require.Zero(t, p.Call("vif-route", "offline", "type_if=vif").Exit)
	require.NoError(t, p.Unplug())
	says(t, w, "vif2.0-emu had gone, and its vif was down", 1)
	require.Equal(t, before, d.State())
	require.NotContains(t, d.Run("ls", "/run/vifctl").Stdout, "2.0")
	ends(t, w)
}

// The backend of a vif that is up is not in the xenstore: it is waited for.
func TestBackendIsWaitedFor(t *testing.T) {
	t.Parallel()
	d := newDom0(t)
	p := hvm(t, d, "route", 1)
	require.NoError(t, d.Remove(p.Backend))
	w := watcher(t, d)
	says(t, w, "watching", 1)
	plugTap(t, p)
	time.Sleep(500 * time.Millisecond)
	says(t, w, "came late", 0)
	require.NoError(t, d.Write(p.Backend+"/frontend-id", "1", p.Backend+"/mac", p.MAC, p.Backend+"/ip", p.IP))
	says(t, w, "vif1.0-emu came late and is up", 1)
	require.Contains(t, d.Run("ip", "-4", "route").Stdout, "10.1.0.1 dev vif1.0-emu")
	ends(t, w)
	require.NotContains(t, w.Log(), "warning")
}

// A domid came round again, and the vif's record is of the guest before.
func TestAnotherGuestsVif(t *testing.T) {
	t.Parallel()
	d := newDom0(t)
	p := hvm(t, d, "route", 1)
	require.NoError(t, d.Write("/local/domain/1/vm", "/vm/5f2b7a00-0000-4000-8000-00000000ffff"))
	plugTap(t, p)
	before := d.State()
	w := watcher(t, d, "--once")
	exit, err := w.Wait()
	require.NoError(t, err)
	require.Equal(t, 1, exit)
	require.Contains(t, w.Log(), "vif1.0-emu: domain 1 is another guest than the one whose vif is up: left alone")
	require.Equal(t, before, d.State())
	status, _ := d.Read(p.Backend + "/hotplug-status")
	require.Equal(t, "connected", status, "the toolstack did not ask, and is not told")
}

// What it holds stays the same, whatever comes and goes.
func TestNothingGrows(t *testing.T) {
	t.Parallel()
	d := newDom0(t)
	w := watcher(t, d)
	p := hvm(t, d, "bridge", 1)
	// What it holds for a moment, at work on what has just gone, is not meant.
	files := func() int {
		least := 1 << 20
		for range 20 {
			entries, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", w.Pid()))
			require.NoError(t, err)
			least = min(least, len(entries))
			time.Sleep(5 * time.Millisecond)
		}
		return least
	}
	first := 0
	for i := range 60 {
		plugTap(t, p)
		says(t, w, "came late and is up", i+1)
		unplugTap(t, p)
		if i == 9 {
			first = files()
		}
	}
	require.Equal(t, first, files())
	ends(t, w)
}
