package watch

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync/atomic"
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
	// touched: what a port needs of it may have changed.
	touched bool
	// seen is when the kernel told that it had come, zero where it was found
	// by listing.
	seen time.Time
}

// links tells of interfaces that come, go, or change, and tells that
// all has been told after each listing.
//
// The events and the answers to a listing come through one socket, in the
// order of the changes: so the last message holds. When the kernel had to drop
// events (ENOBUFS) it is asked for the list once more.
type links struct {
	*news[int, linkChange]
	stream
	// overflows counts how often the kernel had to drop events.
	overflows atomic.Int64

	seq     uint32
	listing bool // the answer to a listing is under way
	stale   bool // it has to be asked for again
	known   map[int]knownLink
}

type knownLink struct {
	linkState
	seq uint32 // of the listing after which it was last told of
}

// linkState is what a port needs of an interface; its carrier, say, is no part
// of it.
type linkState struct {
	name        string
	mac         string
	mtu, master int
	up          bool
}

// subscribe opens the subscription in the calling thread's network namespace.
func subscribe(buffer int, log *slog.Logger) (*links, error) {
	if buffer == 0 {
		buffer = standardBuffer
	}
	l := &links{news: newNews[int, linkChange](), known: map[int]knownLink{}}
	l.stream = stream{
		name: "link events", log: log, receive: l.receive, again: l.listAnew,
		open: func() (*os.File, error) { return netlinkSocket(unix.NETLINK_ROUTE, buffer, bindLinks) },
	}
	if err := l.start(); err != nil {
		return nil, err
	}
	return l, l.listAnew()
}

// listAnew asks for all interfaces through a socket that was just opened.
func (l *links) listAnew() error {
	l.listing = false
	return l.list()
}

func bindLinks(fd int) error {
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: 1 << (unix.RTNLGRP_LINK - 1)}); err != nil {
		return fmt.Errorf("subscribe to the kernel's link events: %w", err)
	}
	return nil
}

// receive takes what one receive returned: one message or more.
func (l *links) receive(ctx context.Context, buffer []byte) error {
	deadline := time.Time{}
	if l.listing {
		deadline = time.Now().Add(listingDeadline)
	}
	if err := l.file.SetReadDeadline(deadline); err != nil {
		return err
	}
	if ctx.Err() != nil { // it may have ended before the deadline was set
		return ctx.Err()
	}
	data, err := l.datagram(buffer)
	if errors.Is(err, unix.ENOBUFS) {
		l.overflows.Add(1)
		l.log.Warn("the kernel had to drop link events: looking at all interfaces again")
		return l.list()
	}
	if err != nil {
		return err
	}
	return messages(data, l.message)
}

// list asks for all interfaces. One listing at a time is all that a socket can
// have: another is asked for when it has ended.
func (l *links) list() error {
	if l.listing {
		l.stale = true
		return nil
	}
	l.seq++
	m := question(unix.RTM_GETLINK, l.seq, allLinks())
	var failed error
	err := l.conn.Write(func(fd uintptr) bool {
		failed = unix.Sendto(int(fd), m, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
		return !errors.Is(failed, unix.EAGAIN) && !errors.Is(failed, unix.EINTR)
	})
	if err = errors.Join(err, failed); err != nil {
		return fmt.Errorf("ask the kernel for all interfaces: %w", err)
	}
	l.listing, l.stale = true, false
	return nil
}
