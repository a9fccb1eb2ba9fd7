package firewall

import (
	"strconv"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
)

// A shape is what the elements of a set are made of; with a value it is a map.
type shape struct {
	key, value []nftables.SetDatatype
	// most is how many elements rules may put there themselves; 0 where only we
	// do.
	most uint32
}

func setOf(key ...nftables.SetDatatype) shape { return shape{key: key} }

func (s shape) to(value ...nftables.SetDatatype) shape {
	s.value = value
	return s
}

var (
	ifname  = nftables.TypeIFName
	mac     = nftables.TypeEtherAddr
	addr4   = nftables.TypeIPAddr
	addr6   = nftables.TypeIP6Addr
	proto   = nftables.TypeInetProto
	service = nftables.TypeInetService
	// number is a plain 32-bit number: the nft program shows no integer of a
	// concatenation, but a mark it does.
	number = nftables.TypeMark
)

// integer is so many bytes of a packet that nft has no name for.
func integer(bytes uint32) nftables.SetDatatype {
	t := nftables.TypeInteger
	t.Bytes = bytes
	return t
}

// raw reports whether keys end in bytes of a packet that nft has no name for.
func (s shape) raw() bool { return s.key[len(s.key)-1].Name == nftables.TypeInteger.Name }

// setDef is a named set. Of those that are made for each prefix length in use the
// name is a stem: of net4 there are net4_24, net4_29. So looking an address up is
// a mask and a hash; the kernel's own sets of intervals remove in a time that grows
// with them, 10 to 18 ms at 5,000, and refuse some overlaps depending on the order
// they come in.
type setDef struct {
	name  string
	shape shape
}

// of names the set of a stem for one prefix length.
func of(stem string, length int) string { return stem + "_" + strconv.Itoa(length) }

// define is a set as the library wants it.
func (d setDef) define(t *nftables.Table) (*nftables.Set, error) {
	s := &nftables.Set{Table: t, Name: d.name, Concatenation: len(d.shape.key) > 1, IsMap: len(d.shape.value) > 0}
	var err error
	if s.KeyType, err = concat(d.shape.key); err != nil {
		return nil, err
	}
	if s.IsMap {
		s.DataType, err = concat(d.shape.value)
	}
	s.Dynamic, s.Size = d.shape.most > 0, d.shape.most
	// Nothing but the nft program's way of showing elements depends on it.
	if first := d.shape.key[0]; !s.Concatenation && (first == ifname || first == number) {
		s.KeyByteOrder = binaryutil.NativeEndian
	}
	return s, err
}

func concat(types []nftables.SetDatatype) (nftables.SetDatatype, error) {
	if len(types) == 1 {
		return types[0], nil
	}
	return nftables.ConcatSetType(types...)
}
