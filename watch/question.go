package watch

import (
	"encoding/binary"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// question asks the kernel for a list: struct nlmsghdr, and what is behind it.
func question(kind uint16, seq uint32, body []byte) []byte {
	m := binary.NativeEndian.AppendUint32(nil, uint32(unix.SizeofNlMsghdr+len(body)))
	m = binary.NativeEndian.AppendUint16(m, kind)
	m = binary.NativeEndian.AppendUint16(m, unix.NLM_F_REQUEST|unix.NLM_F_DUMP)
	m = binary.NativeEndian.AppendUint32(m, seq)
	return append(binary.NativeEndian.AppendUint32(m, 0), body...)
}

// allLinks is struct ifinfomsg of linux/rtnetlink.h, and one attribute that leaves
// the counters out (RTEXT_FILTER_SKIP_STATS).
func allLinks() []byte {
	body := make([]byte, unix.SizeofIfInfomsg)
	body = binary.NativeEndian.AppendUint16(body, unix.SizeofRtAttr+4)
	body = binary.NativeEndian.AppendUint16(body, unix.IFLA_EXT_MASK)
	return binary.NativeEndian.AppendUint32(body, 1<<3)
}

// errInterrupted: what was listed changed meanwhile, and something may be missing.
var errInterrupted = errors.New("the kernel's listing was interrupted")

// errListed ends a listing.
var errListed = errors.New("all is listed")

// dump asks for a list through a socket that waits, and that nothing else is told
// through, and hands each part of the answer to take.
func dump(socket int, kind uint16, seq uint32, body []byte, buffer []byte, take func(body []byte)) error {
	if err := unix.Sendto(socket, question(kind, seq, body), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return fmt.Errorf("ask the kernel for a list: %w", err)
	}
	interrupted := false
	for {
		n, from, err := unix.Recvfrom(socket, buffer, 0)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return fmt.Errorf("receive the kernel's list: %w", err)
		}
		if sender, ok := from.(*unix.SockaddrNetlink); !ok || sender.Pid != 0 {
			continue
		}
		err = messages(buffer[:n], func(m message) error {
			switch {
			case m.seq != seq: // an earlier answer, whose question was given up
			case m.kind == unix.NLMSG_ERROR || m.kind == unix.NLMSG_DONE:
				if len(m.body) >= 4 {
					if errno := -int32(binary.NativeEndian.Uint32(m.body)); errno > 0 {
						return fmt.Errorf("list: %w", unix.Errno(errno))
					}
				}
				return errListed
			default:
				interrupted = interrupted || m.flags&unix.NLM_F_DUMP_INTR != 0
				take(m.body)
			}
			return nil
		})
		switch {
		case errors.Is(err, errListed) && interrupted:
			return errInterrupted
		case errors.Is(err, errListed):
			return nil
		case err != nil:
			return err
		}
	}
}
