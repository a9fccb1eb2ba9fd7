package inventory

import (
	"bytes"
	"encoding/binary"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/google/nftables/xt"
	"golang.org/x/sys/unix"
)

// serverPort is where DHCP servers are asked (RFC 2131, section 4.1).
const serverPort = 67

// dropsRest is the number, from 1, of the first rule of a chain that drops all that comes to it, 0
// for none.
func dropsRest(rules []*nftables.Rule) int {
	for i, r := range rules {
		for _, e := range r.Exprs {
			switch e := e.(type) {
			case *expr.Counter, *expr.Log:
				continue
			case *expr.Reject:
				return i + 1
			case *expr.Verdict:
				if e.Kind == expr.VerdictDrop {
					return i + 1
				}
			case *expr.Target:
				if e.Name == "REJECT" {
					return i + 1
				}
			}
			break
		}
	}
	return 0
}

// acceptsDHCP reads a rule that accepts requests to a DHCP server, and from which interfaces.
func acceptsDHCP(c *nftables.Conn, r *nftables.Rule) (from []PortName, ok bool) {
	var key expr.MetaKey
	port, asked := false, false // port: the next comparison is of the destination port
	for _, e := range r.Exprs {
		switch e := e.(type) {
		case *expr.Meta:
			key, port = e.Key, false
		case *expr.Payload:
			key, port = expr.MetaKeyLEN, e.Base == expr.PayloadBaseTransportHeader && e.Offset == 2 && e.Len == 2
		case *expr.Cmp:
			switch {
			case port:
				if !holds(e) {
					return nil, false
				}
				asked = true
			case key == expr.MetaKeyIIFNAME && e.Op == expr.CmpOpEq:
				name := string(bytes.TrimRight(e.Data, "\x00"))
				from = append(from, PortName{name, len(name) == len(e.Data)})
			case key == expr.MetaKeyL4PROTO && !bytes.Equal(e.Data, []byte{unix.IPPROTO_UDP}):
				return nil, false
			}
		case *expr.Lookup:
			if !port {
				continue
			}
			if !inSet(c, r.Table, e.SetName) {
				return nil, false
			}
			asked = true
		case *expr.Match:
			asked = asked || matchesPort(e)
		case *expr.Verdict:
			if from == nil {
				from = []PortName{{Begin: true}}
			}
			return from, asked && e.Kind == expr.VerdictAccept
		}
	}
	return nil, false
}

// holds compares the port, which is in network order.
func holds(e *expr.Cmp) bool {
	if len(e.Data) != 2 {
		return false
	}
	with := binary.BigEndian.Uint16(e.Data)
	switch e.Op {
	case expr.CmpOpEq:
		return serverPort == with
	case expr.CmpOpNeq:
		return serverPort != with
	case expr.CmpOpGte:
		return serverPort >= with
	case expr.CmpOpLte:
		return serverPort <= with
	case expr.CmpOpGt:
		return serverPort > with
	case expr.CmpOpLt:
		return serverPort < with
	}
	return false
}

// inSet looks for the port in a set; of one with ranges each range ends with an element of its own.
func inSet(c *nftables.Conn, table *nftables.Table, name string) bool {
	set, err := c.GetSetByName(table, name)
	if err != nil {
		return false
	}
	elements, err := c.GetSetElements(set)
	if err != nil {
		return false
	}
	nearest, within := uint16(0), false
	for _, el := range elements {
		if len(el.Key) < 2 {
			continue
		}
		begin := binary.BigEndian.Uint16(el.Key)
		switch {
		case !set.Interval:
			within = within || begin == serverPort && !el.IntervalEnd
		case begin <= serverPort && begin >= nearest:
			nearest, within = begin, !el.IntervalEnd
		}
	}
	return within
}

// matchesPort reads iptables' own matches. xt_multiport_v1 (linux/netfilter/xt_multiport.h) is which
// ports are meant, how many there are, and 15 of them.
func matchesPort(m *expr.Match) bool {
	switch info := m.Info.(type) {
	case *xt.Udp:
		return info.DstPorts[0] <= serverPort && serverPort <= info.DstPorts[1]
	case *xt.Unknown:
		const sources = 0
		if m.Name != "multiport" || len(*info) < 32 || (*info)[0] == sources {
			return false
		}
		for i := range min(int((*info)[1]), 15) {
			if binary.NativeEndian.Uint16((*info)[2+2*i:]) == serverPort {
				return true
			}
		}
	}
	return false
}
