package watch_test

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/diff"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"vifctl/hooks/xenstore/embedded"
	"vifctl/tests/dom0"
)

// Killed at any moment of putting things back, the next one makes it good.
func TestKilledWhileItPutsBack(t *testing.T) {
	t.Parallel()
	d := driftingHost(t)
	whole := unordered(d)
	for range 12 {
		r := d.Run("sh", "-c", "nft flush ruleset; ip link set vif2.0 down; ip link set vif1.0 nomaster; ip address delete 203.0.113.44/32 dev eth0")
		require.Zero(t, r.Exit, r.Stderr)
		w := watcher(t, d)
		time.Sleep(rand.N(60 * time.Millisecond))
		_, err := w.End(unix.SIGKILL)
		require.NoError(t, err)
		again := watcher(t, d, "--once")
		exit, err := again.Wait()
		require.NoError(t, err)
		require.Zero(t, exit, again.Log())
		now := unordered(d)
		require.Equal(t, whole, now, "%s\nthen\n%s\n%s", w.Log(), again.Log(), diff.Diff("whole", []byte(whole), "now", []byte(now)))
	}
}

// The journal's folder is full: what needs to be written down waits, and nothing
// is done that was not written down.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	d := newDom0(t)
	require.Zero(t, d.Run("mkdir", "-p", "/run/vifctl").Exit)
	require.Zero(t, d.Run("mount", "-t", "tmpfs", "-o", "size=64k,mode=700", "tmpfs", "/run/vifctl").Exit)
	p := hvm(t, d, "route", 1)
	whole := d.State()
	w := watcher(t, d)
	says(t, w, "watching", 1)
	d.Run("sh", "-c", "cat /dev/zero >/run/vifctl/full")
	plugTap(t, p)
	says(t, w, "no space left on device", 1)
	require.Equal(t, "", d.Run("ip", "route", "show", "dev", "vif1.0-emu").Stdout)
	// What the journal knows needs no room.
	require.Zero(t, d.Run("ip", "route", "delete", "10.1.0.1", "dev", "vif1.0").Exit)
	says(t, w, "vif1.0: put back what was missing", 1)

	require.NoError(t, d.Do(func() error { return os.Remove("/run/vifctl/full") }))
	says(t, w, "vif1.0-emu came late and is up", 1)
	require.Zero(t, p.Call("vif-route", "remove", "type_if=tap").Exit)
	unplugTap(t, p)
	require.Equal(t, whole, d.State())
	ends(t, w)
}

// The xenstored ends and is started again: what went missing meanwhile comes
// back with it.
func TestXenstoredRestarts(t *testing.T) {
	t.Parallel()
	socket := filepath.Join(shortDir(t), "socket")
	server, err := embedded.Start(socket)
	require.NoError(t, err)
	d := dom0.New(t, dom0.Options{Router: true, Bridges: []dom0.Bridge{{Name: "xenbr0"}}, Store: func() (string, func(), error) {
		return socket, func() { _ = server.Close() }, nil
	}})
	p := hvm(t, d, "route", 1)
	whole := d.State()
	w := watcher(t, d)
	says(t, w, "watching", 1)
	time.Sleep(200 * time.Millisecond)
	require.NoError(t, server.Close())
	says(t, w, "there is no xenstore", 1)
	require.Zero(t, d.Run("ip", "route", "delete", "10.1.0.1", "dev", "vif1.0").Exit)
	time.Sleep(500 * time.Millisecond)
	says(t, w, "put back", 0)
	server, err = embedded.Start(socket)
	require.NoError(t, err)
	r := d.Run("sh", "-c", "umount /run/xenstored/socket && ln -sf "+socket+" /run/xenstored/socket")
	require.Zero(t, r.Exit, r.Stderr)
	require.NoError(t, d.Write("/local/domain/1/vm", "/vm/5f2b7a00-0000-4000-8000-000000000001", p.Backend+"/frontend-id", "1",
		p.Backend+"/mac", p.MAC, p.Backend+"/ip", p.IP))
	says(t, w, "vif1.0: put back what was missing", 1)
	require.Equal(t, whole, d.State())
	ends(t, w)
}

// shortDir is a folder for a socket, whose path has to be short.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "xs") //nolint:usetesting // see above
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}
