package watch

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"sync/atomic"

	"github.com/mdlayher/netlink"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"vifctl/hooks/firewall"
	"vifctl/hooks/plan"
)

// clue says where something may have gone missing. Whether it has is found out
// by looking.
type clue struct {
	// index is the interface it was at, port the name of one, address what it
	// was about: what is known of them.
	index   int
	port    string
	address netip.Addr
	// foreign: it was in a firewall's table of somebody else's.
	foreign bool
	// base: it was in ours, and serves everybody.
	base bool
	// neighbour: it was a neighbour entry, of which the kernel itself forgets
	// many: only one that a port was given is worth a look.
	neighbour bool
}

// lost tells of addresses, routes, neighbour entries, settings and elements
// that go. All is to be looked at where the kernel had to drop events.
type lost struct {
	*news[clue, struct{}]
	log       *slog.Logger
	overflows atomic.Int64
	sources   []*lostSource
}

// lostSource is one subscription.
type lostSource struct {
	name     string
	protocol int
	groups   []int
	filter   []bpf.Instruction
	take     func(netlink.Message) []clue
	socket   *os.File
}

// lostBuffer is what the kernel may keep for us of each, in bytes.
const lostBuffer = 1 << 20

// watchLost subscribes in the calling thread's network namespace. A kernel
// without nf_tables has none of its events.
func watchLost(log *slog.Logger) (*lost, error) {
	l := &lost{news: newNews[clue, struct{}](), log: log}
	routing := &lostSource{
		name: "routing", protocol: unix.NETLINK_ROUTE, take: routingClues,
		groups: []int{
			unix.RTNLGRP_IPV4_IFADDR, unix.RTNLGRP_IPV6_IFADDR, unix.RTNLGRP_IPV4_ROUTE, unix.RTNLGRP_IPV6_ROUTE,
			unix.RTNLGRP_NEIGH, unix.RTNLGRP_IPV4_NETCONF, unix.RTNLGRP_IPV6_NETCONF,
		},
		filter: onlyTypes(unix.RTM_DELADDR, unix.RTM_DELROUTE, unix.RTM_DELNEIGH, unix.RTM_NEWNETCONF),
	}
	if err := routing.open(); err != nil {
		return nil, err
	}
	l.sources = append(l.sources, routing)
	rules := &lostSource{
		name: "firewall", protocol: unix.NETLINK_NETFILTER, take: firewallClues, groups: []int{unix.NFNLGRP_NFTABLES},
	}
	if err := rules.open(); err == nil {
		l.sources = append(l.sources, rules)
	} else {
		log.Warn("what goes missing of the firewall is found by looking only", "error", err)
	}
	return l, nil
}

// onlyTypes keeps all other messages from waking us: on a busy host neighbour
// entries come and change all the time. Routing messages come one by one.
func onlyTypes(types ...uint32) []bpf.Instruction {
	// The low byte of struct nlmsghdr's type: all of them fit.
	offset := uint32(4)
	if binary.NativeEndian.Uint16([]byte{0, 1}) == 1 {
		offset = 5
	}
	program := []bpf.Instruction{bpf.LoadAbsolute{Off: offset, Size: 1}}
	for i, t := range types {
		program = append(program, bpf.JumpIf{Cond: bpf.JumpEqual, Val: t, SkipTrue: uint8(len(types) - i)})
	}
	return append(program, bpf.RetConstant{Val: 0}, bpf.RetConstant{Val: 1 << 20})
}

func (s *lostSource) open() error {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, s.protocol)
	if err != nil {
		return fmt.Errorf("open a netlink socket: %w", err)
	}
	if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, lostBuffer) != nil {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, lostBuffer)
	}
	if len(s.filter) > 0 {
		err = attachFilter(fd, s.filter)
	}
	if err == nil {
		err = unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK})
	}
	for _, group := range s.groups {
		if err == nil {
			err = unix.SetsockoptInt(fd, unix.SOL_NETLINK, unix.NETLINK_ADD_MEMBERSHIP, group)
		}
	}
	if err != nil {
		unix.Close(fd)
		return fmt.Errorf("subscribe to the kernel's %s events: %w", s.name, err)
	}
	s.socket = os.NewFile(uintptr(fd), "netlink")
	return nil
}

func attachFilter(fd int, program []bpf.Instruction) error {
	raw, err := bpf.Assemble(program)
	if err != nil {
		return err
	}
	filter := make([]unix.SockFilter, len(raw))
	for i, r := range raw {
		filter[i] = unix.SockFilter{Code: r.Op, Jt: r.Jt, Jf: r.Jf, K: r.K}
	}
	return unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]})
}

// run receives from all sources until ctx ends.
func (l *lost) run(ctx context.Context) {
	done := make(chan struct{})
	for _, s := range l.sources {
		go func() {
			l.runSource(ctx, s)
			done <- struct{}{}
		}()
	}
	for range l.sources {
		<-done
	}
}

func (l *lost) runSource(ctx context.Context, s *lostSource) {
	var pause backoff
	for {
		err := l.receiveAll(ctx, s)
		if ctx.Err() != nil {
			return
		}
		l.log.Warn("the subscription to "+s.name+" events broke: subscribing again", "error", err)
		for err != nil && pause.wait(ctx) {
			err = s.open()
		}
		if err != nil {
			return
		}
		l.tellAll()
	}
}

func (l *lost) receiveAll(ctx context.Context, s *lostSource) error {
	defer s.socket.Close()
	stop := endReads(ctx, s.socket)
	defer stop()
	conn, err := s.socket.SyscallConn()
	if err != nil {
		return err
	}
	buffer := make([]byte, 64<<10)
	for {
		n, err := receive(conn, buffer)
		switch {
		case errors.Is(err, unix.ENOBUFS):
			l.overflows.Add(1)
			l.tellAll()
		case err != nil:
			return err
		default:
			l.read(buffer[:n], s.take)
		}
	}
}

func (l *lost) read(data []byte, take func(netlink.Message) []clue) {
	err := messages(data, func(kind uint16, body []byte) {
		for _, c := range take(netlink.Message{Header: netlink.Header{Type: netlink.HeaderType(kind)}, Data: body}) {
			l.tell(c, func(struct{}) struct{} { return struct{}{} })
		}
	})
	if err != nil {
		l.tellAll()
	}
}

// messages hands each struct nlmsghdr's type and body to take.
func messages(data []byte, take func(kind uint16, body []byte)) error {
	for len(data) >= unix.SizeofNlMsghdr {
		length := int(binary.NativeEndian.Uint32(data))
		if length < unix.SizeofNlMsghdr || length > len(data) {
			return errCutOff
		}
		take(binary.NativeEndian.Uint16(data[4:]), data[unix.SizeofNlMsghdr:length])
		data = data[min(len(data), (length+3)&^3):]
	}
	return nil
}

// Attributes of linux/netconf.h and linux/neighbour.h.
const (
	netconfIfindex = 1
	ndaDst         = 1
)

// routingClues reads a message of rtnetlink about something that has gone.
func routingClues(m netlink.Message) []clue {
	var c clue
	index := func(b []byte) {
		if len(b) >= 4 {
			c.index = int(int32(binary.NativeEndian.Uint32(b)))
		}
	}
	header, device, address := 0, uint16(0), []uint16(nil)
	switch m.Header.Type {
	case unix.RTM_DELADDR:
		header, address = unix.SizeofIfAddrmsg, []uint16{unix.IFA_ADDRESS, unix.IFA_LOCAL} // the local one counts
	case unix.RTM_DELROUTE:
		header, device = unix.SizeofRtMsg, unix.RTA_OIF
	case unix.RTM_DELNEIGH:
		header, address = unix.SizeofNdMsg, []uint16{ndaDst}
	case unix.RTM_NEWNETCONF:
		header, device = 4, netconfIfindex // struct netconfmsg, padded
	}
	if header == 0 || len(m.Data) < header {
		return nil
	}
	switch m.Header.Type {
	case unix.RTM_DELADDR, unix.RTM_DELNEIGH:
		index(m.Data[4:])
		c.neighbour = m.Header.Type == unix.RTM_DELNEIGH
	case unix.RTM_DELROUTE:
		if m.Data[5] != plan.RouteProtocol {
			return nil
		}
	}
	err := attributes(m.Data[header:], func(kind uint16, value []byte) {
		if device != 0 && kind == device {
			index(value)
		}
		for i, a := range address {
			if got, ok := netip.AddrFromSlice(value); kind == a && ok && (i > 0 || !c.address.IsValid()) {
				c.address = got
			}
		}
	})
	if err != nil || c.index <= 0 {
		return nil
	}
	return []clue{c}
}

// firewallClues reads an event of nf_tables.
func firewallClues(m netlink.Message) []clue {
	var clues []clue
	for _, r := range firewall.Removals(m) {
		clues = append(clues, clue{
			port: r.Port, address: r.Address, foreign: r.Foreign,
			base: !r.Foreign && r.Port == "" && !r.Address.IsValid(),
		})
	}
	return clues
}
