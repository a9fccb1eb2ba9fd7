package configs

import (
	"strconv"
	"strings"
)

// position in a text: both count from 1, a column is a byte.
type position struct{ line, column int }

// spot is where a key and its value begin; for a table both are its name.
type spot struct{ key, value position }

// Paths to a spot: the names below each other, and the places in lists.
func under(path, name string) string    { return path + "\x00" + name }
func nth(path string, i int) string     { return path + "[" + strconv.Itoa(i) + "]" }
func isBare(c byte) bool                { return isAlphanumeric(c) || c == '_' || c == '-' }
func isAlphanumeric(c byte) bool        { return c >= '0' && c <= '9' || isLetter(c) }
func isLetter(c byte) bool              { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }
func anyOf(set string, c byte) bool     { return strings.IndexByte(set, c) >= 0 }
func (l *locator) peek(s string) bool   { return strings.HasPrefix(l.text[l.i:], s) }
func (l *locator) more() bool           { return l.i < len(l.text) }
func (l *locator) skip(set string) bool { return l.more() && anyOf(set, l.text[l.i]) }

// locate finds where everything in a TOML text is. The TOML library has read
// the text before and found it in order, but keeps no positions; so this one
// only has to find its way, and is only called when there is a mistake to tell.
// Of a text that is not in order it returns what it found.
func locate(text string) map[string]spot { return walk(text).spots }

// walk passes all of a text.
func walk(text string) *locator {
	l := &locator{text: text, spots: map[string]spot{}, tables: map[string]int{}, line: 1}
	if l.peek("\ufeff") {
		l.i = len("\ufeff")
		l.lineStart = l.i
	}
	table := ""
	for l.blank(); l.more(); l.blank() {
		before := l.i
		header := l.text[l.i] == '['
		if header {
			table = l.header()
		} else {
			l.assignment(table)
		}
		if l.i == before {
			l.step()
		}
		l.statements = append(l.statements, statement{table, header, before, l.i})
	}
	return l
}

// statement is a [table]'s header or a key with its value: where in the text it begins, and
// where it has ended.
type statement struct {
	table  string
	header bool
	from   int
	to     int
}

type locator struct {
	text  string
	i     int
	spots map[string]spot
	// tables counts the [[tables]] of a name.
	tables map[string]int
	// statements in the order of the text.
	statements []statement

	line, lineStart int
}

func (l *locator) here() position { return position{l.line, l.i - l.lineStart + 1} }

func (l *locator) step() {
	if l.text[l.i] == '\n' {
		l.line, l.lineStart = l.line+1, l.i+1
	}
	l.i++
}

// blank passes what means nothing between two statements or two items.
func (l *locator) blank() {
	for l.skip(" \t\r\n,#") {
		if l.text[l.i] == '#' {
			for l.more() && l.text[l.i] != '\n' {
				l.step()
			}
			continue
		}
		l.step()
	}
}

func (l *locator) spaces() {
	for l.skip(" \t") {
		l.step()
	}
}

func (l *locator) record(path string, key, value position) {
	if _, ok := l.spots[path]; !ok {
		l.spots[path] = spot{key, value}
	}
}

// header passes [a.b] or [[a.b]] and returns the path of what is below it.
func (l *locator) header() (path string) {
	list := l.peek("[[")
	for l.skip("[") {
		l.step()
	}
	names := l.names()
	for i, n := range names {
		path = under(path, n.text)
		l.record(path, n.at, n.at)
		count, isList := l.tables[path]
		switch {
		case list && i == len(names)-1:
			l.tables[path] = count + 1
			path = nth(path, count)
			l.record(path, n.at, n.at)
		case isList:
			path = nth(path, count-1)
		}
	}
	for l.skip("] \t") {
		l.step()
	}
	return path
}

// assignment passes key = value.
func (l *locator) assignment(table string) {
	path := table
	names := l.names()
	for i, n := range names {
		path = under(path, n.text)
		if i < len(names)-1 {
			l.record(path, n.at, n.at)
		}
	}
	if len(names) == 0 || !l.skip("=") {
		return
	}
	l.step()
	l.spaces()
	l.record(path, names[len(names)-1].at, l.here())
	l.value(path)
}

// value passes a value and records what is in it; where it begins is recorded
// already.
func (l *locator) value(path string) {
	switch {
	case l.skip(`"'`):
		l.quoted()
	case l.skip("["):
		l.step()
		for n := 0; l.inside(']'); n++ {
			item := nth(path, n)
			l.record(item, l.here(), l.here())
			l.value(item)
		}
	case l.skip("{"):
		l.step()
		for l.inside('}') {
			before := l.i
			l.assignment(path)
			if l.i == before {
				return
			}
		}
	default:
		for l.more() && !l.skip(",]}#\r\n") {
			l.step()
		}
	}
}

// inside reports whether there is one more item before the closing bracket,
// which it passes.
func (l *locator) inside(closing byte) bool {
	l.blank()
	if !l.more() || anyOf("]}", l.text[l.i]) {
		if l.more() && l.text[l.i] == closing {
			l.step()
		}
		return false
	}
	return true
}

type name struct {
	text string
	at   position
}

// names passes a.b."c d".
func (l *locator) names() (all []name) {
	for {
		l.spaces()
		n := name{at: l.here()}
		start := l.i
		if l.skip(`"'`) {
			l.quoted()
			n.text = unquote(l.text[start:l.i])
		} else {
			for l.more() && isBare(l.text[l.i]) {
				l.step()
			}
			n.text = l.text[start:l.i]
		}
		if l.i == start {
			return all
		}
		all = append(all, n)
		l.spaces()
		if !l.skip(".") {
			return all
		}
		l.step()
	}
}

// quoted passes a string of any of the four kinds.
func (l *locator) quoted() {
	quote := l.text[l.i : l.i+1]
	escapes := quote == `"`
	long := strings.Repeat(quote, 3)
	end, most := quote, 0
	if l.peek(long) {
		end, most = long, 2 // two more quotes may stand before the last three
	}
	l.i += len(end)
	for l.more() {
		switch {
		case escapes && l.text[l.i] == '\\' && l.i+1 < len(l.text):
			l.step()
			l.step()
		case l.peek(end):
			l.i += len(end)
			for ; most > 0 && l.peek(quote); most-- {
				l.i++
			}
			return
		default:
			l.step()
		}
	}
}

// unquote returns what a quoted key says.
func unquote(s string) string {
	if len(s) >= 2 && s[0] == '\'' {
		return s[1 : len(s)-1]
	}
	if plain, err := strconv.Unquote(s); err == nil {
		return plain
	}
	return strings.Trim(s, `"`)
}
