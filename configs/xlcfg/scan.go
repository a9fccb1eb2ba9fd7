package xlcfg

import (
	"fmt"
	"slices"
	"strings"

	"vifctl/configs"
)

// scanner reads the text byte by byte: what the grammar knows is ASCII, and
// all else stands in quotes or behind #.
type scanner struct {
	file, text string
	i          int
	line       int
	lineStart  int
	depth      int
	odd        []configs.Mistake
}

// deepest is how deep lists may be nested.
const deepest = 50

func (s *scanner) here() Position { return Position{s.line, s.i - s.lineStart + 1} }

func (s *scanner) mistake(at Position, format string, args ...any) error {
	return &configs.Mistake{File: s.file, Line: at.Line, Column: at.Column, Text: configs.OneLine(fmt.Sprintf(format, args...))}
}

// python tells what nearly every file of xm's that xl refuses is about.
func (s *scanner) python(at Position, what string) error {
	return s.mistake(at, "%s is Python, which xl runs no more: a guest's file holds only NAME = VALUE, where a value is a text in quotes, a number or a list of them; write out what the code comes to", what)
}

func (s *scanner) more() bool { return s.i < len(s.text) }

// peek is the next byte, 0 at the end.
func (s *scanner) peek() byte {
	if s.more() {
		return s.text[s.i]
	}
	return 0
}

func (s *scanner) newline() {
	s.i++
	s.line, s.lineStart = s.line+1, s.i
}

// blank passes spaces and comments; lines: also the ends of lines, as within a
// list.
func (s *scanner) blank(lines bool) {
	for s.more() {
		switch c := s.text[s.i]; {
		case c == ' ' || c == '\t' || c == '\r':
			s.i++
		case c == '#':
			for s.more() && s.text[s.i] != '\n' {
				s.i++
			}
		case c == '\n' && lines:
			s.newline()
		default:
			return
		}
	}
}

func (s *scanner) statements(f *File) error {
	if strings.HasPrefix(s.text, "\ufeff") {
		s.i, s.lineStart = len("\ufeff"), len("\ufeff")
	}
	for {
		s.blank(true)
		if !s.more() {
			return nil
		}
		if s.peek() == ';' {
			s.i++
			continue
		}
		if err := s.assignment(f); err != nil {
			return err
		}
		s.blank(false)
		switch c := s.peek(); {
		case c == 0 && !s.more(), c == '\n', c == ';':
		case strings.IndexByte("+-*/%.():{", c) >= 0:
			return s.python(s.here(), fmt.Sprintf("%q behind a value", c))
		case c == '"' || c == '\'':
			return s.python(s.here(), "joining texts by writing them beside each other")
		default:
			return s.mistake(s.here(), "%q is not expected behind a value: a line ends here, or a ; follows", c)
		}
	}
}

// words that begin a line of Python.
func isPythonWord(word string) bool {
	return slices.Contains([]string{
		"import", "from", "def", "class", "if", "elif", "else", "for", "while", "try", "except", "with", "return",
		"print", "assert", "exec", "global", "del", "pass", "lambda", "raise",
	}, word)
}

func (s *scanner) assignment(f *File) error {
	at := s.here()
	name := s.word()
	if name == "" {
		switch c := s.peek(); {
		case strings.IndexByte("@([{\"'", c) >= 0:
			return s.python(at, fmt.Sprintf("a line that begins with %c", c))
		default:
			return s.mistake(at, "a line begins with a name, as in vif = [ 'bridge=xenbr0' ], not with %q", c)
		}
	}
	s.blank(false)
	add := s.peek() == '+' && strings.HasPrefix(s.text[s.i:], "+=")
	if add {
		s.i++
	}
	if s.peek() != '=' || strings.HasPrefix(s.text[s.i:], "==") {
		if isPythonWord(name) || s.more() && strings.IndexByte("([.:-*/%+=", s.peek()) >= 0 {
			return s.python(at, name+"…")
		}
		return s.mistake(s.here(), "a = is missing behind %s", name)
	}
	s.i++
	if name[0] == '_' || strings.ToLower(name) != name {
		s.strange(at, "xl reads names of small letters only, and %s is none", name)
	}
	s.blank(false)
	v, err := s.value()
	if err != nil {
		return err
	}
	return f.set(Setting{Position: at, Name: name, Value: v}, add)
}

func (s *scanner) strange(at Position, format string, args ...any) {
	s.odd = append(s.odd, configs.Mistake{File: s.file, Line: at.Line, Column: at.Column, Text: configs.OneLine(fmt.Sprintf(format, args...))})
}

// word reads a name, or a number: what libxlu's IDENT and NUMBER are, and xm's
// capital letters.
func (s *scanner) word() string {
	from := s.i
	for s.more() && (isWordByte(s.text[s.i]) || s.i > from && s.text[s.i] == '.' && s.i+1 < len(s.text) && isWordByte(s.text[s.i+1])) {
		s.i++
	}
	if w := s.text[from:s.i]; w != "" && w[0] >= '0' && w[0] <= '9' {
		s.i = from
		return ""
	}
	return s.text[from:s.i]
}

func isWordByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_'
}

func (s *scanner) value() (Value, error) {
	at := s.here()
	switch c := s.peek(); {
	case c == '[':
		return s.list()
	case c == '"' || c == '\'':
		return s.quoted()
	case c >= '0' && c <= '9':
		from := s.i
		for s.more() && isWordByte(s.text[s.i]) {
			s.i++
		}
		return Value{Position: at, Text: s.text[from:s.i], number: true}, nil
	case !s.more() || c == '\n' || c == ';':
		return Value{}, s.mistake(at, "a value is missing: a text in quotes, a number, or a list in [ ]")
	case c == '(' || c == '{' || c == '-' || c == '+':
		return Value{}, s.python(at, fmt.Sprintf("a value that begins with %c", c))
	}
	switch word := s.word(); word {
	case "":
		return Value{}, s.mistake(at, "a value is a text in quotes, a number, or a list in [ ], not %q", s.peek())
	case "True", "False", "None":
		s.strange(at, "xl has no %s: it writes 1 or 0", word)
		text := map[string]string{"True": "1", "False": "0", "None": ""}[word]
		return Value{Position: at, Text: text, number: true}, nil
	default:
		s.blank(false)
		if s.more() && strings.IndexByte("([.+-*/%", s.peek()) >= 0 {
			return Value{}, s.python(at, word+"…")
		}
		return Value{}, s.mistake(at, "%s is a word without quotes: write \"%s\"; xl knows no variables", word, word)
	}
}

func (s *scanner) list() (Value, error) {
	v := Value{Position: s.here(), IsList: true}
	if s.depth++; s.depth > deepest {
		return v, s.mistake(v.Position, "lists are nested too deep")
	}
	defer func() { s.depth-- }()
	s.i++
	for {
		s.blank(true)
		if s.peek() == ']' {
			s.i++
			return v, nil
		}
		if !s.more() {
			return v, s.mistake(v.Position, "the list that begins here does not end: a ] is missing")
		}
		item, err := s.value()
		if err != nil {
			return v, err
		}
		v.List = append(v.List, item)
		s.blank(true)
		switch c := s.peek(); {
		case c == ',':
			s.i++
		case c == ']', !s.more():
		case c == '"' || c == '\'':
			return v, s.mistake(s.here(), "a comma is missing between two items of the list")
		case strings.IndexByte("+-*/%.():{", c) >= 0 || isWordByte(c):
			return v, s.python(s.here(), "code in a list")
		default:
			return v, s.mistake(s.here(), "%q is not expected in a list: items are separated by commas", c)
		}
	}
}

// quoted reads a text. Both kinds of quotes mean the same, and a backslash what
// it means in C, but for numbers, which libxlu loses.
func (s *scanner) quoted() (Value, error) {
	v := Value{Position: s.here()}
	quote := s.peek()
	if strings.HasPrefix(s.text[s.i:], strings.Repeat(string(quote), 3)) {
		return v, s.python(v.Position, "a text in three quotes")
	}
	var b strings.Builder
	var columns []int
	escaped := false
	for s.i++; ; s.i++ {
		if !s.more() || s.peek() == '\n' {
			return v, s.mistake(v.Position, "the text that begins here does not end on its line: a %c is missing", quote)
		}
		c, column := s.peek(), s.here().Column
		if c == quote {
			s.i++
			break
		}
		if c == '\\' {
			escaped = true
			s.i++
			var ok bool
			if c, ok = unescape(s.peek()); !ok {
				return v, s.mistake(Position{s.line, column}, "a backslash in a text stands before one of \\ \" ' a b f n r t v; write other characters as they are")
			}
		}
		b.WriteByte(c)
		columns = append(columns, column)
	}
	v.Text = b.String()
	if escaped {
		v.columns = columns
	}
	return v, nil
}

func unescape(c byte) (byte, bool) {
	if c == 0 {
		return 0, false
	}
	const from, to = `\"'abfnrtv`, "\\\"'\a\b\f\n\r\t\v"
	if i := strings.IndexByte(from, c); i >= 0 {
		return to[i], true
	}
	return 0, false
}
