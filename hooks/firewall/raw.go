package firewall

import (
	"encoding/binary"
	"errors"
	"strings"

	"github.com/google/nftables"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// Questions go to the kernel as raw messages: the library knows neither a single
// element nor how many rules a chain has.

// question builds a message of nf_tables with attributes.
func question(family nftables.TableFamily, what int, flags netlink.HeaderFlags, fill func(*netlink.AttributeEncoder)) (netlink.Message, error) {
	e := netlink.NewAttributeEncoder()
	e.ByteOrder = binary.BigEndian
	fill(e)
	data, err := e.Encode()
	return netlink.Message{
		Header: netlink.Header{Type: netlink.HeaderType(unix.NFNL_SUBSYS_NFTABLES<<8 | what), Flags: netlink.Request | flags},
		// nfgenmsg (linux/netfilter/nfnetlink.h): family, version 0, resource 0.
		Data: append([]byte{byte(family), unix.NFNETLINK_V0, 0, 0}, data...),
	}, err
}

// receive takes the answers to questions: each has one, they come in order, and
// are there when the questions have been sent. What does not exist is passed
// over. The library's own Receive makes two calls and a page of garbage of each
// answer, which is most of what a look at a guest with forwards takes.
func (n *NFTables) receive(asked []netlink.Message, take func(i int, m netlink.Message) error) error {
	socket, err := n.socket.SyscallConn()
	if err != nil {
		return err
	}
	room := make([]byte, 8192)
	next := 0
	var failed error
	err = socket.Read(func(fd uintptr) (done bool) {
		for next < len(asked) && failed == nil {
			length, err := unix.Read(int(fd), room)
			switch {
			case errors.Is(err, unix.EAGAIN):
				return false // the poller waits, to the deadline
			case errors.Is(err, unix.EINTR):
				continue
			case err != nil:
				failed = err
				continue
			}
			var m netlink.Message
			if failed = m.UnmarshalBinary(room[:length]); failed != nil {
				continue
			}
			failed = verdictOf(asked[next], m)
			if failed == nil {
				failed = take(next, m)
			} else if errors.Is(failed, unix.ENOENT) {
				failed = nil
			}
			next++
		}
		return true
	})
	return errors.Join(err, failed)
}

// verdictOf is the error that an answer carries.
func verdictOf(asked, m netlink.Message) error {
	switch {
	case m.Header.Sequence != asked.Header.Sequence:
		return errors.New("the answer is another question's")
	case m.Header.Type == netlink.Error && len(m.Data) >= 4:
		// nlmsgerr (linux/netlink.h): the error's number, negative.
		return unix.Errno(-int32(binary.NativeEndian.Uint32(m.Data)))
	}
	return nil
}

// answer walks over the attributes of an answer.
func answer(m netlink.Message, take func(*netlink.AttributeDecoder)) error {
	d, err := netlink.NewAttributeDecoder(m.Data[min(4, len(m.Data)):])
	if err != nil {
		return err
	}
	d.ByteOrder = binary.BigEndian
	for d.Next() {
		take(d)
	}
	return d.Err()
}

// nest and within write and read one attribute inside another.
func nest(e *netlink.AttributeEncoder, kind uint16, fill func(*netlink.AttributeEncoder)) {
	e.Nested(kind, func(inner *netlink.AttributeEncoder) error {
		fill(inner)
		return nil
	})
}

func within(d *netlink.AttributeDecoder, kind uint16, take func(*netlink.AttributeDecoder)) {
	d.Nested(func(inner *netlink.AttributeDecoder) error {
		for inner.Next() {
			if inner.Type() == kind {
				take(inner)
			}
		}
		return nil
	})
}

// name is a name as the kernel tells it.
func name(d *netlink.AttributeDecoder) string { return strings.TrimRight(string(d.Bytes()), "\x00") }
