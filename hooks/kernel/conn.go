package kernel

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// bufferSize is the most the kernel puts into one answer (NLMSG_GOODSIZE is
// less; iproute2 reads as much).
const bufferSize = 32 << 10

// conn is one netlink socket in the network namespace it was opened in. It sends
// a message that the netlink library put together and receives what the kernel
// answers: the library's own transport takes a 64 KiB buffer from the stack for
// every answer, which is a tenth of a call's time; this one is read into one
// buffer, and blocks. It is not for several goroutines at once.
type conn struct {
	fd     int
	seq    uint32
	buffer []byte
}

// dial opens a socket that filters dumps in the kernel.
func dial() (*conn, error) { return dialTo(unix.NETLINK_ROUTE) }

// dialTo opens one of a NETLINK_* protocol.
func dialTo(protocol int) (*conn, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, protocol)
	if err != nil {
		return nil, fmt.Errorf("open a netlink socket: %w", err)
	}
	timeout := unix.NsecToTimeval(int64(answerTimeout))
	err = errors.Join(
		unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &timeout),
		// Without strict checking the kernel ignores a dump's filter and
		// tells all it has (Linux 4.20 and later know it).
		unix.SetsockoptInt(fd, unix.SOL_NETLINK, unix.NETLINK_GET_STRICT_CHK, 1),
		unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}),
	)
	if err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("prepare a netlink socket: %w", err)
	}
	return &conn{fd: fd, buffer: make([]byte, bufferSize)}, nil
}

func (c *conn) close() { unix.Close(c.fd) }

// errStop ends ask without an error when take returns it. The rest of the answer
// stays in the socket, which must be closed then.
var errStop = errors.New("enough")

// ask sends req, which must ask for an acknowledgement or be a dump, and hands
// the body of each message of the type answer to take, which must not keep it.
// It returns the kernel's error, an errno. A dump that the kernel had to
// interrupt, which may lack what was there all along, is asked for again:
// take then sees messages that it has seen.
func (c *conn) ask(req *nl.NetlinkRequest, answer uint16, take func(body []byte) error) error {
	for range 10 {
		err := c.askOnce(req, answer, take)
		if !errors.Is(err, netlink.ErrDumpInterrupted) {
			return err
		}
	}
	return fmt.Errorf("the kernel's answer was interrupted ten times: %w", netlink.ErrDumpInterrupted)
}

func (c *conn) askOnce(req *nl.NetlinkRequest, answer uint16, take func([]byte) error) error {
	c.seq++
	req.Seq = c.seq
	if err := c.send(req.Serialize()); err != nil {
		return err
	}
	interrupted := false
	for {
		n, err := c.receive()
		if err != nil {
			return err
		}
		for b := c.buffer[:n]; len(b) >= unix.SizeofNlMsghdr; {
			length := int(binary.NativeEndian.Uint32(b))
			if length < unix.SizeofNlMsghdr || length > len(b) {
				return errors.New("the kernel's answer is cut off")
			}
			kind := binary.NativeEndian.Uint16(b[4:])
			flags := binary.NativeEndian.Uint16(b[6:])
			seq := binary.NativeEndian.Uint32(b[8:])
			body := b[unix.SizeofNlMsghdr:length]
			b = b[min(len(b), (length+unix.NLMSG_ALIGNTO-1)&^(unix.NLMSG_ALIGNTO-1)):]
			if seq != c.seq {
				continue // the end of an answer that no caller waits for any more
			}
			interrupted = interrupted || flags&unix.NLM_F_DUMP_INTR != 0
			switch kind {
			case unix.NLMSG_ERROR, unix.NLMSG_DONE:
				if len(body) >= 4 {
					if errno := -int32(binary.NativeEndian.Uint32(body)); errno != 0 {
						return unix.Errno(errno)
					}
				}
				if interrupted {
					return netlink.ErrDumpInterrupted
				}
				return nil
			case answer:
				if err := take(body); errors.Is(err, errStop) {
					return nil
				} else if err != nil {
					return err
				}
			}
		}
	}
}

func (c *conn) send(message []byte) error {
	for {
		err := unix.Sendto(c.fd, message, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
		if !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

func (c *conn) receive() (int, error) {
	for {
		n, _, flags, _, err := unix.RecvmsgBuffers(c.fd, [][]byte{c.buffer}, nil, 0)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case errors.Is(err, unix.EAGAIN):
			return 0, fmt.Errorf("the kernel did not answer within %s: %w", answerTimeout, err)
		case err != nil:
			return 0, err
		case flags&unix.MSG_TRUNC != 0:
			return 0, errors.New("the kernel's answer is longer than any should be")
		}
		return n, nil
	}
}
