package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"vifctl/tests/dom0"
)

// settleTime is what the kernel gets to finish what follows from making a port, before a call is timed.
const settleTime = 3 * time.Millisecond

// A timing is what one process took: by the clock, of the processors (user and system), and how many of its pages the
// kernel had to put in place.
type timing struct {
	wall, cpu time.Duration
	faults    int64
}

// errInterrupted ends everything: the user pressed Ctrl-C.
var errInterrupted = errors.New("interrupted")

// command is a call's words, the path of the program first.
func (h *host) command(who, command string) []string {
	dir := dom0.ScriptsDir
	if who == vifctl {
		dir = ours
	}
	kind := "vif"
	if command == add || command == remove {
		kind = "tap"
	}
	return []string{filepath.Join(dir, h.mode.script), command, "type_if=" + kind}
}

// environment is what libxl adds to its own, which is almost nothing here.
func (h *host) environment(p port) []string {
	return []string{
		"INTERFACE=" + p.tap(),
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		"script=" + filepath.Join(dom0.ScriptsDir, h.mode.script),
		"XENBUS_TYPE=vif",
		"XENBUS_PATH=" + strings.TrimPrefix(p.backend(), "/local/domain/0/"),
		"XENBUS_BASE_PATH=backend",
		"netdev=",
		"vif=" + p.name,
	}
}

// spawn starts a program inside, as cheaply as can be: a vfork and an exec. It is to be called inside.
func (h *host) spawn(argv, env []string, files ...uintptr) (int, error) {
	return syscall.ForkExec(argv[0], argv, &syscall.ProcAttr{
		Dir:   "/",
		Env:   env,
		Files: append([]uintptr{h.null.Fd(), h.stderr.Fd(), h.stderr.Fd()}, files...),
		Sys:   &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL},
	})
}

// wait returns what a process that was started at began took, and an error when it did not exit with 0.
func wait(pid int, began time.Time) (timing, error) {
	overdue := time.AfterFunc(dom0.HotplugTimeout, func() { _ = unix.Kill(pid, unix.SIGKILL) })
	defer overdue.Stop()
	var status unix.WaitStatus
	var usage unix.Rusage
	for {
		_, err := unix.Wait4(pid, &status, 0, &usage)
		wall := time.Since(began)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return timing{}, err
		case status.Signaled():
			return timing{}, fmt.Errorf("killed by %s after %.1f s", unix.SignalName(status.Signal()), wall.Seconds())
		case status.ExitStatus() != 0:
			return timing{}, fmt.Errorf("exit %d", status.ExitStatus())
		}
		return timing{wall: wall, cpu: time.Duration(usage.Utime.Nano() + usage.Stime.Nano()), faults: usage.Minflt}, nil
	}
}

// call runs a program inside and times it.
func (h *host) call(argv, env []string) (t timing, err error) {
	time.Sleep(settleTime)
	err = h.Do(func() error {
		began := time.Now()
		pid, err := h.spawn(argv, env)
		if err != nil {
			return err
		}
		t, err = wait(pid, began)
		return err
	})
	return t, err
}

// failed makes an error of a failed call: with what it said, unless it failed because the user pressed Ctrl-C, which
// goes to all processes of the terminal and may come to us last.
func (h *host) failed(ctx context.Context, what string, err error) error {
	sleep(ctx, 200*time.Millisecond)
	if ctx.Err() != nil {
		return errInterrupted
	}
	said := strings.TrimSpace(h.words())
	return fmt.Errorf("%s: %w: %s", what, err, cmp.Or(said, "it said nothing"))
}
