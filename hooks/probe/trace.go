package probe

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// tableName is that of the tables that make the kernel tell of packets. They are
// there only while a packet is waited for.
const tableName = "vifctl_probe"

// beforeAll is a priority before all other rules.
const beforeAll = -450

// A trace listens to what the kernel tells of the packets that come from one
// port.
type trace struct {
	rules    *nftables.Conn
	socket   *netlink.Conn
	tables   []*nftables.Table
	received chan map[uint32][]step
	quit     chan struct{}
}

// A step is what the kernel tells of a packet at one rule.
type step struct {
	table, chain string
	family       byte
	handle       uint64
	verdict      string
	policy       bool
	// network and transport begin the headers of the packet, where they are told.
	network, transport []byte
}

// answers reports whether it is a packet's that answers a ping to an address.
func (s step) answers(from netip.Addr) bool {
	source, protocol, icmp, reply := 12, 9, byte(unix.IPPROTO_ICMP), byte(0)
	if from.Is6() {
		source, protocol, icmp, reply = 8, 6, unix.IPPROTO_ICMPV6, 129
	}
	ip := from.AsSlice()
	return len(s.network) >= source+len(ip) && bytes.Equal(s.network[source:source+len(ip)], ip) && s.network[protocol] == icmp &&
		len(s.transport) > 0 && s.transport[0] == reply
}

// traceGroup is NFNLGRP_NFTRACE of linux/netfilter/nfnetlink.h; traceTypePolicy
// and the verdicts are of linux/netfilter/nf_tables.h and netfilter.h.
const (
	traceGroup      = 9
	traceTypePolicy = 1
	verdictDrop     = 0
	verdictAccept   = 1
)

// startTrace makes the kernel tell of what comes from a port.
func startTrace(port string) (*trace, error) {
	t := &trace{received: make(chan map[uint32][]step, 1), quit: make(chan struct{})}
	var err error
	if t.socket, err = netlink.Dial(unix.NETLINK_NETFILTER, nil); err != nil {
		return nil, err
	}
	if err := t.socket.JoinGroup(traceGroup); err != nil {
		_ = t.socket.Close()
		return nil, err
	}
	if t.rules, err = nftables.New(); err == nil {
		err = t.addRules(port)
	}
	if err != nil {
		_ = t.socket.Close()
		return nil, err
	}
	go t.listen()
	return t, nil
}

func (t *trace) addRules(port string) error {
	name := make([]byte, 16)
	copy(name, port)
	for _, family := range []nftables.TableFamily{nftables.TableFamilyBridge, nftables.TableFamilyINet} {
		table := t.rules.AddTable(&nftables.Table{Name: tableName, Family: family})
		t.tables = append(t.tables, table)
		chain := t.rules.AddChain(&nftables.Chain{
			Name: "watch", Table: table, Type: nftables.ChainTypeFilter,
			Hooknum: nftables.ChainHookPrerouting, Priority: nftables.ChainPriorityRef(beforeAll),
		})
		t.rules.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: []expr.Any{
			&expr.Meta{Key: expr.MetaKeyIIFNAME, Register: 1},
			&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: name},
			&expr.Immediate{Register: 1, Data: []byte{1}},
			&expr.Meta{Key: expr.MetaKeyNFTRACE, SourceRegister: true, Register: 1},
		}})
	}
	return t.rules.Flush()
}

// listen collects the steps of every packet until stop.
func (t *trace) listen() {
	packets := map[uint32][]step{}
	defer func() { t.received <- packets }()
	for {
		_ = t.socket.SetReadDeadline(time.Now().Add(patience / 20))
		messages, err := t.socket.Receive()
		select {
		case <-t.quit:
			return
		default:
		}
		if err != nil {
			continue
		}
		for _, m := range messages {
			if id, s, ok := parseTrace(m); ok {
				packets[id] = append(packets[id], s)
			}
		}
	}
}

// stop takes the rules away and says what became of the packets that died, and of
// the answers to a ping if none did; "" where no answer came.
func (t *trace) stop(to netip.Addr) string {
	// What the kernel has told by now is on its way.
	time.Sleep(patience / 50)
	close(t.quit)
	packets := <-t.received
	for _, table := range t.tables {
		t.rules.DelTable(table)
	}
	err := errors.Join(t.rules.Flush(), t.socket.Close())
	told := t.tell(packets, to)
	if err != nil {
		told = strings.TrimPrefix(told+fmt.Sprintf("; the table %s could not be taken away: %v", tableName, err), "; ")
	}
	return told
}

func (t *trace) tell(packets map[uint32][]step, to netip.Addr) string {
	var deaths []string
	answered := false
	for _, steps := range packets {
		answered = answered || slices.ContainsFunc(steps, func(s step) bool { return s.answers(to) })
		last := steps[len(steps)-1]
		if last.verdict != "drop" {
			continue
		}
		by := fmt.Sprintf("by rule %d of the chain %s", last.handle, last.chain)
		if last.policy {
			by = fmt.Sprintf("by the policy of the chain %s", last.chain)
		}
		var way []string
		for _, s := range steps {
			if s.table != tableName && !slices.Contains(way, s.chain) {
				way = append(way, s.chain)
			}
		}
		owner := ""
		if last.table == "vifctl" {
			owner = ", vifctl's own: it is not what the guest may send"
		}
		deaths = append(deaths, fmt.Sprintf("a packet from the guest died in the table %s %s, %s (it came through %s)%s",
			familyOf(last.family), last.table, by, strings.Join(way, ", "), owner))
	}
	slices.Sort(deaths)
	deaths = slices.Compact(deaths)
	if len(deaths) == 0 && answered {
		return "every rule accepted what the guest answered"
	}
	return strings.Join(deaths, "; ")
}

func familyOf(f byte) string {
	switch f {
	case unix.NFPROTO_BRIDGE:
		return "bridge"
	case unix.NFPROTO_INET:
		return "inet"
	case unix.NFPROTO_IPV4:
		return "ip"
	case unix.NFPROTO_IPV6:
		return "ip6"
	}
	return fmt.Sprint(f)
}

// parseTrace reads one message of the kernel's.
func parseTrace(m netlink.Message) (id uint32, s step, ok bool) {
	if int(m.Header.Type)&0xff != unix.NFT_MSG_TRACE || len(m.Data) < 4 {
		return 0, s, false
	}
	s.family = m.Data[0]
	d, err := netlink.NewAttributeDecoder(m.Data[4:])
	if err != nil {
		return 0, s, false
	}
	d.ByteOrder = binary.BigEndian
	for d.Next() {
		switch d.Type() {
		case unix.NFTA_TRACE_TABLE:
			s.table = d.String()
		case unix.NFTA_TRACE_CHAIN:
			s.chain = d.String()
		case unix.NFTA_TRACE_RULE_HANDLE:
			s.handle = d.Uint64()
		case unix.NFTA_TRACE_ID:
			id = d.Uint32()
		case unix.NFTA_TRACE_TYPE:
			s.policy = d.Uint32() == traceTypePolicy
		case unix.NFTA_TRACE_NETWORK_HEADER:
			s.network = d.Bytes()
		case unix.NFTA_TRACE_TRANSPORT_HEADER:
			s.transport = d.Bytes()
		case unix.NFTA_TRACE_POLICY:
			s.verdict = verdictName(d.Uint32())
		case unix.NFTA_TRACE_VERDICT:
			d.Nested(func(n *netlink.AttributeDecoder) error {
				n.ByteOrder = binary.BigEndian
				for n.Next() {
					if n.Type() == unix.NFTA_VERDICT_CODE {
						s.verdict = verdictName(n.Uint32())
					}
				}
				return nil
			})
		}
	}
	return id, s, d.Err() == nil
}

func verdictName(code uint32) string {
	switch code {
	case verdictDrop:
		return "drop"
	case verdictAccept:
		return "accept"
	}
	return "continue"
}
