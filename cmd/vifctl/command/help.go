package command

import (
	"strings"

	"vifctl/cmd/vifctl/terminal"
)

// helpWidth is how wide a paragraph is, in letters; what is in columns may be
// wider.
const helpWidth = 78

// Summary lists the commands.
func (t Table) Summary(p *Printer) {
	p.Line("%s", t.About)
	p.Line("")
	rows := make([][]string, len(t.Commands))
	for i, c := range t.Commands {
		rows[i] = []string{t.Program + " " + c.usage(), c.About}
	}
	p.Columns("  ", helpWidth, rows...)
	for _, line := range t.Notes {
		p.Line("%s", line)
	}
	p.Line("")
	p.Line("`%s help COMMAND` says all about one command.", t.Program)
	p.Line("")
	p.Line("Exit codes: %s.", codes)
}

// Help is all there is to say of a command.
func (t Table) Help(p *Printer, c Command) {
	p.Line("%s %s", t.Program, c.usage())
	p.Line("  %s", c.About)
	if c.Detail != "" {
		p.Line("")
		for _, line := range terminal.Fold(strings.Fields(c.Detail), " ", helpWidth) {
			p.Line("  %s", line)
		}
	}
	section := func(title string, rows [][]string) {
		if len(rows) > 0 {
			p.Line("")
			p.Line("%s", title)
			p.Columns("  ", helpWidth, rows...)
		}
	}
	var flags, exits, examples [][]string
	for _, f := range c.Flags {
		flags = append(flags, []string{f.usage(true), f.Help})
	}
	for _, e := range c.Exits {
		exits = append(exits, []string{e.Code.digit(), e.When})
	}
	for _, e := range c.Examples {
		if e.About != "" {
			examples = append(examples, []string{"# " + e.About})
		}
		examples = append(examples, []string{e.Line})
	}
	section("options", flags)
	section("exit codes, besides 0, 1 and 2", exits)
	section("examples", examples)
}
