package handmade

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// rule is what iptables was told of one.
type rule struct {
	table, chain, jump string
	src, dst           netip.Prefix
	proto              string
	// dev is the interface that it is about, "" for all.
	dev string
	// ports as in the configuration: 80 or 80-90.
	ports []string
	// to is where DNAT and SNAT lead; its port is 0 where none is said.
	to netip.AddrPort
	// toRange are the ports that DNAT leads to, where they are several.
	toRange string
	text    string
}

// target is the address that it translates to.
func (r rule) target() (netip.Addr, bool) { return r.to.Addr(), r.to.Addr().IsValid() }

// forward is one of its ports as a [[guest.forward]].
func (r rule) forward(port string) string {
	listen := ""
	if r.dst.IsValid() {
		listen = r.dst.Addr().String()
		if r.dst.Addr().Is6() {
			listen = "[" + listen + "]"
		}
	}
	s := fmt.Sprintf("  listen = %q\n", listen+":"+port)
	switch {
	case r.toRange != "" && r.toRange != port:
		s += fmt.Sprintf("  to = %q\n", r.toRange)
	case r.toRange == "" && r.to.Port() != 0 && port != strconv.Itoa(int(r.to.Port())):
		s += fmt.Sprintf("  to = %d\n", r.to.Port())
	}
	if r.proto != "tcp" {
		s += fmt.Sprintf("  proto = %q\n", r.proto)
	}
	if r.src.IsValid() {
		s += fmt.Sprintf("  from = [%q]\n", r.src)
	}
	return s
}

// split takes a line of a shell's apart. why says what is more than words.
func split(line string) (words []string, why string) {
	word, inside, quote := "", false, rune(0)
	for _, c := range line {
		switch {
		case quote != 0 && c == quote:
			quote = 0
		case quote == '\'' || quote == '"' && !strings.ContainsRune("$`\\", c):
			word += string(c)
		case strings.ContainsRune("$`\\;|&<>()*?", c):
			return nil, fmt.Sprintf("the shell makes something of %q", c)
		case quote == 0 && (c == '"' || c == '\''):
			quote, inside = c, true
		case quote == 0 && (c == ' ' || c == '\t'):
			if inside || word != "" {
				words = append(words, word)
			}
			word, inside = "", false
		case quote == 0 && c == '#' && word == "" && !inside:
			return words, ""
		default:
			word += string(c)
		}
	}
	if quote != 0 {
		return nil, "a quote is never closed"
	}
	if inside || word != "" {
		words = append(words, word)
	}
	return words, ""
}

// parse reads the arguments of iptables. why says what is not known of them.
func parse(words []string) (r rule, why string) {
	r = rule{table: "filter", text: strings.Join(words, " ")}
	next := func() string {
		if len(words) == 0 {
			return ""
		}
		w := words[0]
		words = words[1:]
		return w
	}
	for len(words) > 0 && why == "" {
		switch w := next(); w {
		case "-t", "--table":
			r.table = next()
		case "-A", "--append":
			r.chain = next()
		case "-I", "--insert":
			r.chain = next()
			if len(words) > 0 && !strings.HasPrefix(words[0], "-") {
				next()
			}
		case "-s", "--source", "--src":
			r.src, why = prefix(next())
		case "-d", "--destination", "--dst":
			r.dst, why = prefix(next())
		case "-i", "--in-interface", "-o", "--out-interface":
			r.dev = next()
		case "--comment":
			next()
		case "-w", "--wait":
			if len(words) > 0 && !strings.HasPrefix(words[0], "-") {
				next()
			}
		case "-p", "--protocol", "--proto":
			r.proto = next()
			if r.proto == "all" {
				r.proto = ""
			}
		case "-m", "--match":
			if m := next(); m != "tcp" && m != "udp" && m != "multiport" && m != "comment" {
				why = "the match " + m
			}
		case "--dport", "--destination-port", "--dports", "--destination-ports":
			for _, p := range strings.Split(next(), ",") {
				r.ports = append(r.ports, strings.ReplaceAll(p, ":", "-"))
			}
		case "-j", "--jump":
			r.jump = next()
		case "--to-destination", "--to-source", "--to":
			why = r.leads(next())
		default:
			why = "the word " + w
		}
	}
	if why == "" && r.chain == "" {
		why = "it adds no rule"
	}
	return r, why
}

func prefix(s string) (netip.Prefix, string) {
	if a, err := netip.ParseAddr(s); err == nil {
		return netip.PrefixFrom(a, a.BitLen()), ""
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return p, "the address " + s
	}
	return p.Masked(), ""
}

// leads reads ADDRESS, ADDRESS:PORT and ADDRESS:FIRST-LAST.
func (r *rule) leads(s string) (why string) {
	if a, err := netip.ParseAddr(strings.Trim(s, "[]")); err == nil {
		r.to = netip.AddrPortFrom(a, 0)
		return ""
	}
	colon := strings.LastIndexByte(s, ':')
	if dash := strings.LastIndexByte(s, '-'); colon >= 0 && dash > colon {
		r.toRange, s = s[colon+1:], s[:dash]
	}
	to, err := netip.ParseAddrPort(s)
	if err != nil {
		return "the address " + s
	}
	r.to = to
	return ""
}
