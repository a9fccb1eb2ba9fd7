package command

import (
	"fmt"
	"strings"
)

// Man is the program's manual page, in section 8 (man(7)).
func (t Table) Man() string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line(`.TH %s 8 "" "%s %s" "System Administration"`, strings.ToUpper(t.Program), t.Program, t.Version)
	line(".SH NAME\n%s \\- %s", t.Program, roff(strings.TrimSuffix(strings.TrimPrefix(t.About, t.Program+" "), ".")))
	line(".SH SYNOPSIS\n.B %s\n.I COMMAND\n[\n.I ARGUMENT\n]...", t.Program)
	line(".SH DESCRIPTION\n%s", roff(t.Detail))
	line(".SH COMMANDS")
	for _, c := range t.Commands {
		c.man(line)
	}
	line(".SH EXIT STATUS\n%s.", roff(codes))
	line(".SH FILES")
	for _, f := range t.Files {
		line(".TP\n.I %s\n%s", roff(f[0]), roff(f[1]))
	}
	line(".SH SEE ALSO")
	for i, page := range t.SeeAlso {
		comma := ","
		if i == len(t.SeeAlso)-1 {
			comma = ""
		}
		line(".BR %s (%s)%s", roff(page[0]), page[1], comma)
	}
	return b.String()
}

// man is what the page says of one command.
func (c Command) man(line func(string, ...any)) {
	line(".SS %s", roff(c.usage()))
	line("%s.", roff(strings.ToUpper(c.About[:1])+c.About[1:]))
	if c.Detail != "" {
		line("%s", roff(c.Detail))
	}
	for _, f := range c.Flags {
		line(".TP\n.B %s\n%s", roff(f.usage(true)), roff(f.Help))
	}
	for i, e := range c.Exits {
		if i == 0 {
			line(".PP\nExit status:")
		}
		line(".TP\n.B %s\n%s", e.Code.digit(), roff(e.When))
	}
	for i, e := range c.Examples {
		if i == 0 {
			line(".PP\nExamples:")
		}
		line(".PP\n.RS\n.nf")
		if e.About != "" {
			line("%s", roff("# "+e.About))
		}
		line("%s\n.fi\n.RE", roff(e.Line))
	}
}

// roff writes text so that troff prints just that, on terminals that know no more
// than ASCII.
func roff(s string) string {
	s = strings.NewReplacer(`\`, `\e`, "-", `\-`, "…", "...", "⇄", "=").Replace(s)
	if strings.HasPrefix(s, ".") || strings.HasPrefix(s, "'") {
		s = `\&` + s
	}
	return s
}
