package firewall

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// legacyLayout is how the kernel tells the rules of iptables-legacy
// (linux/netfilter_ipv4/ip_tables.h, linux/netfilter_ipv6/ip6_tables.h).
type legacyLayout struct {
	names         string // the file with the tables there are
	domain, level int
	// targetOffset and entrySize are of struct ipt_entry and ip6t_entry: where
	// the target's offset is told, and how long the entry itself is.
	targetOffset, entrySize int
}

const (
	soGetInfo    = 64 // IPT_SO_GET_INFO, IP6T_SO_GET_INFO
	soGetEntries = 65
	// sizes of the answers' heads: a table's name of 32 bytes comes first.
	getInfoSize    = 32 + 4 + 5*4 + 5*4 + 4 + 4
	getEntriesSize = 32 + 4 + 4 // and 4 more up to the alignment of 8 that entries have
	// standardTarget has no name and a verdict behind it; an entry with the
	// target ERROR begins a chain, whose name is behind it.
	targetHead  = 32
	errorTarget = "ERROR"
)

// tables are those that are there. Asking about another would make it, and all
// packets would go through it from then on.
func (l legacyLayout) tables() ([]string, error) {
	data, err := os.ReadFile(l.names)
	// The file is the real root's, also in the namespaces of an ordinary user,
	// where nobody has made tables of this kind.
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, os.ErrPermission) {
		return nil, nil
	}
	return strings.Fields(string(data)), err
}

// count counts a table.
func (l legacyLayout) count(table string) (tally, error) {
	c := tally{uses: map[string]int{}, drops: map[string]bool{}}
	rules := map[string]int{}
	c.rules = func(chain string) (int, error) { return rules[chain], nil }
	there, err := l.tables()
	if err != nil || !slices.Contains(there, table) {
		return c, err
	}
	for range 10 {
		info, entries, err := l.read(table)
		if errors.Is(err, unix.EAGAIN) {
			continue // it has changed in between
		}
		if err != nil {
			return tally{}, fmt.Errorf("read the table %s of iptables-legacy: %w", table, err)
		}
		return c, l.walk(info, entries, c, rules)
	}
	return tally{}, fmt.Errorf("the table %s of iptables-legacy keeps changing", table)
}

// read gets a table's head and its entries.
func (l legacyLayout) read(table string) (info, entries []byte, err error) {
	fd, err := unix.Socket(l.domain, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_RAW)
	if err != nil {
		return nil, nil, err
	}
	defer unix.Close(fd)
	info = make([]byte, getInfoSize)
	copy(info, table)
	if err := l.get(fd, soGetInfo, info); err != nil {
		return nil, nil, err
	}
	size := binary.NativeEndian.Uint32(info[getInfoSize-4:])
	answer := make([]byte, getEntriesSize+int(size))
	copy(answer, table)
	binary.NativeEndian.PutUint32(answer[32:], size)
	if err := l.get(fd, soGetEntries, answer); err != nil {
		return nil, nil, err
	}
	return info, answer[getEntriesSize:], nil
}

func (l legacyLayout) get(fd, what int, answer []byte) error {
	size := uint32(len(answer))
	_, _, errno := unix.Syscall6(unix.SYS_GETSOCKOPT, uintptr(fd), uintptr(l.level), uintptr(what),
		uintptr(unsafe.Pointer(&answer[0])), uintptr(unsafe.Pointer(&size)), 0)
	if errno != 0 {
		return errno
	}
	return nil
}

// hookNames are the kernel's own chains, in the order of their numbers.
var hookNames = [5]string{"PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING"}

// walk goes over a table's entries: chain by chain, the rules of each, and a
// last one that says what happens at its end.
func (l legacyLayout) walk(info, entries []byte, c tally, rules map[string]int) error {
	number := binary.NativeEndian
	valid := number.Uint32(info[32:])
	begins, ends := map[uint32]string{}, map[uint32]string{} // the kernel's own chains
	for hook, name := range hookNames {
		if valid&(1<<hook) != 0 {
			begins[number.Uint32(info[36+4*hook:])] = name
			ends[number.Uint32(info[56+4*hook:])] = name
		}
	}
	starts := map[uint32]string{} // where our own begin, behind their heads
	leads := map[uint32]int{}
	chain, last := "", false
	for at := uint32(0); int(at)+l.entrySize <= len(entries); {
		entry := entries[at:]
		target, next := uint32(number.Uint16(entry[l.targetOffset:])), uint32(number.Uint16(entry[l.targetOffset+2:]))
		if next < target+targetHead || int(at+next) > len(entries) {
			return errors.New("the kernel tells rules in a way that is not known here")
		}
		if name, ok := begins[at]; ok {
			chain = name
		}
		name, _, _ := bytes.Cut(entry[target+2:target+targetHead-1], []byte{0})
		verdict := int32(0)
		if len(name) == 0 && next >= target+targetHead+4 {
			verdict = int32(number.Uint32(entry[target+targetHead:]))
		}
		owner, isEnd := ends[at]
		switch {
		case string(name) == errorTarget:
			head, _, _ := bytes.Cut(entry[target+targetHead:next], []byte{0})
			if last = string(head) == errorTarget; !last {
				chain = string(head)
				starts[at+next] = chain
				// The chain's own end is counted as a rule below.
				rules[chain] = -1
			}
		case isEnd:
			c.drops[owner] = verdict == -drops-1
		default:
			rules[chain]++
			if len(name) == 0 && verdict > 0 && uint32(verdict) != at+next {
				leads[uint32(verdict)]++
			}
		}
		at += next
	}
	for chain, n := range rules {
		c.uses[chain] = n
	}
	for at, name := range starts {
		c.uses[name] += leads[at]
	}
	return nil
}

// holds reports whether any table has a rule.
func (l legacyLayout) holds() (bool, error) {
	tables, err := l.tables()
	if err != nil {
		return false, err
	}
	for _, table := range tables {
		c, err := l.count(table)
		if err != nil {
			return false, err
		}
		for _, uses := range c.uses {
			if uses > 0 {
				return true, nil
			}
		}
		for _, drops := range c.drops {
			if drops {
				return true, nil
			}
		}
	}
	return false, nil
}
