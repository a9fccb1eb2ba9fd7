package watch

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"

	"github.com/mdlayher/netlink"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"vifctl/hooks/firewall"
	"vifctl/hooks/kernel"
	"vifctl/hooks/plan"
)

// hint says where something may have gone missing. Whether it has is found out
// by looking.
type hint struct {
	// index is the interface it was at, port the name of one, address what it
	// was about: what is known of them.
	index   int
	port    string
	address netip.Addr
	// foreign: it was in another program's firewall table.
	foreign bool
	// base: it was in ours, and serves all ports.
	base bool
	// came: an address has come instead, which may be a guest's already.
	came bool
	// neighbour: it was a neighbour entry, of which the kernel itself forgets
	// many: only one that a port was given is worth a look.
	neighbour bool
	// forwarding: it was a setting of all interfaces, as whether the host forwards is.
	forwarding bool
}

// driftEvents tells of addresses, routes, neighbour entries, settings and elements
// that go. All is to be looked at where the kernel had to drop events.
type driftEvents struct {
	*news[hint, struct{}]
	log       *slog.Logger
	overflows atomic.Int64
	sources   []*driftSource
}

// driftSource is one subscription.
type driftSource struct {
	stream
	protocol int
	groups   []int
	filter   []bpf.Instruction
	take     func(netlink.Message) []hint
}

// driftBuffer is what the kernel may keep for us of each, in bytes.
const driftBuffer = 1 << 20

// watchDrift subscribes in the calling thread's network namespace. A kernel
// without nf_tables has none of its events.
func watchDrift(log *slog.Logger) (*driftEvents, error) {
	l := &driftEvents{news: newNews[hint, struct{}](), log: log}
	routing := &driftSource{
		protocol: unix.NETLINK_ROUTE, take: routingHints,
		groups: []int{
			unix.RTNLGRP_IPV4_IFADDR, unix.RTNLGRP_IPV6_IFADDR, unix.RTNLGRP_IPV4_ROUTE, unix.RTNLGRP_IPV6_ROUTE,
			unix.RTNLGRP_NEIGH, unix.RTNLGRP_IPV4_NETCONF, unix.RTNLGRP_IPV6_NETCONF,
		},
		filter: onlyLosses(),
	}
	if err := l.subscribe("routing events", routing); err != nil {
		return nil, err
	}
	rules := &driftSource{protocol: unix.NETLINK_NETFILTER, take: firewallHints, groups: []int{unix.NFNLGRP_NFTABLES}}
	if err := l.subscribe("firewall events", rules); err != nil {
		log.Warn("what goes missing of the firewall is found by looking only", "error", err)
	}
	return l, nil
}

// onlyLosses keeps all other messages but new addresses from waking us: on a busy host
// neighbour entries come and change all the time. Routing messages come one by one. A route
// of one address that is put in another's place is a loss, too.
func onlyLosses() []bpf.Instruction {
	// The low byte of struct nlmsghdr's type, and of its flags: all that counts
	// is in there, but for NLM_F_REPLACE.
	kind, flags := uint32(4), uint32(7)
	if binary.NativeEndian.Uint16([]byte{0, 1}) == 1 {
		kind, flags = 5, 6
	}
	const length = unix.SizeofNlMsghdr + 1 // struct rtmsg, rtm_dst_len
	return []bpf.Instruction{
		bpf.LoadAbsolute{Off: kind, Size: 1},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.RTM_NEWADDR, SkipTrue: 10},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.RTM_DELADDR, SkipTrue: 9},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.RTM_DELROUTE, SkipTrue: 8},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.RTM_DELNEIGH, SkipTrue: 7},
		bpf.JumpIf{Cond: bpf.JumpEqual, Val: unix.RTM_NEWNETCONF, SkipTrue: 6},
		bpf.JumpIf{Cond: bpf.JumpNotEqual, Val: unix.RTM_NEWROUTE, SkipTrue: 4},
		bpf.LoadAbsolute{Off: flags, Size: 1},
		bpf.JumpIf{Cond: bpf.JumpBitsNotSet, Val: unix.NLM_F_REPLACE >> 8, SkipTrue: 2},
		bpf.LoadAbsolute{Off: length, Size: 1},
		bpf.JumpIf{Cond: bpf.JumpGreaterOrEqual, Val: 32, SkipTrue: 1},
		bpf.RetConstant{Val: 0},
		bpf.RetConstant{Val: 1 << 20},
	}
}

func (l *driftEvents) subscribe(name string, s *driftSource) error {
	s.stream = stream{
		name: name, log: l.log,
		open:    func() (*os.File, error) { return netlinkSocket(s.protocol, driftBuffer, s.bind) },
		receive: func(_ context.Context, buffer []byte) error { return l.receive(s, buffer) },
		again:   func() error { l.tellAll(); return nil },
	}
	if err := s.start(); err != nil {
		return err
	}
	l.sources = append(l.sources, s)
	return nil
}

func (s *driftSource) bind(fd int) error {
	var err error
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
		return fmt.Errorf("subscribe to the kernel's %s: %w", s.name, err)
	}
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

// hint tells of one.
func (l *driftEvents) hint(c hint) { l.tell(c, func(struct{}) struct{} { return struct{}{} }) }

// run receives from all sources until ctx ends.
func (l *driftEvents) run(ctx context.Context) {
	var all sync.WaitGroup
	for _, s := range l.sources {
		all.Go(func() { s.run(ctx) })
	}
	all.Wait()
}

func (l *driftEvents) receive(s *driftSource, buffer []byte) error {
	data, err := s.datagram(buffer)
	if errors.Is(err, unix.ENOBUFS) {
		l.overflows.Add(1)
		l.tellAll()
		return nil
	}
	if err != nil {
		return err
	}
	err = messages(data, func(m message) error {
		for _, c := range s.take(netlink.Message{Header: netlink.Header{Type: netlink.HeaderType(m.kind), Flags: netlink.HeaderFlags(m.flags)}, Data: m.body}) {
			l.hint(c)
		}
		return nil
	})
	if err != nil {
		l.tellAll()
	}
	return nil
}

// Attributes of linux/netconf.h and linux/neighbour.h, and the ifindex of what is about all
// interfaces.
const (
	netconfAll     = -1
	netconfIfindex = 1
	ndaDst         = 1
)

// routingHints reads a message of rtnetlink about something that has gone.
func routingHints(m netlink.Message) []hint {
	var c hint
	index := func(b []byte) {
		if len(b) >= 4 {
			c.index = int(int32(binary.NativeEndian.Uint32(b)))
		}
	}
	header, device, address := 0, uint16(0), []uint16(nil)
	switch m.Header.Type {
	case unix.RTM_NEWADDR:
		if len(m.Data) < unix.SizeofIfAddrmsg {
			return nil
		}
		if scope := m.Data[3]; scope == unix.RT_SCOPE_LINK || scope == unix.RT_SCOPE_HOST {
			return nil
		}
		index(m.Data[4:])
		return []hint{{index: c.index, came: true}}
	case unix.RTM_DELADDR:
		header, address = unix.SizeofIfAddrmsg, []uint16{unix.IFA_ADDRESS, unix.IFA_LOCAL} // the local one counts
	case unix.RTM_DELROUTE:
		header, device = unix.SizeofRtMsg, unix.RTA_OIF
	case unix.RTM_NEWROUTE: // in the place of another, of which nothing else is told
		header, address = unix.SizeofRtMsg, []uint16{unix.RTA_DST}
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
	err := kernel.Attributes(m.Data[header:], func(kind uint16, value []byte) error {
		if device != 0 && kind == device {
			index(value)
		}
		for i, a := range address {
			if got, ok := netip.AddrFromSlice(value); kind == a && ok && (i > 0 || !c.address.IsValid()) {
				c.address = got
			}
		}
		return nil
	})
	if err == nil && m.Header.Type == unix.RTM_NEWNETCONF && c.index == netconfAll {
		return []hint{{forwarding: true}}
	}
	if err != nil || c.index <= 0 && !c.address.IsValid() {
		return nil
	}
	return []hint{c}
}

// firewallHints reads an event of nf_tables.
func firewallHints(m netlink.Message) []hint {
	var hints []hint
	for _, r := range firewall.Removals(m) {
		hints = append(hints, hint{
			port: r.Port, address: r.Address, foreign: r.Foreign,
			base: !r.Foreign && r.Port == "" && !r.Address.IsValid(),
		})
	}
	return hints
}
