package configs

import (
	"net"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"vifctl/modes"
)

// What the kernel and Xen take.
const (
	maxDevice = 15 // IFNAMSIZ without its final NUL (linux/if.h)
	maxName   = 255
	maxNIC    = 65535
)

// device reads the name of an interface of the host's. The kernel would take
// more than we do: "-x", "$(id)" and "a;b".
func (r *reader) device(s string, at place) string {
	switch {
	case !isDevice(s):
		r.mistakes.add(at, "%s cannot be %s: an interface's name starts with a letter or a digit and goes on with letters, digits, '_', '.' or '-'", at.key, show(s))
	case len(s) > maxDevice:
		r.mistakes.add(at, "%s cannot be %s: an interface's name may have %d characters", at.key, show(s), maxDevice)
	case s == "all" || s == "default":
		r.mistakes.add(at, "%s cannot be %q: the kernel keeps that name for itself", at.key, s)
	}
	return s
}

// bridge reads the name of a bridge, behind which there may be VLANs of Open
// vSwitch's: xenbr0.10:20:30.
func (r *reader) bridge(s string, at place) string {
	name, vlans, tagged := strings.Cut(s, ":")
	for _, v := range strings.Split(vlans, ":") {
		if n, err := strconv.Atoi(v); tagged && (err != nil || n < 1 || n > 4094) {
			r.mistakes.add(at, "%s cannot be %s: %s is no VLAN from 1 to 4094, as in \"xenbr0.10:20:30\"", at.key, show(s), show(v))
			return s
		}
	}
	if dot := strings.LastIndexByte(name, '.'); len(name) > maxDevice && dot > 0 {
		name = name[:dot]
	}
	r.device(name, at)
	return s
}

func isDevice(s string) bool {
	for i := range len(s) {
		if !isAlphanumeric(s[i]) && (i == 0 || !anyOf("_.-", s[i])) {
			return false
		}
	}
	return s != ""
}

// name reads a domain's name, which Xen lets hold nearly anything.
func (r *reader) name(s string, at place) string {
	switch {
	case s == "":
		r.mistakes.add(at, "name is empty: write the guest's name as `xl list` shows it, or leave it out and write uuid or mac")
	case s != strings.TrimSpace(s):
		r.mistakes.add(at, "name cannot be %s: it begins or ends with a space; did you mean %s?", show(s), show(strings.TrimSpace(s)))
	case len(s) > maxName, !utf8.ValidString(s), strings.ContainsFunc(s, func(c rune) bool { return !unicode.IsPrint(c) }), strings.Contains(s, "/"):
		r.mistakes.add(at, "name cannot be %s: a guest's name has %d bytes at most, no '/' and nothing that cannot be printed", show(s), maxName)
	}
	return s
}

// uuid reads a domain's UUID in any case; it is kept in lower case.
func (r *reader) uuid(s string, at place) string {
	parts := strings.Split(s, "-")
	lengths := make([]int, len(parts))
	for i, p := range parts {
		lengths[i] = len(p)
	}
	notHex := func(c rune) bool { return !strings.ContainsRune("0123456789abcdefABCDEF-", c) }
	if !slices.Equal(lengths, []int{8, 4, 4, 4, 12}) || strings.ContainsFunc(s, notHex) {
		r.mistakes.add(at, "uuid cannot be %s: it is 32 hexadecimal digits in five groups, as in %s; `xl vm-list` shows it", show(s), r.example)
		return ""
	}
	return strings.ToLower(s)
}

// mac reads a guest's hardware address; it is kept as the kernel writes it.
func (r *reader) mac(s string, at place) string {
	hw, err := net.ParseMAC(s)
	switch {
	case err != nil || len(hw) != 6:
		r.mistakes.add(at, "mac cannot be %s: it is six bytes in hexadecimal, as in %s", show(s), r.example)
	case hw[0]&1 != 0:
		r.mistakes.add(at, "mac cannot be %s: that is a multicast address, because its first byte is odd; Xen's own begin with 00:16:3e", show(s))
	case slices.Equal(hw, make([]byte, 6)):
		r.mistakes.add(at, "mac cannot be %s: that is no address at all; Xen's own begin with 00:16:3e", show(s))
	default:
		return hw.String()
	}
	return ""
}

func (r *reader) nic(n int64, at place) int {
	if n < 0 || n > maxNIC {
		r.mistakes.add(at, "nic cannot be %d: it counts a guest's NICs from 0; leave it out for all of them", n)
		return AnyNIC
	}
	return int(n)
}

func (r *reader) mode(s string, at place) string {
	var known []string
	for _, m := range modes.Table() {
		known = append(known, m.Name)
	}
	return oneOf(r, s, at, known...)
}

func (r *reader) mark(n int64, at place) uint32 {
	if n < 1 || n > 1<<32-1 {
		r.mistakes.add(at, "mark cannot be %d: it is one bit, or more, of 32, as in %s; other firewalls' marks must not have it", n, r.example)
		return 0
	}
	return uint32(n)
}
