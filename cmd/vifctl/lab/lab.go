// Package lab is a pretend dom0 to try vifctl in: network namespaces for a dom0, a client outside and some guests, an
// embedded xenstore, and this very program called as xl would call Xen's hotplug scripts. Guests come up in each mode,
// are pinged and called, and go down again; a report says what was done and what was found.
//
// It needs no Xen, no program but itself, and no root where ordinary users may make user namespaces. What only a
// hypervisor can do is pretended: a vif is one end of a veth pair whose other end is the guest's eth0.
//
// The package never touches the namespaces it was started in. Everything it makes is in namespaces without a name, which
// one child process alone holds by its threads and descriptors: when that process ends, however it ends, the kernel
// takes back all there was, so there is no clean-up that could be skipped.
package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"

	"golang.org/x/sys/unix"
)

// Options of a run.
type Options struct {
	// Keep starts a shell in dom0 once the scenes are over, while the guests are still up, and ends with it.
	Keep bool
	// Quiet leaves only the checks and the summary in the report.
	Quiet bool
	// Color the report.
	Color bool

	// Stdin is the shell's; it has to be a terminal for that.
	Stdin          *os.File
	Stdout, Stderr io.Writer
}

// Errors that a caller may want to tell apart.
var (
	// ErrNoTerminal: Keep was asked for without a terminal to type on.
	ErrNoTerminal = errors.New("--keep starts a shell, and standard input is no terminal")
	// ErrFailed: the lab ran, and its report says what is not as it should be.
	ErrFailed = errors.New("the lab failed")
)

// Run runs the lab in a child process and waits for it. When ctx ends, so does the lab, at once.
func Run(ctx context.Context, o Options) error {
	if o.Keep && (o.Stdin == nil || !IsTerminal(o.Stdin)) {
		return ErrNoTerminal
	}
	// The kernel kills the child when the *thread* that started it ends.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	before, err := hostState()
	if err != nil {
		return fmt.Errorf("look at this machine: %w", err)
	}
	cmd, lifeline, err := start(ctx, o)
	if err != nil {
		return err
	}
	err = cmd.Wait()
	_ = lifeline.Close()
	if o.Keep {
		takeTerminal(o.Stdin)
	}
	nothingLeft(o.Stdout, before)
	var exit *exec.ExitError
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("interrupted: %w", context.Cause(ctx))
	case errors.As(err, &exit) && exit.Exited():
		return ErrFailed
	default:
		return fmt.Errorf("the lab's process ended: %w", err)
	}
}

// nothingLeft says what the lab left on the machine, having looked: nothing, or, since a machine lives on while a lab
// runs, what else has changed there.
func nothingLeft(out io.Writer, before state) {
	after, err := hostState()
	switch changed := before.diff(after); {
	case err != nil:
		fmt.Fprintf(out, "The lab is gone; this machine could not be looked at again: %v\n", err)
	case len(changed) > 0:
		fmt.Fprintln(out, "The lab is gone. Something else changed on this machine meanwhile:")
		for _, line := range changed {
			fmt.Fprintln(out, "    "+line)
		}
	default:
		fmt.Fprintln(out, "The lab is gone. This machine's links, addresses, routes and mounts are as they were.")
	}
}

// hostState is what the namespaces we were started in hold.
func hostState() (state, error) {
	here, err := current("this machine")
	if err != nil {
		return nil, err
	}
	defer here.close()
	s, err := here.network()
	if err != nil {
		return nil, err
	}
	mounts, err := mounts()
	return append(s, mounts...), err
}

// IsTerminal reports whether a person is at the other end of w.
func IsTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}
