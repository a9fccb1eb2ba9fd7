package watch

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"vifctl/hooks/kernel"
)

// stream is a file through which the kernel tells of what changes. One that
// breaks is opened again; what was told meanwhile is lost.
type stream struct {
	// name is what a sentence calls it: "link events".
	name string
	log  *slog.Logger
	open func() (*os.File, error)
	// receive takes in what comes next. With an error the file is of no more use.
	receive func(ctx context.Context, buffer []byte) error
	// again is called when it was opened again.
	again func() error

	file *os.File
	conn syscall.RawConn
}

// start opens it for the first time, in the calling thread's network namespace.
func (s *stream) start() error {
	file, err := s.open()
	if err != nil {
		return err
	}
	conn, err := file.SyscallConn()
	if err != nil {
		_ = file.Close()
		return err
	}
	s.file, s.conn = file, conn
	return nil
}

// run receives until ctx ends.
func (s *stream) run(ctx context.Context) {
	var pause backoff
	for {
		err := s.receiveAll(ctx)
		if ctx.Err() != nil {
			return
		}
		s.log.Warn("the subscription to "+s.name+" broke: subscribing again", "error", err)
		for err != nil && pause.wait(ctx) {
			if err = s.start(); err == nil {
				err = s.again()
			}
		}
		if err != nil {
			return
		}
	}
}

// receiveAll receives until the file breaks or ctx ends, and closes it.
func (s *stream) receiveAll(ctx context.Context) error {
	file := s.file
	defer file.Close()
	stop := context.AfterFunc(ctx, func() { _ = file.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	buffer := make([]byte, 64<<10)
	for {
		if err := s.receive(ctx, buffer); err != nil {
			return err
		}
	}
}

// datagram is the next of a netlink socket's.
func (s *stream) datagram(buffer []byte) ([]byte, error) {
	var n int
	var failed error
	err := s.conn.Read(func(fd uintptr) bool {
		var from unix.Sockaddr
		n, from, failed = unix.Recvfrom(int(fd), buffer, 0)
		if sender, ok := from.(*unix.SockaddrNetlink); failed == nil && (!ok || sender.Pid != 0) {
			n = 0 // the kernel's own number is 0: no other sender is believed
		}
		return !errors.Is(failed, unix.EAGAIN) && !errors.Is(failed, unix.EINTR)
	})
	if err = errors.Join(err, failed); err != nil {
		return nil, err
	}
	return buffer[:n], nil
}

// netlinkSocket opens one, for which the kernel may keep so many bytes, if that
// is allowed, and subscribes it as bind does.
func netlinkSocket(protocol, buffer int, bind func(fd int) error) (*os.File, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, protocol)
	if err != nil {
		return nil, fmt.Errorf("open a netlink socket: %w", err)
	}
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, buffer) != nil {
		// Not allowed here: as much as the host's limit lets us have.
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, buffer)
	}
	if err := bind(fd); err != nil {
		unix.Close(fd)
		return nil, err
	}
	return os.NewFile(uintptr(fd), "netlink"), nil
}

// message is one of netlink's: what of struct nlmsghdr is of use, and what is
// behind it.
type message struct {
	kind, flags uint16
	seq         uint32
	body        []byte
}

// messages hands each message of a datagram to take, until that fails.
func messages(data []byte, take func(message) error) error {
	for len(data) >= unix.SizeofNlMsghdr {
		length := int(binary.NativeEndian.Uint32(data))
		if length < unix.SizeofNlMsghdr || length > len(data) {
			return kernel.ErrCutOff
		}
		m := message{
			kind: binary.NativeEndian.Uint16(data[4:]), flags: binary.NativeEndian.Uint16(data[6:]), seq: binary.NativeEndian.Uint32(data[8:]),
			body: data[unix.SizeofNlMsghdr:length],
		}
		data = data[min(len(data), (length+3)&^3):]
		if err := take(m); err != nil {
			return err
		}
	}
	return nil
}
