// Package netns runs a test's own code in a network namespace made for it, where it may
// change what it likes. It makes no pretend dom0: that is tests/dom0.
package netns

import (
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"vifctl/hooks/kernel"
)

// Run calls f on a thread in a network namespace of its own, after ip(8) has taken some
// lines there. Duplicate address detection is off, so that an address can be used at once.
// Programs that f starts are in the namespace, too.
func Run(t testing.TB, f func(*kernel.Kernel), lines ...string) {
	t.Helper()
	done := make(chan error, 1)
	go live(t, done, f, lines)
	require.NoError(t, <-done)
}

func live(t testing.TB, done chan<- error, f func(*kernel.Kernel), lines []string) {
	runtime.LockOSThread() // for ever: the thread goes with its namespace
	if unix.Gettid() == os.Getpid() {
		// /proc/self is the main thread's, and others read it.
		go live(t, done, f, lines)
		runtime.UnlockOSThread()
		return
	}
	var err error
	// After a FailNow in f, too.
	defer func() { done <- err }()
	if err = unix.Unshare(unix.CLONE_NEWNET | unix.CLONE_NEWNS); err != nil {
		return
	}
	for _, conf := range []string{"all", "default"} {
		if err = os.WriteFile("/proc/sys/net/ipv6/conf/"+conf+"/accept_dad", []byte("0"), 0o644); err != nil {
			return
		}
	}
	for _, line := range lines {
		if out, err := exec.Command("ip", strings.Fields(line)...).CombinedOutput(); err != nil {
			t.Errorf("ip %s: %v: %s", line, err, out)
		}
	}
	k, err := kernel.Open()
	if err != nil {
		return
	}
	defer k.Close()
	f(k)
}
