package xenstore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// connectSlice bounds one attempt to connect, so that a cancelled context is noticed while the daemon's backlog is full.
// An attempt that times out loses its place in the kernel's queue, so this is long beside what one accept takes.
const connectSlice = 50 * time.Millisecond

// Addresses in the order libxenstore tries them (xs_open in tools/libs/store/xs.c): a daemon in this domain, then the
// kernel's way to a daemon elsewhere, which is what a driver domain has.
var addresses = [...]string{"/run/xenstored/socket", "/var/run/xenstored/socket", "/dev/xen/xenbus", "/proc/xen/xenbus"}

// Dial connects to this host's xenstored: $XENSTORED_PATH alone when it is set, else $XENSTORED_RUNDIR/socket alone when
// that is set, else the first that answers of the usual sockets and devices. The error names everything that was tried.
func Dial(ctx context.Context) (*Client, error) {
	if path := os.Getenv("XENSTORED_PATH"); path != "" {
		return DialPath(ctx, path)
	}
	if dir := os.Getenv("XENSTORED_RUNDIR"); dir != "" {
		return DialPath(ctx, filepath.Join(dir, "socket"))
	}
	var tried dialErrors
	for _, path := range addresses {
		f, device, err := open(ctx, path)
		if err == nil {
			return newClient(f, device), nil
		}
		tried = append(tried, fmt.Errorf("%s: %w", path, err))
		if ctx.Err() != nil {
			break
		}
	}
	return nil, fmt.Errorf("xenstore: no xenstored answers, is it running? tried %w", tried)
}

// DialPath connects to the daemon's Unix socket, or to the kernel's xenbus device, at path.
func DialPath(ctx context.Context, path string) (*Client, error) {
	f, device, err := open(ctx, path)
	if err != nil {
		return nil, fmt.Errorf("xenstore: connect to %s: %w", path, err)
	}
	return newClient(f, device), nil
}

// open returns a descriptor that Go's poller watches, so that deadlines and Close interrupt reads and writes.
func open(ctx context.Context, path string) (f *os.File, device bool, err error) {
	if err := ctx.Err(); err != nil {
		return nil, false, context.Cause(ctx)
	}
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return nil, false, openError(err)
	}
	device = st.Mode&unix.S_IFMT != unix.S_IFSOCK
	var fd int
	if device {
		fd, err = unix.Open(path, unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK|unix.O_NOCTTY, 0)
	} else {
		fd, err = connect(ctx, path)
	}
	if err != nil {
		return nil, false, openError(err)
	}
	f = os.NewFile(uintptr(fd), path)
	// /proc/xen/xenbus is no character device by its mode, so what a file is can only be told by whether it can be polled.
	if device && f.SetDeadline(time.Time{}) != nil {
		_ = f.Close()
		return nil, false, errors.New("neither a socket nor a xenbus device")
	}
	return f, device, nil
}

// connect makes a *blocking* connect. xenstored listens with a backlog of 1, and a non-blocking connect to a full backlog
// is EAGAIN at once, with nothing to poll for: under load net.Dial fails where this waits its turn.
func connect(ctx context.Context, path string) (int, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	// A Unix socket waits for the backlog as long as its send timeout says.
	slice := unix.NsecToTimeval(connectSlice.Nanoseconds())
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &slice); err != nil {
		_ = unix.Close(fd)
		return -1, err
	}
	address := &unix.SockaddrUnix{Name: path}
	for {
		err = unix.Connect(fd, address)
		// EAGAIN: the slice is over. EINTR: Go's own preemption signal.
		if !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EINTR) {
			break
		}
		if ctx.Err() != nil {
			err = fmt.Errorf("xenstored is busy: %w", context.Cause(ctx))
			break
		}
	}
	if err == nil {
		err = unix.SetNonblock(fd, true)
	}
	if err != nil {
		_ = unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// openError adds our sentinel to a refusal, and says what a refused connection means.
func openError(err error) error {
	switch {
	case errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM):
		return ErrPermission
	case errors.Is(err, unix.ECONNREFUSED):
		return fmt.Errorf("the socket is there but no daemon listens: %w", err)
	default:
		return err
	}
}
