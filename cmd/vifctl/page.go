package main

import (
	"fmt"
	"io"
)

// page writes lines until one fails.
type page struct {
	out io.Writer
	err error
}

func (p *page) line(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.out, format+"\n", args...)
	}
}

// table writes facts in columns.
func (p *page) table(indent string, facts []fact) {
	key, value := 0, 0
	for _, f := range facts {
		key = max(key, len([]rune(f.Key)))
		if n := len([]rune(f.Value)); n <= widest {
			value = max(value, n)
		}
	}
	for _, f := range facts {
		p.line("%s%-*s  %-*s  %s", indent, key, f.Key, value, f.Value, f.From)
	}
}

// widest is how wide a column of values gets for the sake of a long one.
const widest = 40
