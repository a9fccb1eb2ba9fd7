package inventory

import (
	"bytes"
	"encoding/binary"
	"math/bits"
	"net/netip"
	"slices"
	"strings"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/google/nftables/xt"
)

// PortName is an interface's name, or how such names begin.
type PortName struct {
	Name  string
	Begin bool
}

// Named reports whether a name is among those.
func Named(name string, of []PortName) bool {
	return slices.ContainsFunc(of, func(p PortName) bool { return p.Name == name || p.Begin && strings.HasPrefix(name, p.Name) })
}

// Accepted are interfaces and networks of which rules accept everything.
type Accepted struct {
	Ports    []PortName
	Networks []netip.Prefix
}

// Has reports whether all is accepted of a port whose guest has some addresses.
func (a Accepted) Has(port string, addresses []netip.Prefix) bool {
	if Named(port, a.Ports) {
		return true
	}
	return len(addresses) > 0 && !slices.ContainsFunc(addresses, func(p netip.Prefix) bool {
		return !slices.ContainsFunc(a.Networks, func(n netip.Prefix) bool { return n.Contains(p.Addr()) && n.Bits() <= p.Bits() })
	})
}

// accepted finds what rules of the table accept before the chain drops.
func (h *ForeignHook) accepted(c *nftables.Conn, base *nftables.Chain, table []*nftables.Chain) {
	for _, ch := range table {
		rules, err := c.GetRules(ch.Table, ch)
		if err != nil {
			return
		}
		for i, r := range rules {
			if h.Rule > 0 && ch == base && i+1 >= h.Rule {
				break // it comes too late
			}
			if from, ok := acceptsDHCP(c, r); ok && h.Hook == "input" {
				h.DHCP = append(h.DHCP, from...)
			}
			h.Answers = h.Answers || acceptsKnown(r)
			one := reading{conn: c, rule: r}
			switch everything := one.read(); {
			case !one.accepts, everything && ch != base:
			case everything:
				h.From.Ports, h.To.Ports = []PortName{{Begin: true}}, []PortName{{Begin: true}}
			default:
				h.From.Ports, h.To.Ports = append(h.From.Ports, one.from.Ports...), append(h.To.Ports, one.to.Ports...)
				h.From.Networks, h.To.Networks = append(h.From.Networks, one.from.Networks...), append(h.To.Networks, one.to.Networks...)
			}
		}
	}
}

// acceptsKnown reports whether a rule accepts packets of connections that are established, whatever
// else they are.
func acceptsKnown(r *nftables.Rule) bool {
	known := false
	for _, e := range r.Exprs {
		switch e := e.(type) {
		case *expr.Counter, *expr.Log, *expr.Cmp:
		case *expr.Ct:
			if e.Key != expr.CtKeySTATE {
				return false
			}
		case *expr.Bitwise:
			known = len(e.Mask) == 4 && binary.NativeEndian.Uint32(e.Mask)&expr.CtStateBitESTABLISHED != 0
		case *expr.Match:
			ct, ok := e.Info.(*xt.ConntrackMtinfo3)
			known = ok && ct.InvertFlags == 0 && ct.MatchFlags&1 != 0 && uint32(ct.StateMask)&expr.CtStateBitESTABLISHED != 0
		case *expr.Verdict:
			return known && e.Kind == expr.VerdictAccept
		default:
			return false
		}
	}
	return false
}

// reading is of one rule.
type reading struct {
	conn *nftables.Conn
	rule *nftables.Rule
	// accepts: it accepts all that comes from some interfaces or networks, or goes to them.
	accepts  bool
	from, to Accepted

	key  expr.MetaKey
	side *Accepted // of the address that is compared next
	mask int       // how many bits of it
	form bool      // what is compared next all such packets have
}

// read reports whether a rule asks for nothing at all.
func (r *reading) read() (everything bool) {
	everything = true
	for _, e := range r.rule.Exprs {
		switch e := e.(type) {
		case *expr.Counter, *expr.Log:
			continue
		case *expr.Verdict:
			// firewalld's zone that lets everything pass.
			trusted := (e.Kind == expr.VerdictJump || e.Kind == expr.VerdictGoto) && strings.HasSuffix(e.Chain, "_trusted")
			r.accepts = e.Kind == expr.VerdictAccept || trusted && !everything
			return everything
		case *expr.Meta:
			r.key, r.side = e.Key, nil
			r.form = e.Key == expr.MetaKeyNFPROTO || e.Key == expr.MetaKeyPROTOCOL
		case *expr.Payload:
			if !r.payload(e) {
				return false
			}
		case *expr.Bitwise:
			if r.mask = ones(e.Mask); r.side == nil || r.mask < 0 {
				return false
			}
		case *expr.Cmp:
			if !r.form && (e.Op != expr.CmpOpEq || !r.compare(e.Data)) {
				return false
			}
		case *expr.Lookup:
			if e.Invert || e.IsDestRegSet || !r.lookUp(e.SetName) {
				return false
			}
		default:
			return false
		}
		everything = false
	}
	return everything
}

// payload knows addresses of IPv4 and IPv6 by where they stand in the header, and what arptables-nft
// asks: that ARP be about Ethernet and IPv4, as all of it is.
func (r *reading) payload(e *expr.Payload) bool {
	r.side, r.mask, r.form, r.key = nil, int(e.Len)*8, false, expr.MetaKeyLEN
	if e.Base != expr.PayloadBaseNetworkHeader {
		return false
	}
	if r.rule.Table.Family == nftables.TableFamilyARP {
		r.form = slices.Contains([]uint32{0, 4, 5}, e.Offset)
		return r.form
	}
	switch e.Offset {
	case 12, 8: // 8 to 24 are the source of IPv6
		r.side = &r.from
	case 16, 24:
		r.side = &r.to
	}
	return r.side != nil && (e.Len <= 4) == (e.Offset == 12 || e.Offset == 16)
}

func (r *reading) compare(data []byte) bool {
	if r.side != nil {
		whole := make([]byte, map[bool]int{true: 4, false: 16}[len(data) <= 4])
		copy(whole, data)
		address, _ := netip.AddrFromSlice(whole)
		r.side.Networks = append(r.side.Networks, netip.PrefixFrom(address, r.mask).Masked())
		return true
	}
	name := string(bytes.TrimRight(data, "\x00"))
	return r.port(PortName{name, len(name) == len(data)})
}

func (r *reading) port(names ...PortName) bool {
	switch r.key {
	case expr.MetaKeyIIFNAME:
		r.from.Ports = append(r.from.Ports, names...)
	case expr.MetaKeyOIFNAME:
		r.to.Ports = append(r.to.Ports, names...)
	default:
		return false
	}
	return true
}

// lookUp takes the names in a set.
func (r *reading) lookUp(name string) bool {
	set, err := r.conn.GetSetByName(r.rule.Table, name)
	if err != nil || r.side != nil {
		return false
	}
	elements, err := r.conn.GetSetElements(set)
	if err != nil {
		return false
	}
	for _, el := range elements {
		if !r.port(PortName{Name: string(bytes.TrimRight(el.Key, "\x00"))}) {
			return false
		}
	}
	return len(elements) > 0
}

// ones is the length of a prefix, -1 for another mask.
func ones(mask []byte) (n int) {
	for i, b := range mask {
		n += bits.LeadingZeros8(^b)
		if b != 0xff {
			rest := slices.ContainsFunc(mask[i+1:], func(b byte) bool { return b != 0 })
			if rest || b<<bits.LeadingZeros8(^b) != 0 {
				return -1
			}
			break
		}
	}
	return n
}
