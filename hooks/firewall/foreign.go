package firewall

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// A Filter is what the FORWARD of one iptables does to what guests forward,
// besides the rules of ours.
type Filter struct {
	Variant Variant
	// Program is iptables or ip6tables.
	Program string
	// Chains of its filter table: by them one knows whose it is.
	Chains []string
	// Policy: it drops what no rule accepts. Passes: but not what carries the mark
	// of our ports.
	Policy, Passes bool
	// Rule is the number, from 1, of a rule that drops everything that is new,
	// with none before it that could have accepted some of it; 0 for none. It is
	// told of iptables-legacy alone: nft's rules anybody can list.
	Rule int
}

// Filters tells of those that drop something.
func (p *Passage) Filters() (all []Filter, err error) {
	open, gaps, err := p.gaps()
	if err != nil {
		return nil, err
	}
	for _, g := range gaps {
		f := Filter{Variant: g.variant, Program: g.family.program, Policy: true}
		f.Passes = !slices.ContainsFunc(open, func(o gap) bool { return o.variant == g.variant && o.family == g.family })
		if g.variant == VariantLegacy {
			seen, err := g.family.legacy.forward(p.mark)
			if err != nil {
				return nil, err
			}
			f.Chains, f.Passes = seen.chains, f.Passes || seen.marked
		}
		all = append(all, f)
	}
	for _, family := range p.families {
		seen, err := family.legacy.forward(p.mark)
		if err != nil {
			return nil, err
		}
		if seen.dropRule > 0 {
			all = append(all, Filter{Variant: VariantLegacy, Program: family.program, Chains: seen.chains, Rule: seen.dropRule})
		}
	}
	return all, nil
}

// seenForward is what iptables-legacy's filter table has in the way of forwarded
// packets.
type seenForward struct {
	chains []string
	// marked: some rule that is not ours accepts what carries the mark.
	marked bool
	// dropRule is the number of the rule in FORWARD that drops what is new.
	dropRule int
}

// forward reads the filter table, if there is one.
func (l legacyLayout) forward(mark uint32) (s seenForward, err error) {
	there, err := l.tables()
	if err != nil || !slices.Contains(there, "filter") {
		return s, err
	}
	c, err := l.count("filter")
	if err != nil {
		return s, err
	}
	s.chains = slices.Sorted(maps.Keys(c.uses))
	for range 10 {
		info, entries, err := l.read("filter")
		if errors.Is(err, unix.EAGAIN) {
			continue
		}
		if err != nil {
			return s, fmt.Errorf("read the table filter of iptables-legacy: %w", err)
		}
		return s, l.judge(info, entries, mark, &s)
	}
	return s, errors.New("the table filter of iptables-legacy keeps changing")
}

// hookForward is NF_INET_FORWARD.
const hookForward = unix.NF_INET_FORWARD

// judge goes over the entries: all of them for the mark, those of FORWARD for the
// first that drops everything.
func (l legacyLayout) judge(info, entries []byte, mark uint32, s *seenForward) error {
	begin := binary.NativeEndian.Uint32(info[36+4*hookForward:])
	end := binary.NativeEndian.Uint32(info[56+4*hookForward:])
	number, decided, ours := 0, false, false
	for at := uint32(0); int(at)+l.entrySize <= len(entries); {
		e, next, err := l.rule(entries[at:])
		if err != nil {
			return err
		}
		if e.begins != "" {
			ours = strings.HasPrefix(e.begins, chainPrefix)
		}
		s.marked = s.marked || !ours && e.verdict == accepts && bytes.Contains(e.matches["mark"], host(mark))
		if at >= begin && at < end && !decided {
			number++
			switch {
			case e.noNew:
			case e.verdict == drops && e.all():
				s.dropRule, decided = number, true
			case e.verdict == goesOn:
			default:
				decided = e.verdict != drops
			}
		}
		at += next
	}
	return nil
}

// legacyRule is a rule of iptables-legacy as far as it matters here.
type legacyRule struct {
	// anywhere: from and to all addresses and interfaces, of all protocols.
	anywhere bool
	matches  map[string][]byte
	// noNew: it is about known connections alone.
	noNew   bool
	verdict int
	// begins is the name of the chain that begins here, "" for none.
	begins string
}

// goesOn is of a rule that decides nothing; leads of one after which nobody
// knows.
const (
	goesOn = -1
	leads  = -2
)

func (e legacyRule) all() bool { return e.anywhere && len(e.matches) == 0 }

func (l legacyLayout) rule(data []byte) (e legacyRule, next uint32, err error) {
	number := binary.NativeEndian
	target := uint32(number.Uint16(data[l.targetOffset:]))
	next = uint32(number.Uint16(data[l.targetOffset+2:]))
	if next < target+targetHead || int(next) > len(data) || int(target) < l.entrySize {
		return e, 0, errors.New("the kernel tells rules in a way that is not known here")
	}
	// Addresses, interfaces and masks, the protocol and the flags: all 0 where
	// the rule asks for nothing (struct ipt_ip, struct ip6t_ip6).
	conditions := data[:l.targetOffset-4] // before what the kernel keeps there for itself
	e.anywhere = bytes.Count(conditions, []byte{0}) == len(conditions)
	e.matches = map[string][]byte{}
	for at := uint32(l.entrySize); at+targetHead <= target; {
		size := uint32(number.Uint16(data[at:]))
		if size < targetHead || at+size > target {
			return e, 0, errors.New("the kernel tells matches in a way that is not known here")
		}
		name, _, _ := bytes.Cut(data[at+2:at+targetHead-1], []byte{0})
		e.matches[string(name)] = data[at+targetHead : at+size]
		at += size
	}
	if c := e.matches["conntrack"]; len(c) >= 152 {
		// What is matched, what of it is inverted, and the states.
		matched, inverted, states := number.Uint16(c[146:]), number.Uint16(c[148:]), number.Uint16(c[150:])
		e.noNew = matched&matchState != 0 && inverted == 0 && states&stateNew == 0
	}
	name, _, _ := bytes.Cut(data[target+2:target+targetHead-1], []byte{0})
	e.verdict = leads
	switch verdict := int32(0); string(name) {
	case "":
		if next >= target+targetHead+4 {
			verdict = int32(number.Uint32(data[target+targetHead:]))
		}
		switch verdict {
		case -drops - 1:
			e.verdict = drops
		case -accepts - 1:
			e.verdict = accepts
		}
	case errorTarget:
		head, _, _ := bytes.Cut(data[target+targetHead:next], []byte{0})
		e.begins = string(head)
	case "REJECT":
		e.verdict = drops
	case "LOG", "NFLOG", "MARK", "CONNMARK", "TCPMSS", "COUNTER":
		e.verdict = goesOn
	}
	return e, next, nil
}

// Of struct xt_conntrack_mtinfo3 (linux/netfilter/xt_conntrack.h).
const (
	matchState = 1 << 0
	stateNew   = 1 << 3
)
