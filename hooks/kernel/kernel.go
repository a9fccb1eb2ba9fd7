// Package kernel is where netlink and /proc/sys are read and changed: a file an
// object, how it is read beside how it is changed, with one parser and one encoder
// each. It knows no mode and decides nothing.
//
// What it reads it reads with a filter, so that a call costs the same on a full
// host; only Host reads all there is, for a person's question.
package kernel

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"vifctl/hooks/plan"
)

// Kernel is the kernel as seen from one network namespace: that of the thread which
// opened it. It is not for several goroutines at once.
type Kernel struct {
	conn *conn
	// names is a socket for asking for an interface's name.
	names     int
	announcer announcer
	// pretended are the links of Pretend.
	pretended map[int]plan.Link
}

// ErrNoLink says that the interface which a change is about has gone.
var ErrNoLink = errors.New("no such interface")

// answerTimeout bounds one question to the kernel; the netlink library's own limit is
// 60 s, longer than xl waits for us.
const answerTimeout = 5 * time.Second

// Open opens the kernel of the calling thread's network namespace.
func Open() (*Kernel, error) {
	c, err := dial()
	if err != nil {
		return nil, err
	}
	names, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		c.close()
		return nil, fmt.Errorf("open a socket: %w", err)
	}
	return &Kernel{conn: c, names: names, announcer: silent}, nil
}

// Close frees what Open opened.
func (k *Kernel) Close() {
	k.conn.close()
	_ = unix.Close(k.names)
	k.announcer.close()
}

// Read adds those facts that q names, and that the kernel itself knows, to s.
func (k *Kernel) Read(q plan.Query, s *plan.Snapshot) error {
	for _, read := range []func(plan.Query, *plan.Snapshot) error{
		k.readLinks, k.readUplink, k.readAddresses, k.readRoutes, k.readNeighbours, k.readSysctls, k.readWhole, k.readVLANs,
	} {
		if err := read(q, s); err != nil {
			return err
		}
	}
	return nil
}

// Gone reports whether a change failed because the object, or the interface that
// carried it, is not there, or is down and so could not carry it any more.
func Gone(err error) bool {
	return errors.Is(err, ErrNoLink) || errors.Is(err, unix.ENODEV) || errors.Is(err, unix.ENETDOWN)
}

// say puts the subject and what was to be done in front of an error.
func say(d plan.Dev, change string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %s: %w", d, change, err)
}

// BootID identifies this run of the kernel: an ifindex is void after a reboot.
func BootID() (string, error) {
	id, _, err := Setting("/proc/sys/kernel/random/boot_id")
	if err != nil || id == "" {
		return "", fmt.Errorf("read the kernel's boot id: %w", err)
	}
	return id, nil
}
