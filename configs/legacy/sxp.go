package legacy

import (
	"fmt"
	"strconv"
	"strings"

	"vifctl/configs"
)

// node is a word of an s-expression, or a list of nodes.
type node struct {
	line, column int
	word         string
	isList       bool
	list         []node
}

// deepest is how many lists may stand in each other: xend's own files have
// three.
const deepest = 100

// parseSXP reads s-expressions as xend did (tools/python/xen/xend/sxp.py): lists
// in parentheses of words, which stand in quotes of either kind where there is
// something strange in them, with backslashes for what is stranger; # begins a
// comment. Its error is a *configs.Mistake.
func parseSXP(name, text string) ([]node, error) {
	p := &sxpParser{file: name, text: text, line: 1}
	list, err := p.nodes(0)
	if err != nil {
		return nil, err
	}
	if p.at < len(p.text) {
		return nil, p.mistake(p.line, p.column(), "this ) closes nothing")
	}
	return list, nil
}

type sxpParser struct {
	file, text string
	at         int
	// line we are in, and where it begins.
	line, start int
}

func (p *sxpParser) column() int { return p.at - p.start + 1 }

func (p *sxpParser) mistake(line, column int, format string, args ...any) error {
	return &configs.Mistake{File: p.file, Line: line, Column: column, Text: fmt.Sprintf(format, args...)}
}

// nodes reads up to the end, or to the ) that closes the list they are in.
func (p *sxpParser) nodes(depth int) (list []node, err error) {
	for p.skip(); p.at < len(p.text) && p.text[p.at] != ')'; p.skip() {
		n := node{line: p.line, column: p.column()}
		switch c := p.text[p.at]; {
		case c == '(' && depth == deepest:
			return nil, p.mistake(n.line, n.column, "there are more than %d lists in each other", deepest)
		case c == '(':
			p.at++
			n.isList = true
			if n.list, err = p.nodes(depth + 1); err != nil {
				return nil, err
			}
			if p.at == len(p.text) {
				return nil, p.mistake(n.line, n.column, "this ( is never closed")
			}
			p.at++
		case c == '"' || c == '\'':
			if n.word, err = p.quoted(c); err != nil {
				return nil, err
			}
		default:
			n.word = p.bare()
		}
		list = append(list, n)
	}
	return list, nil
}

// skip goes on to the next node.
func (p *sxpParser) skip() {
	for ; p.at < len(p.text); p.at++ {
		switch c := p.text[p.at]; {
		case c == '#':
			if end := strings.IndexByte(p.text[p.at:], '\n'); end >= 0 {
				p.at += end - 1
			} else {
				p.at = len(p.text) - 1
			}
		case c == '\n':
			p.line, p.start = p.line+1, p.at+1
		case !strings.ContainsRune(" \t\r\f\v", rune(c)):
			return
		}
	}
}

func (p *sxpParser) bare() string {
	from := p.at
	for p.at < len(p.text) && !strings.ContainsRune(" \t\r\n\f\v()#\"'", rune(p.text[p.at])) {
		p.at++
	}
	return p.text[from:p.at]
}

func (p *sxpParser) quoted(quote byte) (string, error) {
	line, column := p.line, p.column()
	var word strings.Builder
	for p.at++; p.at < len(p.text); p.at++ {
		switch c := p.text[p.at]; c {
		case quote:
			p.at++
			return word.String(), nil
		case '\\':
			p.at++
			if p.at < len(p.text) {
				word.WriteByte(p.escaped())
			}
		default:
			if c == '\n' {
				p.line, p.start = p.line+1, p.at+1
			}
			word.WriteByte(c)
		}
	}
	return "", p.mistake(line, column, "this %c is never closed", quote)
}

// escaped reads what stands behind a backslash, and leaves p at its last byte.
func (p *sxpParser) escaped() byte {
	digits := func(from, n, base int) (byte, bool) {
		if from+n > len(p.text) {
			return 0, false
		}
		v, err := strconv.ParseUint(p.text[from:from+n], base, 8)
		p.at = from + n - 1
		return byte(v), err == nil
	}
	at := p.at
	switch c := p.text[at]; c {
	case 'n':
		return '\n'
	case 't':
		return '\t'
	case 'r':
		return '\r'
	case 'x':
		if v, ok := digits(at+1, 2, 16); ok {
			return v
		}
	case '0', '1', '2', '3':
		if v, ok := digits(at, 3, 8); ok {
			return v
		}
	case '\n':
		p.line, p.start = p.line+1, at+1
	}
	p.at = at
	return p.text[at]
}
