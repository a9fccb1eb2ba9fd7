package configs

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
)

// quotes that word processors and other languages write.
var otherQuotes = []string{"“", "”", "„", "‟", "‘", "’", "‚", "«", "»", "`", "´"}

// value tells what is wrong with what stands behind a setting's equals sign.
func (b *broken) value(key, value string) string {
	write := ": write " + b.fixed(key, value)
	switch {
	case value == "" || strings.HasPrefix(value, "#"):
		return key + " has no value: write " + b.fixed(key, "")
	case value[0] == '=', strings.HasPrefix(value, ": "):
		return "one equals sign stands between a setting and its value: write " + b.fixed(key, strings.TrimLeft(value, "=: \t"))
	case anyOf("({", value[0]):
		return "several values stand in [ ]" + write
	case anyOf(`"'`, value[0]):
		return b.behindText(value, write)
	}
	for _, q := range otherQuotes {
		if strings.HasPrefix(value, q) {
			return q + " is not the plain quotation mark" + write
		}
	}
	return b.bare(key, write)
}

// bare tells of a value without quotes. The setting decides which kind it takes.
func (b *broken) bare(key, write string) string {
	switch {
	case strings.HasSuffix(write, `"`) || strings.HasSuffix(write, "]"):
		return "a text stands in quotes" + write
	case strings.HasSuffix(write, "true") || strings.HasSuffix(write, "false"):
		return key + " takes true or false, in small letters" + write
	}
	return key + " takes a whole number" + write
}

// behindText tells what is wrong with a text in quotes: its end, or what follows.
func (b *broken) behindText(value, write string) string {
	end := strings.IndexByte(value[1:], value[0])
	if strings.Contains(b.message, "escape") {
		return `a backslash means something else between double quotes: write \\, or put the text in single quotes`
	}
	if end < 0 || strings.Contains(b.message, "unexpected EOF") {
		return "the text has no closing quotation mark" + write
	}
	after := strings.TrimLeft(value[end+2:], " \t")
	b.column += len(value) - len(after)
	sign := commentSign(after)
	switch {
	case after == ";" || after == ",":
		return "leave out the " + strconv.Quote(after) + " at the end of the line" + write
	case sign != "":
		return "a comment begins with #: write # instead of " + sign
	case strings.Contains(after, "="):
		return "one setting a line: write what follows " + value[:end+2] + " in the next line"
	case strings.HasPrefix(after, ","):
		return "several values stand in [ ]" + write
	}
	return "nothing but a comment may follow the closing quotation mark" + write
}

// openList finds the line in which the list begins that was not closed before
// the mistake, -1 where the mistake is in none.
func (b *broken) openList() int {
	for i := b.n; i >= 0; i-- {
		line := b.lines[i]
		if i == b.n {
			line = line[:min(b.column, len(line))]
		}
		_, rest := splitKey(strings.TrimLeft(line, " \t"))
		list := strings.HasPrefix(rest, "=") && strings.HasPrefix(strings.TrimLeft(rest[1:], " \t"), "[")
		switch {
		case strings.HasSuffix(strings.TrimRight(line, " \t\r,"), "]") && !(list && i == b.n):
			return -1
		case list && i < b.n || list && !strings.Contains(line, "]"):
			return i
		case strings.HasPrefix(rest, "="), strings.HasPrefix(strings.TrimSpace(line), "["):
			if i < b.n {
				return -1
			}
		}
	}
	return -1
}

// list tells what is wrong with the list that begins in a line.
func (b *broken) list(first int) string {
	key, rest := splitKey(strings.TrimLeft(b.lines[first], " \t"))
	text, closed := strings.TrimLeft(rest[1:], " \t"), false
	for i := first; ; {
		if closed = strings.Contains(text, "]"); closed {
			break
		}
		if i++; i == len(b.lines) {
			break
		}
		content := strings.TrimLeft(b.lines[i], " \t")
		if _, rest := splitKey(content); strings.HasPrefix(rest, "=") || strings.HasPrefix(content, "[") {
			break
		}
		text += " " + strings.TrimRight(content, "\r")
	}
	write := ": write " + b.fixed(key, text)
	if !closed {
		b.n, b.column = first, strings.IndexByte(b.lines[first], '[')
		return "the list has no ] at its end" + write
	}
	if strings.Contains(b.message, "comma") {
		return "a comma stands between two values of a list" + write
	}
	return "each text of a list stands in quotes" + write
}

// fixed is a setting as it should have been written: what was written where that
// is understood, and an example where it is not. Of a setting that no table has,
// it is only the quotes.
func (b *broken) fixed(key, value string) string {
	for _, q := range otherQuotes {
		value = strings.ReplaceAll(value, q, `"`)
	}
	for _, sign := range []string{"#", " //", " ;"} {
		value, _, _ = strings.Cut(value, sign)
	}
	value = strings.Trim(value, " \t,;")
	words := strings.FieldsFunc(value, func(c rune) bool { return strings.ContainsRune("[](){}\"', \t", c) })
	one := strings.Trim(value, `"'[](){}`)
	quoted := make([]string, len(words))
	many := make([]any, len(words))
	for i, word := range words {
		quoted[i], many[i] = show(word), word
	}
	n, err := strconv.ParseInt(one, 0, 64)
	say := func(s string) string { return key + " = " + s }
	switch yes, is := truthWord(one); {
	case is && b.accepts(key, yes):
		return say(strconv.FormatBool(yes))
	case is && !yes && b.accepts(key, "off"):
		return say(`"off"`)
	case err == nil && b.accepts(key, n):
		if strings.HasPrefix(strings.ToLower(one), "0x") {
			return say(strings.ToLower(one))
		}
		return say(strconv.FormatInt(n, 10))
	case b.accepts(key, many) && (len(words) > 1 || strings.HasPrefix(value, "[")):
		return say("[" + strings.Join(quoted, ", ") + "]")
	case b.accepts(key, one):
		return say(show(one))
	}
	if example := b.example(key); example != "" || one == "" {
		return cmp.Or(example, `it as in uplink = "eth0"`)
	}
	return say(show(one))
}

// truthWord reads the words that people write for true and false.
func truthWord(s string) (yes, is bool) {
	s = strings.ToLower(s)
	yes = slices.Contains([]string{"true", "yes", "on", "enabled"}, s)
	return yes, yes || slices.Contains([]string{"false", "no", "off", "disabled"}, s)
}

// accepts reports whether the table has the setting and would take the value;
// outside of any table, whether one of them would.
func (b *broken) accepts(key string, v any) bool {
	return b.in("host") && takes(b.r.hostSettings, key, v) || b.in("guest") && takes(b.r.guestSettings, key, v) ||
		b.in("forward") && takes(b.r.forwardSettings, key, v)
}

func (b *broken) in(table string) bool { return b.table == "" || b.table == table }

// example is a setting as the table that has it suggests to write it, "" where none has it.
func (b *broken) example(key string) string {
	for _, e := range slices.Concat(
		examples(b.in("host"), b.r.hostSettings), examples(b.in("guest"), b.r.guestSettings), examples(b.in("forward"), b.r.forwardSettings),
	) {
		if strings.HasPrefix(e, key+" = ") {
			return e
		}
	}
	return ""
}

func examples[T any](wanted bool, settings []setting[T]) (all []string) {
	for _, s := range settings {
		if wanted && s.example != "" {
			all = append(all, s.key+" = "+s.example)
		}
	}
	return all
}

// takes reports whether a setting takes a value without a word.
func takes[T any](settings []setting[T], key string, v any) bool {
	for _, s := range settings {
		if s.key == key {
			var into T
			r := newReader()
			return s.read(r, v, place{key: key, item: -1}, &into) && len(r.mistakes) == 0
		}
	}
	return false
}
