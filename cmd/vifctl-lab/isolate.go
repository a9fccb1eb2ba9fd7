package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// isolate runs the lab in a child process, in namespaces of its own, and waits for it. When ctx ends, so does the lab, at once.
func isolate(ctx context.Context, o orders) error {
	// The kernel kills the child when the *thread* that started it ends.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	before, err := machine(ctx)
	if err != nil {
		return err
	}
	child, lifeline, err := start(ctx, o)
	if err != nil {
		return err
	}
	err = child.Wait()
	_ = lifeline.Close()
	if o.Keep {
		takeTerminal(os.Stdin)
	}
	before.compare(context.WithoutCancel(ctx), os.Stdout)
	var exit *exec.ExitError
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("interrupted: %w", context.Cause(ctx))
	case errors.As(err, &exit) && exit.Exited():
		return errFailed
	default:
		return fmt.Errorf("the lab's process ended: %w", err)
	}
}

// start starts the child in namespaces of its own: plain ones where we may make them, else below a user namespace. The child
// ends when the lifeline is closed.
func start(ctx context.Context, o orders) (child *exec.Cmd, lifeline *os.File, err error) {
	o.Root = os.Geteuid() == 0
	for _, o.User = range []bool{false, true} {
		if !o.User && !o.Root {
			continue
		}
		child, lifeline, err = startIn(ctx, o)
		if !errors.Is(err, unix.EPERM) {
			break
		}
	}
	return child, lifeline, explain(err, o.Root)
}

func startIn(ctx context.Context, o orders) (*exec.Cmd, *os.File, error) {
	text, err := json.Marshal(o)
	if err != nil {
		return nil, nil, err
	}
	read, write, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	defer read.Close()
	cmd := exec.CommandContext(ctx, "/proc/self/exe", insideArgument, string(text))
	cmd.Args[0] = "vifctl-lab"
	cmd.Dir = "/"
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if o.Keep {
		cmd.Stdin = os.Stdin
	}
	cmd.ExtraFiles = []*os.File{read}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWNET | unix.CLONE_NEWNS | unix.CLONE_NEWPID,
		Pdeathsig:  unix.SIGKILL,
		// Ctrl-C is the parent's: a ping that it ended would be a check that failed. A shell takes the terminal from our group.
		Setpgid: !o.Keep,
	}
	if o.User {
		cmd.SysProcAttr.Cloneflags |= unix.CLONE_NEWUSER
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{HostID: os.Geteuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{HostID: os.Getegid(), Size: 1}}
	}
	if err := cmd.Start(); err != nil {
		_ = write.Close()
		// That the fork or the exec of our own file failed says less than why.
		var path *os.PathError
		if errors.As(err, &path) {
			err = path.Err
		}
		return nil, nil, fmt.Errorf("make namespaces: %w", err)
	}
	return cmd, write, nil
}
