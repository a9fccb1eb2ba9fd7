package firewall

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
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
	there, err := l.there(table)
	if err != nil || !there {
		return emptyTally(), err
	}
	return l.countThere(table)
}

// there reports whether there is such a table. Asking the kernel itself would
// make it, and all packets would go through it from then on.
func (l legacyLayout) there(table string) (bool, error) {
	tables, err := l.tables()
	return slices.Contains(tables, table), err
}

func emptyTally() tally {
	return tally{
		uses: map[string]int{}, drops: map[string]bool{},
		rules: func(string) (int, error) { return 0, nil },
	}
}

// countThere reads a table that is there.
func (l legacyLayout) countThere(table string) (tally, error) {
	c := emptyTally()
	rules := map[string]int{}
	c.rules = func(chain string) (int, error) { return rules[chain], nil }
	for range 10 {
		head, entries, err := l.read(table)
		if errors.Is(err, unix.EAGAIN) {
			continue // it has changed in between
		}
		if err != nil {
			return tally{}, fmt.Errorf("read the table %s of iptables-legacy: %w", table, err)
		}
		c.head = head
		return c, l.walk(head, entries, c, rules)
	}
	return tally{}, fmt.Errorf("the table %s of iptables-legacy keeps changing", table)
}

// A legacyHead tells how large a table is, how many entries it has, and where
// among them the kernel's own chains begin and end.
type legacyHead []byte

// legacyChain is how many entries a chain is beside its rules.
const legacyChain = 2

// entries are the rules, two more for each chain, one for each of the kernel's,
// and one at the end.
func (h legacyHead) entries() int { return int(binary.NativeEndian.Uint32(h[getInfoSize-8:])) }

func (h legacyHead) size() int { return int(binary.NativeEndian.Uint32(h[getInfoSize-4:])) }

func (h legacyHead) hooks() uint32 { return binary.NativeEndian.Uint32(h[32:]) }

// head gets the head of a table that is there.
func (l legacyLayout) head(table string) (legacyHead, error) {
	fd, err := l.socket()
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	h := make(legacyHead, getInfoSize)
	copy(h, table)
	return h, l.get(fd, soGetInfo, h)
}

func (l legacyLayout) socket() (int, error) {
	return unix.Socket(l.domain, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_RAW)
}

// read gets a table's head and its entries.
func (l legacyLayout) read(table string) (head legacyHead, entries []byte, err error) {
	fd, err := l.socket()
	if err != nil {
		return nil, nil, err
	}
	defer unix.Close(fd)
	head = make(legacyHead, getInfoSize)
	copy(head, table)
	if err := l.get(fd, soGetInfo, head); err != nil {
		return nil, nil, err
	}
	answer := make([]byte, getEntriesSize+head.size())
	copy(answer, table)
	binary.NativeEndian.PutUint32(answer[32:], uint32(head.size()))
	if err := l.get(fd, soGetEntries, answer); err != nil {
		return nil, nil, err
	}
	return head, answer[getEntriesSize:], nil
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
func (l legacyLayout) walk(head legacyHead, entries []byte, c tally, rules map[string]int) error {
	number := binary.NativeEndian
	begins, ends := map[uint32]string{}, map[uint32]string{} // the kernel's own chains
	for hook, name := range hookNames {
		if head.hooks()&(1<<hook) != 0 {
			begins[number.Uint32(head[36+4*hook:])] = name
			ends[number.Uint32(head[56+4*hook:])] = name
		}
	}
	starts := map[uint32]string{} // where our own begin, behind their heads
	leads := map[uint32]int{}
	chain, inChain := "", 0
	leave := func() {
		if chain != "" {
			rules[chain] += inChain
		}
		inChain = 0
	}
	for at := uint32(0); int(at)+l.entrySize <= len(entries); {
		entry := entries[at:]
		target, next := uint32(number.Uint16(entry[l.targetOffset:])), uint32(number.Uint16(entry[l.targetOffset+2:]))
		if next < target+targetHead || int(at+next) > len(entries) {
			return errors.New("the kernel tells rules in a way that is not known here")
		}
		// Only few entries are looked at closely: there may be tens of thousands.
		if name, ok := begins[at]; ok {
			leave()
			chain = name
		}
		name := entry[target+2 : target+targetHead-1]
		verdict := int32(0)
		if name[0] == 0 && next >= target+targetHead+4 {
			verdict = int32(number.Uint32(entry[target+targetHead:]))
		}
		owner, isEnd := "", false
		if name[0] == 0 && verdict < 0 {
			owner, isEnd = ends[at]
		}
		switch {
		case bytes.HasPrefix(name, []byte(errorTarget+"\x00")):
			of, _, _ := bytes.Cut(entry[target+targetHead:next], []byte{0})
			if string(of) != errorTarget { // which is the table's own end
				leave()
				chain = string(of)
				starts[at+next] = chain
				// The chain's own end is counted as a rule below.
				inChain = -1
			}
		case isEnd:
			c.drops[owner] = verdict == -drops-1
		default:
			inChain++
			if verdict > 0 && uint32(verdict) != at+next {
				leads[uint32(verdict)]++
			}
		}
		at += next
	}
	leave()
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
	for _, table := range tables {
		has, err := l.holdsIn(table)
		if has || err != nil {
			return has, err
		}
	}
	return false, err
}

// holdsIn reports whether there is such a table, with a rule or a policy in it.
func (l legacyLayout) holdsIn(table string) (bool, error) {
	if there, err := l.there(table); err != nil || !there {
		return false, err
	}
	head, err := l.head(table)
	if err != nil {
		return false, err
	}
	if head.entries() > bits.OnesCount32(head.hooks())+1 {
		return true, nil
	}
	c, err := l.countThere(table)
	for _, drops := range c.drops {
		if drops {
			return true, err
		}
	}
	return false, err
}
