package configs

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// forward is a [[guest.forward]] that is being read.
type forward struct {
	Forward
	at    place
	given map[string]any
	// toLast is the last of the ports at the guest, 0 where none was given.
	toLast uint16
}

const (
	listenForm = `listen = "11.22.33.40:3389", listen = "[2001:db8::1]:3389", or listen = ":3389" for the uplink's own first IPv4 address`
	portsForm  = "a port is a number from 1 to 65535, and several are FIRST-LAST"
)

func readForwards(r *reader, v any, at place, e *entry) bool {
	for i, table := range r.tables(v, at, "guest.forward") {
		below := place{file: at.file, table: "forward", guest: at.guest, forward: i, item: -1}
		f := forward{at: below, given: table}
		readTable(r, r.forwardSettings, table, below, &f)
		f.complete(r)
		e.forwards = append(e.forwards, f)
	}
	return true
}

// listen reads ADDRESS:PORT or ADDRESS:FIRST-LAST.
func (f *forward) listen(r *reader, s string, at place) {
	colon := strings.LastIndexByte(s, ':')
	if colon < 0 {
		if _, _, ok := ports(s); ok {
			r.mistakes.add(at, "listen cannot be %s: write \":%s\" for that port of the uplink's own first IPv4 address", show(s), s)
		} else {
			r.mistakes.add(at, "listen cannot be %s: it has no port; write %s", show(s), listenForm)
		}
		return
	}
	host := s[:colon]
	if bare, ok := strings.CutPrefix(host, "["); ok && strings.HasSuffix(bare, "]") {
		host = strings.TrimSuffix(bare, "]")
	} else if strings.Contains(host, ":") {
		r.mistakes.add(at, "listen cannot be %s: an IPv6 address needs brackets before its port; write %s", show(s), listenForm)
		return
	}
	if host == "*" || host == "0.0.0.0" || host == "::" {
		r.mistakes.add(at, "listen cannot be %s: a forward has one address; write %s", show(s), listenForm)
		return
	}
	if host != "" || colon > 0 {
		a, err := netip.ParseAddr(host)
		if err != nil || a.Zone() != "" {
			r.mistakes.add(at, "listen cannot be %s: %s is not an address; write %s", show(s), show(host), listenForm)
			return
		}
		why := notUnicast(a)
		if why == "" && a.IsLinkLocalUnicast() {
			why = "it is a link-local address, which no host outside can reach"
		}
		if why != "" {
			r.mistakes.add(at, "listen cannot be %s: %s", show(s), why)
			return
		}
		f.Listen = a
	}
	first, last, ok := ports(s[colon+1:])
	switch {
	case !ok:
		r.mistakes.add(at, "listen cannot be %s: %s", show(s), portsForm)
		return
	case last < first:
		r.mistakes.add(at, "listen cannot be %s: the ports end before they begin; did you mean %d-%d?", show(s), last, first)
		return
	case int(last)-int(first)+1 > MostPorts:
		r.mistakes.add(at, "listen cannot be %s: those are %d ports, and a forward has at most %d; a guest that needs more gets an address of its own, by public",
			show(s), int(last)-int(first)+1, MostPorts)
		return
	}
	f.First, f.Last = first, last
}

// readTo reads 3389, "3389" or "3389-3399".
func readTo(r *reader, v any, at place, f *forward) bool {
	var s string
	switch v := v.(type) {
	case int64:
		s = strconv.FormatInt(v, 10)
	case string:
		s = v
	default:
		return false
	}
	first, last, ok := ports(s)
	switch {
	case !ok && strings.ContainsAny(s, ".:"):
		r.mistakes.add(at, "to cannot be %s: it is a port of the guest's own address, as in %s", show(s), r.example)
	case !ok:
		r.mistakes.add(at, "to cannot be %s: %s", show(s), portsForm)
	case last < first:
		r.mistakes.add(at, "to cannot be %s: the ports end before they begin; did you mean %d-%d?", show(s), last, first)
	default:
		f.To, f.toLast = first, last
	}
	return true
}

func (r *reader) protocols(s string, at place) []string {
	switch word := oneOf(r, s, at, "tcp", "udp", "both"); word {
	case "both":
		return []string{"tcp", "udp"}
	default:
		return []string{word}
	}
}

// complete fills in what was left out and looks at the settings together.
func (f *forward) complete(r *reader) {
	if f.given == nil {
		return
	}
	if _, ok := f.given["listen"]; !ok {
		r.mistakes.add(f.at, "a forward needs an address and a port to listen on: write %s", listenForm)
	}
	if f.Protocols == nil {
		f.Protocols = []string{"tcp"}
	}
	if f.First == 0 {
		return
	}
	if f.To == 0 {
		f.To = f.First
	} else if f.toLast-f.To != f.Last-f.First {
		r.mistakes.add(f.at.at("to"), "%s cannot lead to %s: %s", f.count(f.First, f.Last), f.count(f.To, f.toLast), f.fit())
	}
	for i, p := range f.From {
		if p.IsValid() && p.Addr().Is4() != f.isIPv4() {
			r.mistakes.add(f.at.at("from").nth(i), "%s is %s, and the forward listens on %s: no host can connect there from %s",
				p, family(p.Addr().Is4()), family(f.isIPv4()), p)
		}
	}
}

// isIPv4: the uplink's own first address is an IPv4 one.
func (f *Forward) isIPv4() bool { return !f.Listen.IsValid() || f.Listen.Is4() }

func (*forward) count(first, last uint16) string {
	if first == last {
		return "one port"
	}
	return fmt.Sprintf("%d ports", int(last)-int(first)+1)
}

// fit says which ports at the guest there would be as many of.
func (f *forward) fit() string {
	switch last := int(f.To) + int(f.Last-f.First); {
	case f.Last == f.First:
		return fmt.Sprintf("write to = %d", f.To)
	case last > 65535:
		return fmt.Sprintf("write to = \"%d-%d\"", f.First, f.Last)
	default:
		return fmt.Sprintf("write to = \"%d-%d\"", f.To, last)
	}
}

// ports reads 3389 or 3389-3399.
func ports(s string) (first, last uint16, ok bool) {
	a, b, several := strings.Cut(s, "-")
	if !several {
		b = a
	}
	first, okA := port(a)
	last, okB := port(b)
	return first, last, okA && okB
}

func port(s string) (uint16, bool) {
	n, err := strconv.ParseUint(s, 10, 16)
	return uint16(n), err == nil && n > 0
}

func family(isIPv4 bool) string {
	if isIPv4 {
		return "IPv4"
	}
	return "IPv6"
}
