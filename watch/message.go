package watch

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

var errCutOff = errors.New("a message of the kernel's is cut off")

// read takes what one receive returned: one message or more.
func (l *links) read(data []byte) error {
	for len(data) >= unix.SizeofNlMsghdr {
		length := int(binary.NativeEndian.Uint32(data))
		if length < unix.SizeofNlMsghdr || length > len(data) {
			return errCutOff
		}
		kind := binary.NativeEndian.Uint16(data[4:])
		flags := binary.NativeEndian.Uint16(data[6:])
		seq := binary.NativeEndian.Uint32(data[8:])
		body := data[unix.SizeofNlMsghdr:length]
		data = data[min(len(data), (length+3)&^3):]
		if err := l.message(kind, flags, seq, body); err != nil {
			return err
		}
	}
	return nil
}

func (l *links) message(kind, flags uint16, seq uint32, body []byte) error {
	answer := l.listing && seq == l.seq
	if answer && flags&unix.NLM_F_DUMP_INTR != 0 {
		l.again = true // it may lack what was there all along
	}
	switch kind {
	case unix.RTM_NEWLINK, unix.RTM_DELLINK:
		return l.link(kind, body, answer)
	case unix.NLMSG_ERROR, unix.NLMSG_DONE:
		if !answer {
			return nil
		}
		l.listing = false
		if len(body) >= 4 {
			if errno := -int32(binary.NativeEndian.Uint32(body)); errno != 0 {
				return fmt.Errorf("list the interfaces: %w", unix.Errno(errno))
			}
		}
		if l.again {
			return l.list()
		}
		l.listed()
	}
	return nil
}

// link takes what the kernel says of one interface.
func (l *links) link(kind uint16, body []byte, answer bool) error {
	if len(body) < unix.SizeofIfInfomsg {
		return errCutOff
	}
	if body[0] == unix.AF_BRIDGE {
		return nil // a bridge's word about its port: that it left is no end of the port
	}
	index := int(int32(binary.NativeEndian.Uint32(body[4:])))
	if kind == unix.RTM_DELLINK {
		l.drop(index)
		return nil
	}
	state, err := stateIn(body)
	if err != nil || state.name == "" {
		return err
	}
	old, known := l.known[index]
	l.known[index] = knownLink{state, l.seq}
	if known && old.linkState == state {
		return nil
	}
	var seen time.Time
	if !answer {
		seen = time.Now()
	}
	l.tell(index, func(before linkChange) linkChange {
		if known && !before.gone {
			seen = before.seen
		}
		return linkChange{name: state.name, seen: seen, touched: known}
	})
	return nil
}

func (l *links) drop(index int) {
	if _, known := l.known[index]; known {
		delete(l.known, index)
		l.tell(index, func(linkChange) linkChange { return linkChange{gone: true} })
	}
}

// listed ends a listing: what neither it nor an event since has told of is not
// there.
func (l *links) listed() {
	for index, k := range l.known {
		if k.seq != l.seq {
			l.drop(index)
		}
	}
	l.tellAll()
}

// stateIn reads struct ifinfomsg and the attributes behind it.
func stateIn(body []byte) (s linkState, err error) {
	s.up = binary.NativeEndian.Uint32(body[8:])&unix.IFF_UP != 0
	err = attributes(body[unix.SizeofIfInfomsg:], func(kind uint16, value []byte) {
		switch {
		case kind == unix.IFLA_IFNAME:
			s.name = unix.ByteSliceToString(value)
		case kind == unix.IFLA_ADDRESS:
			s.mac = string(value)
		case kind == unix.IFLA_MTU && len(value) >= 4:
			s.mtu = binary.NativeEndian.Uint32(value)
		case kind == unix.IFLA_MASTER && len(value) >= 4:
			s.master = binary.NativeEndian.Uint32(value)
		}
	})
	return s, err
}

// attributes hands each struct rtattr to take.
func attributes(data []byte, take func(kind uint16, value []byte)) error {
	for len(data) >= unix.SizeofRtAttr {
		length := int(binary.NativeEndian.Uint16(data))
		if length < unix.SizeofRtAttr || length > len(data) {
			return errCutOff
		}
		take(binary.NativeEndian.Uint16(data[2:]), data[unix.SizeofRtAttr:length])
		data = data[min(len(data), (length+3)&^3):]
	}
	return nil
}
