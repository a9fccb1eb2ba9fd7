package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"vifctl/tests/dom0"
)

// netns is where ip(8) and people look for network namespaces.
const netns = "/run/netns"

// shell lets a person into dom0, and returns when they leave it. How the shell ends is their business.
func shell(out io.Writer, s *stage) error {
	places := []*dom0.Namespace{s.Client}
	for _, g := range s.guests {
		places = append(places, g.inside)
	}
	if err := s.Do(func() error { return show(places) }); err != nil {
		return fmt.Errorf("prepare the shell: %w", err)
	}
	fmt.Fprint(out, `
You are in dom0. Some things to try:
    vifctl status        the guests' interfaces
    vifctl doctor        whether anything is wrong with them
    nft list ruleset     what they come to in the firewall
`)
	for _, n := range places {
		fmt.Fprintf(out, "    ip netns exec %s ip address    %[1]s, from inside\n", n.Name)
	}
	fmt.Fprintln(out, "Leave with exit, or Ctrl-D: then the guests go, and the lab ends.")
	program := os.Getenv("SHELL")
	if _, err := exec.LookPath(program); err != nil {
		// Unset, or it is in what a dom0 hides.
		program = "/bin/sh"
	}
	cmd := exec.Command(program)
	cmd.Dir = "/"
	cmd.Env = append(os.Environ(), "PATH="+dom0.ScriptsDir+":"+os.Getenv("PATH"), "PS1="+cmp.Or(os.Getenv("PS1"), "dom0# "))
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	// A process group of its own that owns the terminal: Ctrl-C is the shell's then, not the lab's.
	cmd.SysProcAttr = &syscall.SysProcAttr{Foreground: true, Ctty: int(os.Stdin.Fd())}
	if err := s.Start(cmd); err != nil {
		return fmt.Errorf("start a shell: %w", err)
	}
	err := cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return fmt.Errorf("the shell: %w", err)
	}
	return nil
}

// show puts the other namespaces where ip and nsenter find them, in the calling thread's view.
func show(places []*dom0.Namespace) error {
	if err := os.Mkdir(netns, 0o755); err != nil {
		return err
	}
	for _, n := range places {
		if err := os.Symlink(n.Path(), filepath.Join(netns, n.Name)); err != nil {
			return err
		}
	}
	return nil
}

// takeTerminal makes our process group the terminal's again after the shell's had it.
func takeTerminal(terminal *os.File) {
	// The kernel stops a process in the background that asks for it, unless the signal is ignored.
	signal.Ignore(unix.SIGTTOU)
	defer signal.Reset(unix.SIGTTOU)
	_ = unix.IoctlSetPointerInt(int(terminal.Fd()), unix.TIOCSPGRP, unix.Getpgrp())
}
