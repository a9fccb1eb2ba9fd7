package main

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"vifctl/tests/dom0"
)

// Whoever sends over a cable of two ends does the router's work, and the receiver's, in his own time: what a packet costs
// is what sending it takes.

// These bound one measurement: so long, or so many.
const (
	sending     = 60 * time.Millisecond
	mostPackets = 20000
	mostFlows   = 5000
)

// lines are the ways packets take: out of the guest, and from the client to it.
type lines struct {
	d      *dom0.Dom0
	guest  *dom0.Namespace
	target netip.Addr
	// out is a known flow of the guest's to the client.
	out     int
	sink    net.PacketConn
	service net.Listener
}

const (
	sinkPort    = 9
	servicePort = 80
)

func newLines(d *dom0.Dom0, inside *dom0.Namespace, target netip.Addr) (*lines, error) {
	l := &lines{d: d, guest: inside, target: target, out: -1}
	err := errors.Join(
		d.Client.Do(func() (err error) {
			l.sink, err = net.ListenPacket("udp4", net.JoinHostPort(dom0.ClientAddress, strconv.Itoa(sinkPort)))
			return err
		}),
		inside.Do(func() (err error) {
			l.service, err = net.Listen("tcp4", ":"+strconv.Itoa(servicePort))
			return err
		}),
		inside.Do(func() (err error) {
			l.out, err = udp(netip.MustParseAddr(dom0.ClientAddress), sinkPort)
			return err
		}),
	)
	if err != nil {
		return l, err
	}
	go l.serve()
	return l, l.arrives()
}

func (l *lines) close() {
	if l.out >= 0 {
		_ = unix.Close(l.out)
	}
	if l.sink != nil {
		_ = l.sink.Close()
	}
	if l.service != nil {
		_ = l.service.Close()
	}
}

// serve takes connections and ends them at once.
func (l *lines) serve() {
	for {
		c, err := l.service.Accept()
		if err != nil {
			return
		}
		_ = c.(*net.TCPConn).SetLinger(0)
		_ = c.Close()
	}
}

// arrives makes sure that what is measured gets where it is to get.
func (l *lines) arrives() error {
	_ = l.sink.SetReadDeadline(time.Now().Add(5 * time.Second))
	if _, err := unix.Write(l.out, []byte("x")); err != nil {
		return fmt.Errorf("send out of the guest: %w", err)
	}
	if _, _, err := l.sink.ReadFrom(make([]byte, 8)); err != nil {
		return fmt.Errorf("nothing comes out of the guest: %w", err)
	}
	return l.d.Client.Do(func() error { return connect(l.target, 5*time.Second) })
}

// udp is a socket that sends to one place.
func udp(to netip.Addr, port int) (int, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	return fd, unix.Connect(fd, &unix.SockaddrInet4{Port: port, Addr: to.As4()})
}

// traffic is what a packet of a known flow takes out of the guest, the first packet of a new flow in to it, and a
// connection to it.
func (w *world) traffic(size int, r *report) error {
	for what, send := range map[string]func() (time.Duration, error){packet: w.lines.packet, flow: w.lines.flow, connection: w.lines.connection} {
		each, err := send()
		if err != nil {
			return err
		}
		r.add(key{w.way.name, what, size}, timing{wall: each})
	}
	// The next round does not find this one's flows.
	return w.d.Do(func() error { return netlink.ConntrackTableFlush(netlink.ConntrackTable) })
}

// batch is how many are timed in one go.
const batch = 20

// each does something again and again, on a namespace's own thread, and returns what one time took: in the median of the
// batches, so that one in which another process had the processor tells nothing.
func each(where *dom0.Namespace, most int, do func(i int) error) (took time.Duration, err error) {
	err = where.Do(func() error {
		var batches []time.Duration
		for began, n := time.Now(), 0; n < most && time.Since(began) < sending; {
			start := time.Now()
			for range batch {
				if err := do(n); err != nil {
					return err
				}
				n++
			}
			batches = append(batches, time.Since(start)/batch)
		}
		took = median(batches)
		return nil
	})
	return took, err
}

func (l *lines) packet() (time.Duration, error) {
	return each(l.guest, mostPackets, func(int) error { return sent(unix.Write(l.out, []byte("x"))) })
}

// flow sends to one port after the other, where no program listens.
func (l *lines) flow() (time.Duration, error) {
	var fd int
	err := l.d.Client.Do(func() (err error) {
		fd, err = udp(l.target, 1)
		return err
	})
	if err != nil {
		return 0, err
	}
	defer unix.Close(fd)
	to := &unix.SockaddrInet4{Addr: l.target.As4()}
	return each(l.d.Client, mostFlows, func(i int) error {
		to.Port = 30000 + i
		return sent(0, unix.Sendto(fd, []byte("x"), 0, to))
	})
}

// sent passes over what an earlier packet was answered with.
func sent(_ int, err error) error {
	if errors.Is(err, unix.ECONNREFUSED) {
		return nil
	}
	return err
}

func (l *lines) connection() (time.Duration, error) {
	return each(l.d.Client, mostFlows, func(int) error { return connect(l.target, 5*time.Second) })
}

// connect opens a connection, and ends it at once.
func connect(to netip.Addr, patience time.Duration) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	limit := unix.NsecToTimeval(patience.Nanoseconds())
	err = errors.Join(
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &limit),
		unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}),
	)
	if err != nil {
		return err
	}
	// A signal of Go's scheduler ends the wait, not the connecting; until it is asked again the guest may have ended the
	// connection.
	err = unix.EINTR
	for errors.Is(err, unix.EINTR) {
		err = unix.Connect(fd, &unix.SockaddrInet4{Port: servicePort, Addr: to.As4()})
	}
	if err != nil && !errors.Is(err, unix.EISCONN) && !errors.Is(err, unix.ECONNRESET) {
		return fmt.Errorf("connect to the guest by %s: %w", to, err)
	}
	return nil
}
