package firewall

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// The fixed rules in the words of the nft program, for a script that a person pastes.
// A test holds what nft makes of the words against what vifctl sends.

// A wording is a rule that is being put into words.
type wording struct {
	words []string
	// layer3 and layer4 are what the rule has said that the packet is: nft takes a
	// field's name only then without adding a test of its own.
	layer3 string // "ip", "ip6", "arp"
	layer4 string // "udp", "icmp", …, and "th" for what has ports
	// fields have been loaded and not used yet, and masks lie over them.
	fields []field
	// mapped is the map that the next translation takes its address from.
	mapped string
}

// words are a rule's in a table of a family.
func (r rule) words(family nftables.TableFamily) (string, error) {
	w := &wording{}
	if family == nftables.TableFamilyARP {
		w.layer3 = "arp"
	}
	for _, c := range r {
		for _, e := range c.exprs {
			if err := w.add(e, c.oneOf); err != nil {
				return "", err
			}
		}
	}
	return strings.Join(w.words, " "), nil
}

func (w *wording) say(words ...string) { w.words = append(w.words, words...) }

// add puts one expression into words. oneOf are the elements of the set without a name
// that it may look into.
func (w *wording) add(e expr.Any, oneOf [][]byte) error {
	switch e := e.(type) {
	case *expr.Meta:
		if e.SourceRegister {
			w.say("meta mark set", w.mapped)
			w.mapped = ""
			return nil
		}
		w.fields = append(w.fields, field{from: fromMeta, at: uint32(e.Key), size: metaSize(e.Key)})
	case *expr.Ct:
		w.fields = append(w.fields, field{from: fromConntrack, at: uint32(e.Key), size: 4})
	case *expr.Payload:
		from := map[expr.PayloadBase]source{
			expr.PayloadBaseLLHeader: fromLink, expr.PayloadBaseNetworkHeader: fromNetwork, expr.PayloadBaseTransportHeader: fromTransport,
		}[e.Base]
		w.fields = append(w.fields, field{from: from, at: e.Offset, size: int(e.Len)})
	case *expr.Bitwise:
		return w.mask(e)
	case *expr.Cmp:
		return w.compare(e)
	case *expr.Lookup:
		w.lookup(e, oneOf)
	case *expr.Dynset:
		w.say("update @"+e.SetName, "{", w.key(), "counter }")
		w.fields = nil
	case *expr.NAT:
		w.translate(e)
	case *expr.Masq:
		w.say("masquerade")
	case *expr.Objref:
		w.say("counter name", strconv.Quote(e.Name))
	case *expr.Verdict:
		w.say(verdictWords(e))
	default:
		return fmt.Errorf("no words for an expression %T", e)
	}
	return nil
}

func metaSize(key expr.MetaKey) int {
	switch key {
	case expr.MetaKeyIIFNAME, expr.MetaKeyOIFNAME:
		return unix.IFNAMSIZ
	case expr.MetaKeyIIFTYPE:
		return 2
	case expr.MetaKeyMARK:
		return 4
	}
	return 1
}

// mask lies over the field that was loaded last; what also sets bits is a mark's new
// value.
func (w *wording) mask(e *expr.Bitwise) error {
	last := len(w.fields) - 1
	if last < 0 {
		return fmt.Errorf("a mask over nothing")
	}
	if slices.ContainsFunc(e.Xor, func(b byte) bool { return b != 0 }) {
		w.mapped = fmt.Sprintf("meta mark | %#x", binary.NativeEndian.Uint32(e.Xor))
		w.fields = nil
		return nil
	}
	w.fields[last].mask = e.Mask
	return nil
}

func (w *wording) compare(e *expr.Cmp) error {
	if len(w.fields) != 1 {
		return fmt.Errorf("a comparison of %d fields", len(w.fields))
	}
	f := w.fields[0]
	w.fields = nil
	name := w.name(f)
	switch {
	case f.from == fromConntrack:
		// Of bits nft has two questions: whether one of them is set, and whether none is.
		bits := conntrackBits(f)
		if e.Op == expr.CmpOpEq {
			bits = "! " + bits
		}
		w.say(name, bits)
		return nil
	case f.mask != nil:
		w.say(name, "&", w.value(f, f.mask), equals(e.Op), w.value(f, e.Data))
	case e.Op == expr.CmpOpNeq:
		w.say(name, "!=", w.value(f, e.Data))
	default:
		w.say(name, w.value(f, e.Data))
		w.learn(f, e.Data)
	}
	return nil
}

func equals(op expr.CmpOp) string {
	if op == expr.CmpOpNeq {
		return "!="
	}
	return "=="
}

// learn takes from a test what the packet is from here on.
func (w *wording) learn(f field, value []byte) {
	switch {
	case same(f, etherType):
		w.layer3 = map[uint16]string{0x0800: "ip", 0x86dd: "ip6", 0x0806: "arp"}[binary.BigEndian.Uint16(value)]
	case same(f, l3proto):
		w.layer3 = map[byte]string{unix.NFPROTO_IPV4: "ip", unix.NFPROTO_IPV6: "ip6"}[value[0]]
	case same(f, l4proto), w.layer3 == "ip" && same(f, ipProtocol):
		w.layer4 = map[byte]string{icmp: "icmp", igmp: "igmp", tcp: "tcp", udp: "udp", icmpv6: "icmpv6"}[value[0]]
	}
}

func same(f, other field) bool {
	return f.from == other.from && f.at == other.at && f.size == other.size
}

// conntrackBits are the names of the bits in a field's mask.
func conntrackBits(f field) string {
	bits := binary.NativeEndian.Uint32(f.mask)
	var names []string
	for _, b := range []struct {
		key  expr.CtKey
		bit  uint32
		name string
	}{
		{expr.CtKeySTATE, expr.CtStateBitESTABLISHED, "established"},
		{expr.CtKeySTATE, expr.CtStateBitRELATED, "related"},
		{expr.CtKeySTATUS, statusDNAT, "dnat"},
	} {
		if f.at == uint32(b.key) && bits&b.bit != 0 {
			names = append(names, b.name)
		}
	}
	return strings.Join(names, ",")
}

func (w *wording) lookup(e *expr.Lookup, oneOf [][]byte) {
	key := w.key()
	fields := w.fields
	w.fields = nil
	switch {
	case e.IsDestRegSet:
		w.mapped = key + " map @" + e.SetName
	case e.SetName == anonymous:
		values := make([]string, len(oneOf))
		for i, v := range oneOf {
			values[i] = w.value(fields[0], v)
		}
		w.say(key, "{", strings.Join(values, ", "), "}")
		if same(fields[0], l4proto) {
			w.layer4 = "th"
		}
	case e.Invert:
		w.say(key, "!= @"+e.SetName)
	case len(fields) == 1 && fields[0].mask != nil:
		w.say(key, "== @"+e.SetName)
	default:
		w.say(key, "@"+e.SetName)
	}
}

// key are the fields that have been loaded, as a set's key.
func (w *wording) key() string {
	words := make([]string, len(w.fields))
	for i, f := range w.fields {
		words[i] = w.name(f)
		if f.mask != nil {
			words[i] += " & " + w.value(f, f.mask)
		}
	}
	return strings.Join(words, " . ")
}

func (w *wording) translate(e *expr.NAT) {
	verb, family := "dnat", "ip"
	if e.Type == expr.NATTypeSourceNAT {
		verb = "snat"
	}
	if e.Family == unix.NFPROTO_IPV6 {
		family = "ip6"
	}
	w.say(verb, family, "to", w.mapped)
	w.mapped = ""
}

func verdictWords(e *expr.Verdict) string {
	switch e.Kind {
	case expr.VerdictAccept:
		return "accept"
	case expr.VerdictReturn:
		return "return"
	case expr.VerdictGoto:
		return "goto " + e.Chain
	case expr.VerdictJump:
		return "jump " + e.Chain
	}
	return "drop"
}

// A fieldName is what nft calls a field where the packet is known to have it.
type fieldName struct {
	layer string // of layer3 or layer4, "" for any packet
	field field
	name  string
}

func fieldNames() []fieldName {
	return []fieldName{
		{"", iifname, "iifname"},
		{"", oifname, "oifname"},
		{"", iiftype, "meta iiftype"},
		{"", l3proto, "meta nfproto"},
		{"", l4proto, "meta l4proto"},
		{"", ctState, "ct state"},
		{"", ctStatus, "ct status"},
		{"", etherDest, "ether daddr"},
		{"", etherSource, "ether saddr"},
		{"", etherType, "ether type"},
		{"arp", arpHardware, "arp htype"},
		{"arp", arpProtocol, "arp ptype"},
		{"arp", arpMACSize, "arp hlen"},
		{"arp", arpIPSize, "arp plen"},
		{"arp", arpOperation, "arp operation"},
		{"arp", arpSenderMAC, "arp saddr ether"},
		{"arp", arpSenderIP, "arp saddr ip"},
		{"arp", arpTargetIP, "arp daddr ip"},
		{"ip", ipFragment, "ip frag-off"},
		{"ip", ipProtocol, "ip protocol"},
		{"ip", ipSource, "ip saddr"},
		{"ip", ipDest, "ip daddr"},
		{"ip6", ip6Length, "ip6 length"},
		{"ip6", ip6Next, "ip6 nexthdr"},
		{"ip6", ip6Source, "ip6 saddr"},
		{"ip6", ip6Dest, "ip6 daddr"},
		{"udp", portSource, "udp sport"},
		{"udp", portDest, "udp dport"},
		{"th", portDest, "th dport"},
		{"icmp", icmpType, "icmp type"},
		{"icmpv6", icmpType, "icmpv6 type"},
		{"igmp", icmpType, "igmp type"},
	}
}

// name is what nft calls a field, or where it is in the packet.
func (w *wording) name(f field) string {
	for _, n := range fieldNames() {
		if same(f, n.field) && (n.layer == "" || n.layer == w.layer3 || n.layer == w.layer4) {
			return n.name
		}
	}
	return fmt.Sprintf("@%s,%d,%d", map[source]string{fromLink: "ll", fromNetwork: "nh", fromTransport: "th"}[f.from], 8*f.at, 8*f.size)
}

// value is a value of a field's.
func (w *wording) value(f field, value []byte) string {
	name := w.name(f)
	switch {
	case strings.HasPrefix(name, "@"):
		return fmt.Sprintf("%#x", value)
	case strings.HasSuffix(name, "addr") && len(value) == 6 || name == "arp saddr ether":
		return net.HardwareAddr(value).String()
	case strings.HasPrefix(name, "ip") && strings.HasSuffix(name, "addr"), strings.HasSuffix(name, " ip"):
		a, _ := netip.AddrFromSlice(value)
		return a.String()
	case name == "meta nfproto":
		return map[byte]string{unix.NFPROTO_IPV4: "ipv4", unix.NFPROTO_IPV6: "ipv6"}[value[0]]
	case name == "meta iiftype":
		return strconv.Itoa(int(binary.NativeEndian.Uint16(value)))
	case name == "ether type", name == "arp ptype":
		return fmt.Sprintf("%#x", value)
	case len(value) == 1:
		return strconv.Itoa(int(value[0]))
	}
	return strconv.Itoa(int(binary.BigEndian.Uint16(value)))
}
