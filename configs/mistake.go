package configs

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Mistake is one thing that is wrong with the configuration.
type Mistake struct {
	File string
	// Line and Column count from 1; a column is a byte.
	Line, Column int
	// Text says in one line what is wrong and what to write instead.
	Text string
}

// Error implements error: FILE:LINE:COLUMN: text.
func (m *Mistake) Error() string {
	return fmt.Sprintf("%s:%d:%d: %s", OneLine(m.File), m.Line, m.Column, m.Text)
}

// place is where in the files something was said, by key: that is all that the
// TOML library tells, and its line is only looked for when it is needed.
type place struct {
	file int
	// table is "" (the top), "host", "guest" or "forward".
	table          string
	guest, forward int
	// key is "" for the table itself, item is -1 for the whole value.
	key  string
	item int
	// name: the key is meant, not its value.
	name bool
}

func (p place) at(key string) place {
	p.key, p.item, p.name = key, -1, false
	return p
}

func (p place) nth(i int) place {
	p.item = i
	return p
}

func (p place) named(key string) place {
	p = p.at(key)
	p.name = true
	return p
}

// path is what locate calls the place.
func (p place) path() string {
	var s string
	switch p.table {
	case "host":
		s = under("", "host")
	case "guest":
		s = nth(under("", "guest"), p.guest)
	case "forward":
		s = nth(under(nth(under("", "guest"), p.guest), "forward"), p.forward)
	}
	if p.key != "" {
		s = under(s, p.key)
	}
	if p.item >= 0 {
		s = nth(s, p.item)
	}
	return s
}

// mistakes collects all that is wrong, to tell it in the order of the files.
type mistakes []draft

// draft is a mistake whose place is yet to be found.
type draft struct {
	at place
	// known is the position where at says only the file.
	known position
	text  string
	// other is a second place, whose position stands for {other} in text.
	other *place
}

func (m *mistakes) add(at place, format string, args ...any) {
	*m = append(*m, draft{at: at, text: fmt.Sprintf(format, args...)})
}

// clash is a mistake that takes two.
func (m *mistakes) clash(at, other place, format string, args ...any) {
	*m = append(*m, draft{at: at, other: &other, text: fmt.Sprintf(format, args...)})
}

// err finds the places and joins the mistakes; nil where there are none.
func (m mistakes) err(sources []source) error {
	if len(m) == 0 {
		return nil
	}
	maps := make([]map[string]spot, len(sources))
	find := func(p place) position {
		if maps[p.file] == nil {
			maps[p.file] = locate(sources[p.file].text)
		}
		return p.find(maps[p.file])
	}
	slices.SortStableFunc(m, func(a, b draft) int { return cmp.Compare(a.at.file, b.at.file) })
	found := make([]*Mistake, 0, len(m))
	order := map[*Mistake]int{}
	for _, d := range m {
		pos := d.known
		if pos.line == 0 {
			pos = find(d.at)
		}
		text := d.text
		if d.other != nil {
			o := find(*d.other)
			text = strings.ReplaceAll(text, "{other}", fmt.Sprintf("%s:%d:%d", sources[d.other.file].name, o.line, o.column))
		}
		one := &Mistake{File: sources[d.at.file].name, Line: pos.line, Column: pos.column, Text: OneLine(text)}
		order[one] = d.at.file
		found = append(found, one)
	}
	slices.SortStableFunc(found, func(a, b *Mistake) int {
		return cmp.Or(cmp.Compare(order[a], order[b]), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column), cmp.Compare(a.Text, b.Text))
	})
	found = slices.CompactFunc(found, func(a, b *Mistake) bool { return *a == *b })
	errs := make([]error, len(found))
	for i, one := range found {
		errs[i] = one
	}
	return errors.Join(errs...)
}

// find looks for the place itself, then for what it is in: a list of one may be
// written without brackets.
func (p place) find(spots map[string]spot) position {
	for {
		if s, ok := spots[p.path()]; ok {
			if p.name {
				return s.key
			}
			return s.value
		}
		switch {
		case p.item >= 0:
			p.item = -1
		case p.key != "":
			p.key = ""
		case p.table == "forward":
			p.table = "guest"
		default:
			return position{1, 1}
		}
	}
}

// OneLine keeps what a file says from breaking the line of a sentence, or a
// terminal.
func OneLine(s string) string {
	clean := func(r rune) bool { return r != '\ufffd' && strconv.IsPrint(r) }
	if !strings.ContainsFunc(s, func(r rune) bool { return !clean(r) }) {
		return s
	}
	return strings.Map(func(r rune) rune {
		if clean(r) {
			return r
		}
		return '?'
	}, s)
}

// show quotes a value for a sentence and keeps it short.
func show(s string) string {
	const most = 60
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return strconv.Quote(s)
}
