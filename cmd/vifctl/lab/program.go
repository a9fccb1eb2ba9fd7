package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// where programs of the machine's are: those that a scene needs beside vifctl.
var where = []string{"/usr/sbin", "/usr/bin", "/sbin", "/bin", "/usr/lib/openvswitch-switch", "/usr/local/sbin", "/usr/local/bin"}

// needs finds programs of the machine's. A scene that lacks one is not played.
func needs(what string, programs ...string) (paths map[string]string, err error) {
	paths = map[string]string{}
	for _, p := range programs {
		for _, dir := range where {
			if path := filepath.Join(dir, p); executable(path) {
				paths[p] = path
				break
			}
		}
		if paths[p] == "" {
			return nil, notHere{fmt.Errorf("there is no %s on this machine: install %s", p, what)}
		}
	}
	return paths, nil
}

func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}

// run runs a program of the machine's in dom0.
func (d *Dom0) run(ctx context.Context, path string, args ...string) (said string, err error) {
	cmd := ofMachine(ctx, path, args...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%s: %w: %s", filepath.Base(path), err, strings.Join(lines(string(out)), "; "))
	}
	return string(out), err
}

// daemon starts a program that goes on until the lab ends, which it does not outlive: it is in the lab's own PID
// namespace. ready tells whether it is at work: errNotYet is that it may still be.
func (d *Dom0) daemon(ctx context.Context, ready func() error, path string, args ...string) (pid int, err error) {
	cmd := ofMachine(context.WithoutCancel(ctx), path, args...)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		return 0, fmt.Errorf("%s: %w", filepath.Base(path), err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	return cmd.Process.Pid, until(ctx, func() error {
		select {
		case err := <-ended:
			return fmt.Errorf("%s ended at once: %w", filepath.Base(path), errors.Join(err, errors.New(strings.Join(lines(said.String()), "; "))))
		default:
			return ready()
		}
	})
}

// appears waits for a file.
func appears(path string) func() error {
	return func() error {
		if _, err := os.Stat(path); err != nil {
			return fmt.Errorf("%s is not there: %w", path, errNotYet)
		}
		return nil
	}
}

func ofMachine(ctx context.Context, path string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Dir = "/"
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=POSIX"}
	return cmd
}
