package dom0

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// A Namespace is a network namespace of its own, with a mount namespace in which /sys shows it. A thread holds it: what
// runs through Do, or is started through Run, is inside.
type Namespace struct {
	Name string

	jobs   chan func()
	quit   chan struct{}
	closed chan struct{}
	fd     int
	nl     *netlink.Handle
}

var errClosed = errors.New("the namespace is closed")

// newNamespace makes a namespace and runs prepare inside it, before anything else may.
func newNamespace(name string, prepare func() error) (*Namespace, error) {
	n := &Namespace{Name: name, jobs: make(chan func()), quit: make(chan struct{}), closed: make(chan struct{}), fd: -1}
	ready := make(chan error)
	go n.hold(ready, prepare)
	if err := <-ready; err != nil {
		<-n.closed
		return nil, fmt.Errorf("namespace %s: %w", name, err)
	}
	return n, nil
}

// hold is the namespace's life. Its thread is never unlocked: a thread that has changed its namespaces must not be given
// to another goroutine, so it ends with this one.
func (n *Namespace) hold(ready chan<- error, prepare func() error) {
	runtime.LockOSThread()
	if unix.Gettid() == os.Getpid() {
		// Not on the main thread: /proc/self, which the rest of the process reads, is that thread's.
		go n.hold(ready, prepare)
		runtime.UnlockOSThread()
		return
	}
	defer close(n.closed)
	err := n.enter()
	if err == nil && prepare != nil {
		err = prepare()
	}
	ready <- err
	for open := err == nil; open; {
		select {
		case job := <-n.jobs:
			job()
		case <-n.quit:
			open = false
		}
	}
	if n.nl != nil {
		n.nl.Close()
	}
	if n.fd >= 0 {
		unix.Close(n.fd)
	}
}

func (n *Namespace) enter() error {
	if err := unix.Unshare(unix.CLONE_NEWNET | unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("unshare: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make the mounts private: %w", err)
	}
	// A sysfs shows the network namespace it was mounted in. Below a container's masked one an ordinary user may mount none.
	if err := unix.Mount("sysfs", "/sys", "sysfs", 0, ""); err != nil && !errors.Is(err, unix.EPERM) {
		return fmt.Errorf("mount /sys: %w", err)
	}
	var err error
	if n.fd, err = unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0); err != nil {
		return err
	}
	if n.nl, err = netlink.NewHandle(unix.NETLINK_ROUTE); err != nil {
		return err
	}
	if err := setDefaults(); err != nil {
		return err
	}
	lo, err := n.nl.LinkByName("lo")
	if err != nil {
		return err
	}
	return n.nl.LinkSetUp(lo)
}

// Do runs f on the namespace's thread, where /proc/sys/net, /sys, files and sockets are the namespace's own.
func (n *Namespace) Do(f func() error) error {
	var err error
	done := make(chan struct{})
	select {
	case n.jobs <- func() { defer close(done); err = f() }:
		<-done
		return err
	case <-n.closed:
		return errClosed
	}
}

// Start starts a command inside; the caller waits for it. The kernel kills it when the namespace is closed.
func (n *Namespace) Start(cmd *exec.Cmd) error {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &unix.SysProcAttr{}
	}
	cmd.SysProcAttr.Pdeathsig = unix.SIGKILL
	return n.Do(cmd.Start)
}

// Run runs a program inside to its end. A program that cannot be started is a Result with exit code -1 and the reason in
// its Stderr.
func (n *Namespace) Run(name string, args ...string) Result { return n.feed("", name, args...) }

// feed is Run with something on the program's standard input.
func (n *Namespace) feed(stdin, name string, args ...string) Result {
	var stdout, stderr bytes.Buffer
	cmd := n.command(name, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = "/", &stdout, &stderr
	if stdin != "" {
		cmd.Stdin = strings.NewReader(stdin)
	}
	err := n.Start(cmd)
	if err == nil {
		err = cmd.Wait()
	}
	r := Result{Stdout: stdout.String(), Stderr: stderr.String()}
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		r.Exit = exit.ExitCode()
	case err != nil:
		r.Exit, r.Stderr = -1, err.Error()
	}
	return r
}

// command is a program as it is found inside.
func (n *Namespace) command(name string, args ...string) *exec.Cmd {
	cmd := &exec.Cmd{Path: name, Err: errClosed}
	_ = n.Do(func() error {
		cmd = exec.Command(name, args...)
		return nil
	})
	return cmd
}

// run is Run for the harness's own use: a failure is an error that carries the command's words.
func (n *Namespace) run(name string, args ...string) (string, error) {
	r := n.Run(name, args...)
	if r.Exit != 0 {
		return "", fmt.Errorf("%s: %s %s: exit %d: %s", n.Name, name, strings.Join(args, " "), r.Exit, strings.TrimSpace(r.Stderr))
	}
	return r.Stdout, nil
}

// close ends the thread, and with it the namespace. What the scripts under test left running in it would keep it alive,
// so that is killed first, process by process.
func (n *Namespace) close() {
	for _, pid := range n.processes() {
		_ = unix.Kill(pid, unix.SIGKILL)
	}
	close(n.quit)
	<-n.closed
}

// Processes lists the numbers of what runs in the namespace.
func (n *Namespace) Processes() (pids []string) {
	for _, pid := range n.processes() {
		pids = append(pids, strconv.Itoa(pid))
	}
	return pids
}

// processes lists what runs in the namespace.
func (n *Namespace) processes() []int {
	var here, there unix.Stat_t
	if unix.Fstat(n.fd, &here) != nil {
		return nil
	}
	var pids []int
	entries, _ := os.ReadDir("/proc")
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() || unix.Stat("/proc/"+e.Name()+"/ns/net", &there) != nil {
			continue
		}
		if here.Ino == there.Ino && here.Dev == there.Dev {
			pids = append(pids, pid)
		}
	}
	return pids
}

// defaults make a namespace the same on every machine, since a new one inherits much of the first one's settings; and quick:
// duplicate address detection would take a second for each IPv6 address.
var defaults = []struct{ table, name, value string }{
	{"ipv4/conf", "forwarding", "0"},
	{"ipv4/conf", "rp_filter", "0"},
	{"ipv4/conf", "arp_ignore", "0"},
	{"ipv4/conf", "arp_filter", "0"},
	{"ipv6/conf", "disable_ipv6", "0"},
	{"ipv6/conf", "forwarding", "0"},
	{"ipv6/conf", "accept_dad", "0"},
}

func setDefaults() error {
	for _, d := range defaults {
		for _, which := range []string{"all", "default"} {
			if err := setSysctl("net/"+d.table+"/"+which+"/"+d.name, d.value); err != nil {
				return err
			}
		}
	}
	return nil
}

// setSysctl writes one value below /proc/sys, on a thread that is in the namespace. A kernel without IPv6 has no settings
// for it.
func setSysctl(path, value string) error {
	err := os.WriteFile("/proc/sys/"+path, []byte(value), 0)
	if errors.Is(err, fs.ErrNotExist) && !HasIPv6() {
		return nil
	}
	return err
}

// HasIPv6 reports whether this kernel speaks it at all.
func HasIPv6() bool {
	_, err := os.Stat("/proc/sys/net/ipv6")
	return err == nil
}

// Path is a file that nsenter and ip enter the namespace by, for as long as this process lives.
func (n *Namespace) Path() string {
	// Below another process namespace's /proc we have another number than our own.
	self, err := os.Readlink("/proc/self")
	if err != nil {
		self = strconv.Itoa(os.Getpid())
	}
	return fmt.Sprintf("/proc/%s/fd/%d", self, n.fd)
}
