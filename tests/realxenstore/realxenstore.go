// Package realxenstore runs the C xenstored of Debian's xen-utils-4.17 for tests, on a machine without Xen, and
// libxenstore's own command line tools against any daemon. It never skips: what is missing fails the test, by name.
//
// The daemon is run under a preloaded library that answers for the hypervisor (testdata/nohypervisor.c): every domid is
// alive and no event ever comes from Xen. Nothing needs root, and nothing outlives the test process, even killed.
package realxenstore

import (
	"bytes"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"
)

// startTimeout is generous: a daemon is up in 10 ms, on a machine with nothing else to do.
const startTimeout = 10 * time.Second

// Daemon is a running xenstored, with an empty store but for /tool/xenstored.
type Daemon struct {
	// Socket is what XENSTORED_PATH should be.
	Socket string
	// Dir is what XENSTORED_RUNDIR should be.
	Dir string

	process  *exec.Cmd
	lifeline *os.File
	output   *bytes.Buffer
	stop     sync.Once
}

// Start runs a daemon until the test ends and returns its socket's path.
func Start(t testing.TB) string {
	t.Helper()
	return StartDaemon(t).Socket
}

// StartDaemon is Start for a test that has more to do with the daemon than to talk to it.
func StartDaemon(t testing.TB) *Daemon {
	t.Helper()
	binary := find(t, "/usr/lib/xen-4.17/bin/xenstored", "xen-utils-4.17")
	library := nohypervisor(t)

	// Not t.TempDir: a socket's path holds 107 bytes, and that folder carries the test's name.
	dir, err := os.MkdirTemp("", "xs") //nolint:usetesting // t.TempDir's names can be too long for a socket
	if err != nil {
		t.Fatalf("make a folder for xenstored: %v", err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	reading, writing, err := os.Pipe()
	if err != nil {
		t.Fatalf("make xenstored's lifeline: %v", err)
	}

	d := &Daemon{Socket: filepath.Join(dir, "socket"), Dir: dir, lifeline: writing, output: &bytes.Buffer{}}
	d.process = exec.Command(binary, "-N")
	d.process.Env = append(environment(),
		"LD_PRELOAD="+library, "XENSTORED_RUNDIR="+dir, "XENSTORED_ROOTDIR="+dir, "NOHYPERVISOR_LIFELINE=3")
	d.process.ExtraFiles = []*os.File{reading}
	d.process.Stdout, d.process.Stderr = d.output, d.output
	err = d.process.Start()
	_ = reading.Close()
	if err != nil {
		_ = writing.Close()
		t.Fatalf("start %s: %v", binary, err)
	}
	t.Cleanup(d.Kill)
	d.await(t)
	return d
}

// Kill ends the daemon at once, as a crash would, and returns when it is gone.
func (d *Daemon) Kill() {
	d.stop.Do(func() {
		_ = d.process.Process.Kill()
		_ = d.process.Wait()
		_ = d.lifeline.Close()
	})
}

// Freeze stops the daemon without closing anything, as a hang would, until the returned function is called.
func (d *Daemon) Freeze(t testing.TB) (thaw func()) {
	t.Helper()
	if err := d.process.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatalf("freeze xenstored: %v", err)
	}
	return func() { _ = d.process.Process.Signal(syscall.SIGCONT) }
}

// await returns when the daemon accepts connections.
func (d *Daemon) await(t testing.TB) {
	t.Helper()
	for deadline := time.Now().Add(startTimeout); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		conn, err := net.Dial("unix", d.Socket)
		if err == nil {
			_ = conn.Close()
			return
		}
		// A zombie has no /proc/<pid>/exe any more: the daemon gave up, and its output says why.
		link := filepath.Join("/proc", strconv.Itoa(d.process.Process.Pid), "exe")
		if _, err := os.Readlink(link); errors.Is(err, os.ErrNotExist) {
			break
		}
	}
	d.Kill()
	t.Fatalf("xenstored did not come up: %s", bytes.TrimSpace(d.output.Bytes()))
}
