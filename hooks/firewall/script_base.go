package firewall

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"github.com/google/nftables"
	"golang.org/x/sys/unix"
)

var familyNames = map[nftables.TableFamily]string{
	nftables.TableFamilyBridge: "bridge", nftables.TableFamilyINet: "inet", nftables.TableFamilyARP: "arp",
}

// inTable names one thing of a table.
func inTable(t *nftables.Table, name string) string {
	return familyNames[t.Family] + " " + t.Name + " " + name
}

// rawLines are what makes the sets that makeRaw makes, before all others.
func rawLines(v view, p *part, inUse lengths) (lines []string) {
	for _, d := range p.allSets(inUse) {
		if d.shape.raw() && !v.tables[p.table].sets[d.name] {
			lines = append(lines, "add table "+familyNames[p.table.Family]+" "+p.table.Name, d.line(p.table))
		}
	}
	return lines
}

// line makes the set, where it is not there.
func (d setDef) line(t *nftables.Table) string {
	kind := "set"
	if len(d.shape.value) > 0 {
		kind = "map"
	}
	return fmt.Sprintf("add %s %s { %s }", kind, inTable(t, d.name), d.shape.words())
}

// baseLines are what makes one part of the base, as build does: whatever is there.
func baseLines(v view, p *part, inUse lengths) (lines []string, err error) {
	say := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	say("add table %s %s", familyNames[p.table.Family], p.table.Name)
	for _, c := range p.counters {
		say("add counter %s", inTable(p.table, c))
	}
	for _, d := range p.allSets(inUse) {
		if !d.shape.raw() && !v.tables[p.table].sets[d.name] {
			lines = append(lines, d.line(p.table))
		}
	}
	there := v.tables[p.table].uses
	chains := p.chains(v.options, inUse)
	var old []chain
	for _, c := range chains {
		if _, ok := there[c.name]; ok {
			old = append(old, c)
		}
	}
	old = append(old, formerChains(p.table, there, v.options)...)
	for _, verb := range []string{"flush", "delete"} {
		for _, c := range old {
			say("%s chain %s", verb, inTable(p.table, c.name))
		}
	}
	for _, c := range chains {
		if c.kind == "" {
			say("add chain %s", inTable(p.table, c.name))
			continue
		}
		say("add chain %s { type %s hook %s priority %d; policy accept; }", inTable(p.table, c.name), c.kind, hookName(p.table.Family, c.hook), c.priority)
	}
	for _, c := range chains {
		for _, r := range c.rules {
			words, err := r.words(p.table.Family)
			if err != nil {
				return nil, fmt.Errorf("the chain %s: %w", c.name, err)
			}
			say("add rule %s %s", inTable(p.table, c.name), words)
		}
	}
	marker := p.marker()
	say("flush set %s", inTable(p.table, marker.name))
	say("add element %s { %#x }", inTable(p.table, marker.name), p.stamp(v.options))
	return lines, nil
}

// hookName is a hook's in a family.
func hookName(f nftables.TableFamily, hook uint32) string {
	if f == nftables.TableFamilyARP {
		return map[uint32]string{arpInput: "input"}[hook]
	}
	return map[uint32]string{
		unix.NF_INET_PRE_ROUTING: "prerouting", unix.NF_INET_FORWARD: "forward",
		unix.NF_INET_LOCAL_OUT: "output", unix.NF_INET_POST_ROUTING: "postrouting",
	}[hook]
}

// words are a set's definition.
func (s shape) words() string {
	if s.raw() {
		return fmt.Sprintf("typeof iifname . @th,64,%d;", 8*s.key[len(s.key)-1].Bytes)
	}
	words := "type " + typeNames(s.key)
	if len(s.value) > 0 {
		words += " : " + typeNames(s.value)
	}
	words += ";"
	if s.most > 0 {
		words += fmt.Sprintf(" size %d; flags dynamic;", s.most)
	}
	return words
}

func typeNames(types []nftables.SetDatatype) string {
	names := make([]string, len(types))
	for i, t := range types {
		names[i] = t.Name
	}
	return strings.Join(names, " . ")
}

// elementWords is an element of a set of that shape.
func elementWords(s shape, key, value string) (string, error) {
	words, err := fieldsWords(s.key, key)
	if err != nil || value == "" {
		return words, err
	}
	to, err := fieldsWords(s.value, value)
	return words + " : " + to, err
}

func fieldsWords(types []nftables.SetDatatype, key string) (string, error) {
	var words []string
	for _, t := range types {
		size := int(t.Bytes)
		if len(key) < size {
			return "", fmt.Errorf("an element is cut off")
		}
		word, err := fieldWord(t, key[:size])
		if err != nil {
			return "", err
		}
		words = append(words, word)
		key = key[min(len(key), (size+3)/4*4):]
	}
	return strings.Join(words, " . "), nil
}

func fieldWord(t nftables.SetDatatype, value string) (string, error) {
	switch t.Name {
	case ifname.Name:
		name := strings.TrimRight(value, "\x00")
		// nft takes a star at the end for "and all that begin so".
		if strings.ContainsFunc(name, func(c rune) bool { return c <= ' ' || c > '~' || strings.ContainsRune(`"'\*`, c) }) {
			return "", fmt.Errorf("nft cannot be told the interface's name %q: give it letters, digits, dots and dashes (vifname=)", name)
		}
		return strconv.Quote(name), nil
	case mac.Name:
		return net.HardwareAddr(value).String(), nil
	case addr4.Name, addr6.Name:
		a, _ := netip.AddrFromSlice([]byte(value))
		return a.String(), nil
	case proto.Name:
		if name := map[byte]string{unix.IPPROTO_TCP: "tcp", unix.IPPROTO_UDP: "udp"}[value[0]]; name != "" {
			return name, nil
		}
		return strconv.Itoa(int(value[0])), nil
	case service.Name:
		return strconv.Itoa(int(binary.BigEndian.Uint16([]byte(value)))), nil
	case number.Name:
		return fmt.Sprintf("%#x", binary.NativeEndian.Uint32([]byte(value))), nil
	}
	return fmt.Sprintf("%#x", value), nil
}
