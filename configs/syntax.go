package configs

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/BurntSushi/toml"
)

// syntax tells what is wrong with a text that is not TOML. The library's message
// names the character it expected; a person is told what to write in that line.
func (r *reader) syntax(at place, text string, err error) draft {
	d := draft{at: at, known: position{1, 1}, text: err.Error()}
	var pe toml.ParseError
	if !errors.As(err, &pe) {
		return d
	}
	// The library's offset is right; its line is the next one where a newline is
	// what it did not expect.
	body := strings.TrimPrefix(text, "\ufeff")
	before := body[:min(max(pe.Position.Start, 0), len(body))]
	start := strings.LastIndexByte(before, '\n') + 1
	b := broken{r: r, table: tableAbove(before), lines: strings.Split(body, "\n"), n: strings.Count(before, "\n"), column: len(before) - start, message: pe.Message}
	if says := b.says(); says != "" {
		d.text = says
	} else {
		d.text = pe.Message
	}
	d.known = position{b.n + 1, b.column + 1}
	return d
}

// broken is the place at which a text stops being TOML.
type broken struct {
	r *reader
	// table is the one that the setting is in: "host", "guest" or "forward", and
	// "" outside of any.
	table string
	lines []string
	// n and column count from 0. says moves them to where the mistake begins.
	n, column int
	message   string
}

// tableOf is the table that a heading begins, "" where it begins none.
func tableOf(heading string) string {
	return map[string]string{"[host]": "host", "[[guest]]": "guest", "[[guest.forward]]": "forward"}[heading]
}

// tableAbove is the table of the last heading in a text, "" where there is none.
func tableAbove(text string) string {
	lines := strings.Split(text, "\n")
	for _, line := range slices.Backward(lines) {
		if line = strings.TrimSpace(line); strings.HasPrefix(line, "[") && !anyOf(`"'`, line[len(line)-1]) {
			heading, _, _ := strings.Cut(line, "]")
			return tableOf(meant(strings.Trim(heading, "[ \t")))
		}
	}
	return ""
}

// says returns what to write instead, "" where the library's own message has to do.
func (b *broken) says() string {
	line := strings.TrimRight(b.lines[b.n], "\r")
	content := strings.TrimLeft(line, " \t")
	indent := len(line) - len(content)
	switch {
	case strings.Contains(b.message, "UTF-16"), strings.Contains(b.message, "UTF-8"):
		return "the file is not plain text in UTF-8: save it as UTF-8"
	case strings.Contains(b.message, "control characters") && strings.Contains(line, "\r"):
		return `the line ends in a carriage return alone: save the file with the line ends of Unix (\n)`
	case strings.Contains(b.message, "control characters"):
		return "a character that cannot be printed is in the text: take it out"
	case strings.HasPrefix(line[min(b.column, len(line)):], "\u00a0"):
		return "a no-break space is here, as web pages have it: write a plain space"
	case strings.Contains(b.message, "already"):
		return b.twice(content)
	}
	if first := b.openList(); first >= 0 {
		return b.list(first)
	}
	if sign := commentSign(content); sign != "" {
		b.column = indent
		return "a comment begins with #: write # instead of " + sign
	}
	if strings.HasPrefix(content, "[") {
		return b.heading(content, indent)
	}
	key, rest := splitKey(content)
	switch {
	case key == "" || strings.HasPrefix(content, "- "):
		b.column = indent
		return `this is no setting: write one a line, as in uplink = "eth0", below [host] or [[guest]]`
	case strings.HasPrefix(rest, "="):
		value := strings.TrimLeft(rest[1:], " \t")
		b.column = len(line) - len(value)
		return b.value(key, value)
	case strings.HasPrefix(rest, ":") && strings.Trim(rest, ": \t") == "", rest != "" && slices.Contains([]string{"host", "guest", "forward"}, key):
		b.column = indent
		return "this is no heading: write " + meant(key) + " on a line of its own and the settings below it"
	case strings.HasPrefix(rest, ":"):
		return "an equals sign stands between a setting and its value: write " + b.fixed(key, strings.TrimLeft(rest, ":= \t"))
	case rest == "":
		b.column = indent
		return key + " has no value: write " + b.fixed(key, "")
	case strings.Contains(rest, "="):
		b.column = indent
		word, _, _ := strings.Cut(content, "=")
		return "a setting's name has no space in it: write " + b.fixed(key, "") + ", or take " + show(strings.TrimSpace(word)) + " out"
	}
	return "an equals sign stands between a setting and its value: write " + b.fixed(key, rest)
}

// commentSign is how other languages begin the comment that a text begins with.
func commentSign(s string) string {
	for _, sign := range []string{";", "//", "/*", "--", "%"} {
		if strings.HasPrefix(s, sign) {
			return sign
		}
	}
	return ""
}

// splitKey parts a line at the end of its key.
func splitKey(content string) (key, rest string) {
	rest = strings.TrimLeft(content, `"'`)
	i := 0
	for i < len(rest) && (isBare(rest[i]) || rest[i] == '.') {
		i++
	}
	return rest[:i], strings.TrimLeft(strings.TrimLeft(rest[i:], `"'`), " \t")
}

// twice tells of what TOML allows once.
func (b *broken) twice(content string) string {
	_, name, _ := strings.Cut(b.message, "'")
	name, _, _ = strings.Cut(name, "'")
	earlier := func(is func(line string) bool) string {
		for i := b.n - 1; i >= 0; i-- {
			if is(strings.TrimSpace(b.lines[i])) {
				return "in line " + strconv.Itoa(i+1)
			}
		}
		return "above"
	}
	if strings.HasPrefix(content, "[") {
		if name != "host" {
			return "a guest's heading here or above has the wrong number of brackets: write " + meant(name) + " at each of them"
		}
		where := earlier(func(line string) bool { return strings.HasPrefix(line, "[") && strings.Trim(line, "[] \t") == "host" })
		return "[host] is written already, " + where + ": move these settings there"
	}
	key, _ := splitKey(content)
	where := earlier(func(line string) bool {
		k, rest := splitKey(line)
		return k == key && strings.HasPrefix(rest, "=")
	})
	return key + " is written already, " + where + ": keep one of the two"
}

// heading tells how a [line] of its own is written.
func (b *broken) heading(content string, indent int) string {
	b.column = indent
	words := strings.FieldsFunc(content, func(c rune) bool { return !isBare(byte(min(c, 127))) && c != '.' })
	if len(words) == 0 {
		return "the brackets are empty: write [host] or [[guest]]"
	}
	right := meant(words[0])
	_, after, closed := strings.Cut(content, "]")
	after = strings.TrimLeft(after, "] \t")
	switch {
	case !closed, after == "":
		if len(words) > 1 && right == "[[guest]]" {
			return `a guest's name stands below its heading: write [[guest]] and below it name = ` + show(words[1])
		}
		return "the brackets do not match: write " + right
	case commentSign(after) != "":
		return "a comment begins with #: write # instead of " + commentSign(after)
	}
	return right + " stands on a line of its own: write what follows it in the next line"
}

// meant is the heading that a mistyped one stands for.
func meant(name string) string {
	parts := strings.Split(strings.ToLower(name), ".")
	switch nearest(strings.TrimSuffix(parts[len(parts)-1], "s"), []string{"host", "guest", "forward"}) {
	case "host":
		return "[host]"
	case "guest":
		return "[[guest]]"
	case "forward":
		return "[[guest.forward]]"
	}
	return "[host] or [[guest]]"
}
