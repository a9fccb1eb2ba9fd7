package firewall

import (
	"encoding/binary"
	"errors"
	"slices"
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

// The library's own Receive makes two calls and a page of garbage of each answer,
// which is most of what a look at a guest takes. So answers are read here, into one
// room: the kernel puts no more than this into one.
const roomSize = 32 << 10

// read hands over what the kernel sends, an answer's messages at a time, until take
// says that it has all. It must not keep them.
func (n *NFTables) read(take func(messages []byte) (all bool, err error)) error {
	socket, err := n.socket.SyscallConn()
	if err != nil {
		return err
	}
	if n.room == nil {
		n.room = make([]byte, roomSize)
	}
	var failed error
	err = socket.Read(func(fd uintptr) (done bool) {
		for {
			length, err := unix.Read(int(fd), n.room)
			switch {
			case errors.Is(err, unix.EAGAIN):
				return false // the poller waits, to the deadline
			case errors.Is(err, unix.EINTR):
				continue
			case err != nil:
				failed = err
				return true
			}
			if done, failed = take(n.room[:length]); done || failed != nil {
				return true
			}
		}
	})
	return errors.Join(err, failed)
}

// receive takes the answers to questions: each has one, they come in order, and
// are there when the questions have been sent. What does not exist is passed over.
func (n *NFTables) receive(asked []netlink.Message, take func(i int, m netlink.Message) error) error {
	next := 0
	return n.read(func(answer []byte) (all bool, err error) {
		var m netlink.Message
		if err := m.UnmarshalBinary(answer); err != nil {
			return false, err
		}
		switch err := verdictOf(asked[next], m); {
		case errors.Is(err, unix.ENOENT):
		case err != nil:
			return false, err
		default:
			if err := take(next, m); err != nil {
				return false, err
			}
		}
		next++
		return next == len(asked), nil
	})
}

// errInterrupted: the kernel had to interrupt an answer, which may lack what was there all along.
var errInterrupted = errors.New("the kernel's answer was interrupted")

// dumped sends a question that has an answer of many messages, and takes them.
func (n *NFTables) dumped(ask netlink.Message) (answers []netlink.Message, err error) {
	asked, err := n.socket.Send(ask)
	if err != nil {
		return nil, err
	}
	interrupted := false
	err = n.read(func(messages []byte) (all bool, err error) {
		kept := slices.Clone(messages)
		for len(kept) >= unix.SizeofNlMsghdr {
			length := int(binary.NativeEndian.Uint32(kept))
			if length < unix.SizeofNlMsghdr || length > len(kept) {
				return false, errors.New("the kernel's answer is cut off")
			}
			m := netlink.Message{
				Header: netlink.Header{
					Length: uint32(length), Type: netlink.HeaderType(binary.NativeEndian.Uint16(kept[4:])),
					Flags: netlink.HeaderFlags(binary.NativeEndian.Uint16(kept[6:])), Sequence: binary.NativeEndian.Uint32(kept[8:]),
				},
				Data: kept[unix.SizeofNlMsghdr:length],
			}
			kept = kept[min(len(kept), (length+unix.NLMSG_ALIGNTO-1)&^(unix.NLMSG_ALIGNTO-1)):]
			interrupted = interrupted || m.Header.Flags&unix.NLM_F_DUMP_INTR != 0
			if err := verdictOf(asked, m); err != nil {
				return false, err
			}
			if m.Header.Type == netlink.Done || m.Header.Type == netlink.Error {
				return true, nil
			}
			answers = append(answers, m)
		}
		return false, nil
	})
	if err == nil && interrupted {
		err = errInterrupted
	}
	return answers, err
}

// verdictOf is the error that an answer carries.
func verdictOf(asked, m netlink.Message) error {
	switch {
	case m.Header.Sequence != asked.Header.Sequence:
		return errors.New("the answer is another question's")
	case (m.Header.Type == netlink.Error || m.Header.Type == netlink.Done) && len(m.Data) >= 4:
		// nlmsgerr (linux/netlink.h), and an answer's end: the error's number, negative, or 0.
		if errno := -int32(binary.NativeEndian.Uint32(m.Data)); errno != 0 {
			return unix.Errno(errno)
		}
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
