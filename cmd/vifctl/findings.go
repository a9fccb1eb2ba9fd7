package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"vifctl/cmd/vifctl/terminal"
	"vifctl/hooks/doctor"
	"vifctl/hooks/doctor/inventory"
	"vifctl/hooks/probe"
)

// writeFindings prints the roots, each with what was read, what to do, and what
// follows from it.
func writeFindings(out io.Writer, paint terminal.Paint, findings []doctor.Finding, f *inventory.Facts) error {
	p := &page{out: out}
	if len(findings) == 0 {
		p.line("%s: %s looked at", paint.Good("nothing is wrong"), count(len(f.NICs), "guest's interface was", "guests' interfaces were"))
		return p.err
	}
	shown := map[string]int{}
	more := map[string][]string{}
	for i, found := range findings {
		if shown[found.Code]++; shown[found.Code] > sameShown {
			more[found.Code] = append(more[found.Code], strings.TrimSpace(found.Subject+" "+inBrackets(found.Guest)))
			continue
		}
		if i > 0 {
			p.line("")
		}
		mark := map[doctor.Severity]func(string) string{doctor.Error: paint.Bad, doctor.Warning: paint.Warn, doctor.Note: paint.Faint}[found.Severity]
		p.line("%s  %s", mark(string(found.Severity)), paint.Bold(whom(found)+found.Sentence))
		p.list(paint.Faint("read"), found.Evidence)
		p.list(paint.Faint("do  "), found.Fix)
		var so []string
		follow(found, "", &so)
		p.list(paint.Faint("so  "), so)
		p.line("  %s  %s", paint.Faint("code"), paint.Faint(found.Code))
	}
	for _, code := range slices.Sorted(maps.Keys(more)) {
		p.line("")
		p.line("%s of %d more:", paint.Bold(code), len(more[code]))
		for _, line := range wrapped(more[code], 100) {
			p.line("  %s", printable(line))
		}
	}
	return p.err
}

// sameShown is how many findings of one code are shown at length: of what is
// wrong with all guests, some are enough to see it.
const sameShown = 5

func inBrackets(s string) string {
	if s == "" {
		return ""
	}
	return "(" + s + ")"
}

// wrapped joins words by commas into lines of at most width letters.
func wrapped(words []string, width int) (lines []string) {
	line := ""
	for _, w := range words {
		if line != "" && len(line)+2+len(w) > width {
			lines, line = append(lines, line+","), ""
		}
		if line != "" {
			line += ", "
		}
		line += w
	}
	return append(lines, line)
}

// whom names the guest where the sentence does not.
func whom(f doctor.Finding) string {
	if f.Guest == "" || mentions(f.Sentence, f.Guest) {
		return ""
	}
	return f.Guest + ": "
}

// mentions reports whether a sentence has a name in it, and not only as a part of
// another, as web is of web0.
func mentions(sentence, name string) bool {
	within := func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune("-_", r) }
	for rest := sentence; ; {
		before, after, found := strings.Cut(rest, name)
		if !found {
			return false
		}
		last, _ := utf8.DecodeLastRuneInString(before)
		next, _ := utf8.DecodeRuneInString(after)
		if !within(last) && !within(next) {
			return true
		}
		rest = after
	}
}

// follow tells what follows from a finding, and what from that.
func follow(f doctor.Finding, indent string, lines *[]string) {
	for _, c := range f.Consequences {
		*lines = append(*lines, indent+whom(c)+c.Sentence+" ("+c.Code+")")
		follow(c, indent+"  ", lines)
	}
}

// listed is how many lines of one kind a finding shows: of a thousand guests some
// are enough to see it, and --json has all.
const listed = 8

// list writes lines behind one word.
func (p *page) list(title string, lines []string) {
	if more := len(lines) - listed; more > 1 {
		lines = append(slices.Clone(lines[:listed]), fmt.Sprintf("… and %d more (--json has them all)", more))
	}
	for i, l := range lines {
		if i == 0 {
			p.line("  %s  %s", title, printable(l))
		} else {
			p.line("        %s", printable(l))
		}
	}
}

func writeAnswers(out io.Writer, paint terminal.Paint, answers []probe.Answer) error {
	p := &page{out: out}
	for i, a := range answers {
		if i == 0 {
			p.line("\nasked at the ports:")
		}
		mark := paint.Good("yes")
		switch {
		case a.Unasked:
			mark = paint.Faint("-  ")
		case !a.Good:
			mark = paint.Bad("no ")
		}
		p.line("  %s  %s: %s", mark, printable(cmp.Or(a.Guest, a.Port)), printable(a.Said))
	}
	if len(answers) > 0 {
		p.line("  %s", paint.Faint("Nothing can be sent in a guest's name: its own way out is judged by what it answers."))
	}
	return p.err
}
