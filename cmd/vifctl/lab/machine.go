package lab

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Machine is one computer of the lab: a network namespace. Dom0 is the one that the whole process is in; every other
// is held by a thread of its own, which never leaves it.
type Machine struct {
	Name string
	// NS is a descriptor of the namespace.
	NS int

	kernel *netlink.Handle
	// services end with the machine.
	services []io.Closer
	// jobs is nil where any thread is inside.
	jobs       chan func()
	quit, gone chan struct{}
}

// current is the machine that the process itself is in.
func current(name string) (*Machine, error) {
	m := &Machine{Name: name, NS: -1}
	if err := m.open(); err != nil {
		m.close()
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return m, nil
}

// newMachine makes a machine with nothing but lo.
func newMachine(name string) (*Machine, error) {
	m := &Machine{Name: name, NS: -1, jobs: make(chan func()), quit: make(chan struct{}), gone: make(chan struct{})}
	ready := make(chan error)
	go m.live(ready)
	if err := <-ready; err != nil {
		<-m.gone
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return m, nil
}

// live is a machine's life. Its thread is never unlocked: one that has changed its namespace must not be given to
// another goroutine, so it ends with this one.
func (m *Machine) live(ready chan<- error) {
	runtime.LockOSThread()
	if unix.Gettid() == os.Getpid() {
		// /proc/self shows the main thread, so that one stays in dom0. While it is kept here, the next goroutine gets
		// another.
		defer runtime.UnlockOSThread()
		go m.live(ready)
		<-m.gone
		return
	}
	defer close(m.gone)
	err := unix.Unshare(unix.CLONE_NEWNET)
	if err != nil {
		err = fmt.Errorf("make a network namespace: %w", err)
	} else if err = m.open(); err == nil {
		err = m.boot()
	}
	ready <- err
	for running := err == nil; running; {
		select {
		case job := <-m.jobs:
			job()
		case <-m.quit:
			running = false
		}
	}
	m.release()
}

func (m *Machine) open() error {
	var err error
	if m.NS, err = unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0); err != nil {
		return fmt.Errorf("open the network namespace: %w", err)
	}
	if m.kernel, err = netlink.NewHandle(unix.NETLINK_ROUTE); err != nil {
		return fmt.Errorf("open a netlink socket: %w", err)
	}
	return nil
}

func (m *Machine) release() {
	for _, s := range m.services {
		_ = s.Close()
	}
	if m.kernel != nil {
		m.kernel.Close()
	}
	if m.NS >= 0 {
		_ = unix.Close(m.NS)
	}
}

// close takes the machine away, and with it all its interfaces.
func (m *Machine) close() {
	if m.jobs == nil {
		m.release()
		return
	}
	close(m.quit)
	<-m.gone
}

// Do runs f on a thread that is inside the machine: what f opens, sockets and files below /proc/sys/net, is the
// machine's. f must not call another machine's Do.
func (m *Machine) Do(f func() error) error {
	if m.jobs == nil {
		return f()
	}
	var err error
	done := make(chan struct{})
	m.jobs <- func() { defer close(done); err = f() }
	<-done
	return err
}

// defaults make a lab the same on every machine, since a new namespace inherits much of the first one's settings; and
// quick: duplicate address detection would take a second for each address.
var defaults = []struct{ table, name, value string }{
	{"ipv4/conf", "forwarding", "0"},
	{"ipv4/conf", "rp_filter", "0"},
	{"ipv4/conf", "arp_ignore", "0"},
	{"ipv4/conf", "arp_filter", "0"},
	{"ipv6/conf", "disable_ipv6", "0"},
	{"ipv6/conf", "forwarding", "0"},
	{"ipv6/conf", "accept_dad", "0"},
}

// boot is what every machine does first, on a thread that is inside.
func (m *Machine) boot() error {
	for _, d := range defaults {
		for _, which := range []string{"all", "default"} {
			if err := setting(d.table+"/"+which+"/"+d.name, d.value); err != nil {
				return err
			}
		}
	}
	return m.up("lo")
}

// setting writes one value below /proc/sys/net, on a thread that is inside. A kernel without IPv6 has no settings for
// it.
func setting(name, value string) error {
	err := os.WriteFile("/proc/sys/net/"+name, []byte(value), 0)
	if errors.Is(err, fs.ErrNotExist) && !hasIPv6() {
		return nil
	}
	if err != nil {
		return fmt.Errorf("set net/%s to %s: %w", name, value, err)
	}
	return nil
}

// hasIPv6 reports whether this kernel speaks it at all.
func hasIPv6() bool {
	_, err := os.Stat("/proc/sys/net/ipv6")
	return err == nil
}
