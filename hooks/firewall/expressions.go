package firewall

import (
	"encoding/binary"
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// The words the fixed rules are written in. A rule is a list of clauses, each
// a match or a verdict, as in a line of the nft program.

// A clause is one word of a rule.
type clause struct {
	exprs []expr.Any
	// oneOf are the elements of an anonymous set that the last of exprs looks
	// up; its name and number are given to it in the transaction.
	oneOf [][]byte
	kind  nftables.SetDatatype
	// target is the chain that the clause leads to.
	target string
}

// A rule is what one line of a chain says.
type rule []clause

// then is the rule with more words.
func (r rule) then(words ...clause) rule { return append(slices.Clone(r), words...) }

// A field is something of a packet that can be loaded into registers. It is plain data, so
// that the program has no work with it before it is used.
type field struct {
	from source
	// at is a key of meta or conntrack, or an offset in bytes.
	at   uint32
	size int // bytes
	mask []byte
}

// source is where a field is.
type source uint8

const (
	fromMeta source = iota
	fromConntrack
	fromLink
	fromNetwork
	fromTransport
)

// firstRegister is the first of the kernel's sixteen 4-byte registers.
const firstRegister = unix.NFT_REG32_00

// load puts the field into a register.
func (f field) load(register uint32) expr.Any {
	payload := func(base expr.PayloadBase) expr.Any {
		return &expr.Payload{DestRegister: register, Base: base, Offset: f.at, Len: uint32(f.size)}
	}
	switch f.from {
	case fromMeta:
		return &expr.Meta{Key: expr.MetaKey(f.at), Register: register}
	case fromConntrack:
		return &expr.Ct{Key: expr.CtKey(f.at), Register: register}
	case fromLink:
		return payload(expr.PayloadBaseLLHeader)
	case fromNetwork:
		return payload(expr.PayloadBaseNetworkHeader)
	}
	return payload(expr.PayloadBaseTransportHeader)
}

func meta(key expr.MetaKey, size int) field {
	return field{from: fromMeta, at: uint32(key), size: size}
}
func conntrack(key expr.CtKey) field { return field{from: fromConntrack, at: uint32(key), size: 4} }

// ll, nh and th are bytes of the link-layer header, the network header and the
// transport header. The link-layer header holds a VLAN tag even where the card
// has taken it off, so that a tagged frame has the ether type 0x8100.
func ll(offset, size int) field { return field{from: fromLink, at: uint32(offset), size: size} }
func nh(offset, size int) field { return field{from: fromNetwork, at: uint32(offset), size: size} }
func th(offset, size int) field { return field{from: fromTransport, at: uint32(offset), size: size} }

// and is a field with a mask over it.
func (f field) and(mask ...byte) field {
	f.mask = mask
	return f
}

// prefix keeps the first length bits.
func (f field) prefix(length int) field { return f.and(mask(f.size, length)...) }

func mask(size, length int) []byte {
	m := make([]byte, size)
	for i := range length {
		m[i/8] |= 0x80 >> (i % 8)
	}
	return m
}

// into loads fields into registers beside each other, each padded to 4 bytes,
// as the key of a set is.
func into(fields []field) []expr.Any {
	var exprs []expr.Any
	register := uint32(firstRegister)
	for _, f := range fields {
		exprs = append(exprs, f.load(register))
		if f.mask != nil {
			exprs = append(exprs, &expr.Bitwise{
				SourceRegister: register, DestRegister: register,
				Len: uint32(f.size), Mask: f.mask, Xor: make([]byte, f.size),
			})
		}
		register += uint32(f.size+3) / 4
	}
	return exprs
}

// in matches where fields are an element of a set.
func in(set string, fields ...field) clause {
	return clause{exprs: append(into(fields), &expr.Lookup{SourceRegister: firstRegister, SetName: set})}
}

// notIn matches where they are not.
func notIn(set string, fields ...field) clause {
	return clause{exprs: append(into(fields), &expr.Lookup{SourceRegister: firstRegister, SetName: set, Invert: true})}
}

// mapped replaces the fields in the registers by what a map says about them; it
// matches where the map has them.
func mapped(m string, fields ...field) clause {
	return clause{exprs: append(into(fields),
		&expr.Lookup{SourceRegister: firstRegister, DestRegister: firstRegister, IsDestRegSet: true, SetName: m})}
}

// is matches a field that has the value.
func is(f field, value ...byte) clause { return compare(f, expr.CmpOpEq, value) }

// isNot matches a field that has another value.
func isNot(f field, value ...byte) clause { return compare(f, expr.CmpOpNeq, value) }

func compare(f field, op expr.CmpOp, value []byte) clause {
	return clause{exprs: append(into([]field{f}), &expr.Cmp{Op: op, Register: firstRegister, Data: value})}
}

// none matches where no bit of a field's mask is set.
func none(f field) clause { return is(f, make([]byte, f.size)...) }

// some matches where at least one is.
func some(f field) clause { return isNot(f, make([]byte, f.size)...) }

// oneOf matches a field that has one of the values, given byte after byte.
func oneOf(f field, kind nftables.SetDatatype, values ...byte) clause {
	return clause{
		exprs: append(into([]field{f}), &expr.Lookup{SourceRegister: firstRegister, SetName: anonymous}),
		oneOf: slices.Collect(slices.Chunk(values, f.size)), kind: kind,
	}
}

// anonymous is how the kernel is asked to find a name for a set.
const anonymous = "__set%d"

func verdict(kind expr.VerdictKind, chain string) clause {
	return clause{exprs: []expr.Any{&expr.Verdict{Kind: kind, Chain: chain}}, target: chain}
}

func accept() clause    { return verdict(expr.VerdictAccept, "") }
func backAgain() clause { return verdict(expr.VerdictReturn, "") }

func goTo(chain string) clause { return verdict(expr.VerdictGoto, chain) }
func jump(chain string) clause { return verdict(expr.VerdictJump, chain) }

// drop counts by the reason, and goes on to where it is counted by the port and
// dropped: the counters are touched by what is dropped alone, and cost no other
// packet anything.
func drop(counter string) clause { return dropIn(dropped, counter) }

// dropIn is drop by a chain of that name.
func dropIn(chain, counter string) clause {
	return clause{exprs: []expr.Any{count(counter), &expr.Verdict{Kind: expr.VerdictGoto, Chain: chain}}, target: chain}
}

// refuse counts by the reason and drops.
func refuse(counter string) clause {
	return clause{exprs: []expr.Any{count(counter), &expr.Verdict{Kind: expr.VerdictDrop}}}
}

func count(counter string) expr.Any {
	return &expr.Objref{Type: unix.NFT_OBJECT_COUNTER, Name: counter}
}

// host is a 32-bit number as the kernel holds it in a register.
func host(n uint32) []byte { return binary.NativeEndian.AppendUint32(nil, n) }

// network is a 16-bit number as it is on the wire.
func network(n uint16) []byte { return binary.BigEndian.AppendUint16(nil, n) }

// each is a rule for each prefix length in use, the longest first.
func each(lengths []int, line func(length int) rule) []rule {
	rules := make([]rule, len(lengths))
	for i, n := range lengths {
		rules[i] = line(n)
	}
	return rules
}
