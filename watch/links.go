package watch

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// standardBuffer is what the kernel may keep for us, in bytes: 1,000 taps at
// once are some 4 MB of messages. Its own standard is full after 92.
const standardBuffer = 16 << 20

// listingDeadline bounds the time between two parts of a listing.
const listingDeadline = 5 * time.Second

// linkChange is what became of an interface.
type linkChange struct {
	name string
	gone bool
	// touched: what a port needs of it may be otherwise than it was.
	touched bool
	// seen is when the kernel told that it had come, zero where it was found
	// by listing.
	seen time.Time
}

// links tells of interfaces that come, go, or change, and tells that
// all has been told after each listing.
//
// The events and the answers to a listing come through one socket, in the
// order in which they were true: so what is told last is what is so. When the
// kernel had to drop events (ENOBUFS) it is asked for the list once more.
type links struct {
	*news[int, linkChange]
	log    *slog.Logger
	buffer int
	// overflows counts how often the kernel had to drop events.
	overflows atomic.Int64

	socket  *os.File
	seq     uint32
	listing bool // the answer to a listing is under way
	again   bool // it is worth nothing, or not enough
	known   map[int]knownLink
}

type knownLink struct {
	linkState
	seq uint32 // of the listing after which it was last told of
}

// linkState is what of an interface is a port's: that its carrier comes, say,
// is not.
type linkState struct {
	name        string
	mac         string
	mtu, master uint32
	up          bool
}

// subscribe opens the subscription in the calling thread's network namespace.
func subscribe(buffer int, log *slog.Logger) (*links, error) {
	if buffer == 0 {
		buffer = standardBuffer
	}
	l := &links{news: newNews[int, linkChange](), log: log, buffer: buffer, known: map[int]knownLink{}}
	if err := l.open(); err != nil {
		return nil, err
	}
	return l, nil
}

func (l *links) open() error {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, unix.NETLINK_ROUTE)
	if err != nil {
		return fmt.Errorf("open a netlink socket: %w", err)
	}
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, l.buffer) != nil {
		// Not allowed here: as much as the host's limit lets us have.
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, l.buffer)
	}
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: 1 << (unix.RTNLGRP_LINK - 1)}); err != nil {
		unix.Close(fd)
		return fmt.Errorf("subscribe to the kernel's link events: %w", err)
	}
	l.socket = os.NewFile(uintptr(fd), "netlink")
	l.listing, l.again = false, false
	return l.list()
}

// run receives until ctx ends.
func (l *links) run(ctx context.Context) {
	var pause backoff
	for {
		err := l.receiveAll(ctx)
		if ctx.Err() != nil {
			return
		}
		l.log.Warn("the subscription to link events broke: subscribing again", "error", err)
		for err != nil && pause.wait(ctx) {
			err = l.open()
		}
		if err != nil {
			return
		}
	}
}

// receiveAll receives until the socket breaks or ctx ends, and closes it.
func (l *links) receiveAll(ctx context.Context) error {
	socket := l.socket
	defer socket.Close()
	stop := endReads(ctx, socket)
	defer stop()
	conn, err := socket.SyscallConn()
	if err != nil {
		return err
	}
	buffer := make([]byte, 64<<10)
	for {
		deadline := time.Time{}
		if l.listing {
			deadline = time.Now().Add(listingDeadline)
		}
		if err := socket.SetReadDeadline(deadline); err != nil {
			return err
		}
		if ctx.Err() != nil { // it may have ended before the deadline was set
			return ctx.Err()
		}
		n, err := receive(conn, buffer)
		switch {
		case errors.Is(err, unix.ENOBUFS):
			l.overflows.Add(1)
			l.log.Warn("the kernel had to drop link events: looking at all interfaces again")
			err = l.list()
		case err == nil:
			err = l.read(buffer[:n])
		}
		if err != nil {
			return err
		}
	}
}

// endReads ends a read that waits when ctx ends.
func endReads(ctx context.Context, f *os.File) (stop func() bool) {
	return context.AfterFunc(ctx, func() { _ = f.SetReadDeadline(time.Unix(1, 0)) })
}

func receive(conn syscall.RawConn, buffer []byte) (n int, err error) {
	var failed error
	err = conn.Read(func(fd uintptr) bool {
		var from unix.Sockaddr
		n, from, failed = unix.Recvfrom(int(fd), buffer, 0)
		if sender, ok := from.(*unix.SockaddrNetlink); failed == nil && (!ok || sender.Pid != 0) {
			n = 0 // the kernel's own number is 0: nobody else is believed
		}
		return !errors.Is(failed, unix.EAGAIN) && !errors.Is(failed, unix.EINTR)
	})
	return n, errors.Join(err, failed)
}

// list asks for all interfaces. One listing at a time is all that a socket can
// have: another is asked for when it has ended.
func (l *links) list() error {
	if l.listing {
		l.again = true
		return nil
	}
	l.seq++
	// struct nlmsghdr, struct ifinfomsg of linux/rtnetlink.h, and one attribute
	// that leaves the counters out.
	const length = unix.SizeofNlMsghdr + unix.SizeofIfInfomsg + unix.SizeofRtAttr + 4
	m := binary.NativeEndian.AppendUint32(nil, length)
	m = binary.NativeEndian.AppendUint16(m, unix.RTM_GETLINK)
	m = binary.NativeEndian.AppendUint16(m, unix.NLM_F_REQUEST|unix.NLM_F_DUMP)
	m = binary.NativeEndian.AppendUint32(m, l.seq)
	m = append(m, make([]byte, 4+unix.SizeofIfInfomsg)...)
	m = binary.NativeEndian.AppendUint16(m, unix.SizeofRtAttr+4)
	m = binary.NativeEndian.AppendUint16(m, unix.IFLA_EXT_MASK)
	m = binary.NativeEndian.AppendUint32(m, 1<<3) // RTEXT_FILTER_SKIP_STATS
	conn, err := l.socket.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = conn.Write(func(fd uintptr) bool {
		failed = unix.Sendto(int(fd), m, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
		return !errors.Is(failed, unix.EAGAIN) && !errors.Is(failed, unix.EINTR)
	})
	if err = errors.Join(err, failed); err != nil {
		return fmt.Errorf("ask the kernel for all interfaces: %w", err)
	}
	l.listing, l.again = true, false
	return nil
}
