package lab

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"vifctl/xenscripts"
)

// netns is where ip(8) and people look for network namespaces.
const netns = "/run/netns"

// shell lets a person into dom0, and returns when they leave it. How the shell ends is their business.
func shell(out io.Writer, d *Dom0) error {
	if err := show(d); err != nil {
		return fmt.Errorf("prepare the shell: %w", err)
	}
	fmt.Fprintf(out, `
You are in the lab's dom0, and the guests are up. Some things to try:
    ip -brief link                                 the ports
    vifctl xenstore read backend/vif/1/0/hotplug-status
    XENBUS_PATH=backend/vif/1/0 vif-bridge offline --dry-run
    nft list table inet vifctl                     what the nat scene's guests come to
    nsenter --net=%s/web ping -c 1 192.0.2.1       from inside a guest
Leave with exit, or Ctrl-D: that ends the lab.
`, netns)
	program := os.Getenv("SHELL")
	if _, err := exec.LookPath(program); err != nil {
		// Unset, or it is in what we hide (NixOS has it in /run).
		program = "/bin/sh"
	}
	cmd := exec.Command(program)
	cmd.Dir = "/"
	path := []string{labDir, xenscripts.Dir, cmp.Or(os.Getenv("PATH"), "/usr/sbin:/usr/bin:/sbin:/bin")}
	cmd.Env = append(os.Environ(), "PATH="+strings.Join(path, ":"))
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	// A process group of its own that owns the terminal: Ctrl-C is the shell's then, not the lab's.
	cmd.SysProcAttr = &syscall.SysProcAttr{Foreground: true, Ctty: int(os.Stdin.Fd())}
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return fmt.Errorf("start a shell: %w", err)
	}
	return nil
}

// show puts the other machines where ip and nsenter find them.
func show(d *Dom0) error {
	if err := os.Mkdir(netns, 0o755); err != nil {
		return err
	}
	machines := []*Machine{d.Client}
	for _, g := range d.Domains {
		machines = append(machines, g.Machine)
	}
	// Below the machine's own /proc we are not number 1.
	self, err := os.Readlink("/proc/self")
	if err != nil {
		return err
	}
	for _, m := range machines {
		ns := fmt.Sprintf("/proc/%s/fd/%d", self, m.NS)
		if err := os.Symlink(ns, filepath.Join(netns, m.Name)); err != nil {
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
