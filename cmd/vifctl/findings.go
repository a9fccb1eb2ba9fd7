package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"vifctl/cmd/vifctl/command"
	"vifctl/cmd/vifctl/terminal"
	"vifctl/hooks/doctor"
	"vifctl/hooks/probe"
)

// writeFindings prints the roots, each with what was read, what to do, and what
// follows from it.
func writeFindings(p *command.Printer, findings []doctor.Finding, nics int) {
	if len(findings) == 0 {
		p.Line("%s: %s looked at", terminal.Good("nothing is wrong"), count(nics, "guest's interface was", "guests' interfaces were"))
		return
	}
	shown := map[string]int{}
	more := map[string][]string{}
	for i, found := range findings {
		if shown[found.Code]++; shown[found.Code] > sameShown {
			more[found.Code] = append(more[found.Code], strings.TrimSpace(found.Subject+" "+inBrackets(found.Guest)))
			continue
		}
		if i > 0 {
			p.Line("")
		}
		mark := map[doctor.Severity]func(string) string{doctor.Error: terminal.Bad, doctor.Warning: terminal.Warn, doctor.Note: terminal.Faint}[found.Severity]
		p.Line("%s  %s", mark(string(found.Severity)), terminal.Bold(whom(found)+found.Sentence))
		list(p, terminal.Faint("read"), found.Evidence)
		list(p, terminal.Faint("do  "), found.Fix)
		var so []string
		follow(found, "", &so)
		list(p, terminal.Faint("so  "), so)
		p.Line("  %s  %s", terminal.Faint("code"), terminal.Faint(found.Code))
	}
	for _, code := range slices.Sorted(maps.Keys(more)) {
		p.Line("")
		p.Line("%s of %d more:", terminal.Bold(code), len(more[code]))
		for _, line := range terminal.Fold(more[code], ", ", 100) {
			p.Line("  %s", line)
		}
	}
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
func list(p *command.Printer, title string, lines []string) {
	if more := len(lines) - listed; more > 1 {
		lines = append(slices.Clone(lines[:listed]), fmt.Sprintf("… and %d more (--json has them all)", more))
	}
	for i, l := range lines {
		if i == 0 {
			p.Line("  %s  %s", title, l)
		} else {
			p.Line("        %s", l)
		}
	}
}

// writeAnswers prints what the guests answered.
func writeAnswers(p *command.Printer, answers []probe.Answer) {
	for i, a := range answers {
		if i == 0 {
			p.Line("")
			p.Line("asked at the ports:")
		}
		mark := terminal.Good("yes")
		switch {
		case a.Unasked:
			mark = terminal.Faint("-  ")
		case !a.Good:
			mark = terminal.Bad("no ")
		}
		p.Line("  %s  %s: %s", mark, cmp.Or(a.Guest, a.Port), a.Said)
	}
	if len(answers) > 0 {
		p.Line("  %s", terminal.Faint("Nothing can be sent in a guest's name: its own way out is judged by what it answers."))
	}
}
