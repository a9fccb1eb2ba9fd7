package watch

import (
	"encoding/binary"
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"vifctl/hooks/kernel"
)

// message takes one.
func (l *links) message(m message) error {
	answer := l.listing && m.seq == l.seq
	if answer && m.flags&unix.NLM_F_DUMP_INTR != 0 {
		l.stale = true // it may lack what was there all along
	}
	switch m.kind {
	case unix.RTM_NEWLINK, unix.RTM_DELLINK:
		return l.link(m.kind, m.body, answer)
	case unix.NLMSG_ERROR, unix.NLMSG_DONE:
		if !answer {
			return nil
		}
		l.listing = false
		if len(m.body) >= 4 {
			if errno := -int32(binary.NativeEndian.Uint32(m.body)); errno != 0 {
				return fmt.Errorf("list the interfaces: %w", unix.Errno(errno))
			}
		}
		if l.stale {
			return l.list()
		}
		l.listed()
	}
	return nil
}

// link takes what the kernel says of one interface.
func (l *links) link(kind uint16, body []byte, answer bool) error {
	if len(body) < unix.SizeofIfInfomsg {
		return kernel.ErrCutOff
	}
	index := int(int32(binary.NativeEndian.Uint32(body[4:])))
	if body[0] == unix.AF_BRIDGE {
		// A bridge's word about its port: that it left is no end of the port, and its
		// VLANs, say, may have changed.
		if old, known := l.known[index]; known && kind == unix.RTM_NEWLINK {
			l.touch(index, old)
		}
		return nil
	}
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

// touch tells that something about an interface may be otherwise.
func (l *links) touch(index int, of knownLink) {
	l.tell(index, func(before linkChange) linkChange {
		return linkChange{name: of.name, seen: before.seen, touched: true}
	})
}

func (l *links) drop(index int) {
	if _, known := l.known[index]; known {
		delete(l.known, index)
		l.tell(index, func(linkChange) linkChange { return linkChange{gone: true} })
	}
}

// listed ends a listing: what neither it nor a later event has told of is not
// there.
func (l *links) listed() {
	for index, k := range l.known {
		if k.seq != l.seq {
			l.drop(index)
		}
	}
	l.tellAll()
}

// stateIn reads what the kernel says of an interface.
func stateIn(body []byte) (linkState, error) {
	l, err := kernel.ParseLink(body)
	return linkState{name: l.Name, mac: l.MAC, mtu: l.MTU, master: l.Master, up: l.Up}, err
}
