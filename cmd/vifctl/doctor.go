package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os"
	"os/signal"
	"slices"
	"strings"

	"vifctl/cmd/vifctl/terminal"
	"vifctl/hooks/doctor"
	"vifctl/hooks/probe"
	"vifctl/hooks/survey"
)

func doctorOptions() []option {
	return []option{
		{"--probe", "", "ask the guests, too: by ARP, neighbour discovery and ping, and where their answers are dropped"},
		{"--report", "FILE", "write all that a colleague needs into one file, masked"},
		{"--json", "", "print the findings for programs"},
		{"--checks", "", "list what is looked for"},
	}
}

// doctorCommand says what is wrong, why, and what to do. Its exit code is that of
// a failure where it finds an error.
func doctorCommand(ctx context.Context, inv invocation) int {
	g, words, err := inv.options(doctorOptions())
	if err != nil {
		inv.complain("doctor: %v", err)
		return usage
	}
	if g.has("--checks") {
		return listChecks(inv)
	}
	f, err := look(ctx, inv)
	if err != nil {
		inv.complain("%v", err)
		return failed
	}
	if unknown := nobody(f, words); unknown != "" {
		inv.complain("%s: there is no guest or port of that name", unknown)
		return failed
	}
	r := diagnosis{Findings: doctor.About(doctor.Diagnose(f), words)}
	if g.has("--probe") {
		r.Answers = probeAll(ctx, inv, f, words)
	}
	switch {
	case g.has("--report"):
		if err := writeReport(inv, g["--report"], r, f); err != nil {
			inv.complain("%v", err)
			return failed
		}
		return done
	case g.has("--json"):
		enc := json.NewEncoder(inv.Stdout)
		enc.SetIndent("", "  ")
		err = enc.Encode(r)
	default:
		paint := terminal.For(inv.Stdout, inv.Getenv)
		err = errors.Join(writeFindings(inv.Stdout, paint, r.Findings, f), writeAnswers(inv.Stdout, paint, r.Answers))
	}
	silent := slices.ContainsFunc(r.Answers, func(a probe.Answer) bool { return !a.Good })
	if err != nil || doctor.Worst(r.Findings) == doctor.Error || silent {
		return failed
	}
	return done
}

// diagnosis is the stable form of `vifctl doctor --json`.
type diagnosis struct {
	Findings []doctor.Finding `json:"findings"`
	Answers  []probe.Answer   `json:"answers,omitempty"`
}

// probeAll asks the guests that are named, or all.
func probeAll(ctx context.Context, inv invocation, f *survey.Facts, words []string) (answers []probe.Answer) {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt)
	defer stop()
	step, end := progress(inv, "asking the guests")
	defer end()
	for i := range f.NICs {
		n := &f.NICs[i]
		if !n.Alive || ctx.Err() != nil || len(words) > 0 && !named(n, words) {
			continue
		}
		step(i, len(f.NICs))
		answers = append(answers, probe.NIC(ctx, f, n)...)
	}
	return answers
}

func named(n *survey.NIC, words []string) bool {
	names := []string{n.Guest, "vif" + n.NIC.String()}
	for _, p := range n.Ports() {
		names = append(names, p.Name)
	}
	return slices.ContainsFunc(words, func(w string) bool { return slices.Contains(names, w) })
}

func writeAnswers(out io.Writer, paint terminal.Paint, answers []probe.Answer) error {
	p := &page{out: out}
	for i, a := range answers {
		if i == 0 {
			p.line("\nasked at the ports:")
		}
		mark := paint.Good("yes")
		if !a.Good {
			mark = paint.Bad("no ")
		}
		p.line("  %s  %s: %s", mark, printable(cmp.Or(a.Guest, a.Port)), printable(a.Said))
	}
	return p.err
}

// nobody is the first of some words that is no guest, port, bridge or uplink.
func nobody(f *survey.Facts, words []string) string {
	known := map[string]bool{}
	for i := range f.NICs {
		n := &f.NICs[i]
		known[n.Guest] = true
		known["vif"+n.NIC.String()] = true
		for _, p := range n.Ports() {
			known[p.Name] = true
		}
	}
	for _, l := range f.Host.Links {
		known[l.Name] = true
	}
	i := slices.IndexFunc(words, func(w string) bool { return !known[w] })
	if i < 0 {
		return ""
	}
	return words[i]
}

func listChecks(inv invocation) int {
	p := &page{out: inv.Stdout}
	width := 0
	for _, c := range doctor.Checks() {
		width = max(width, len(c.Code))
	}
	for _, c := range doctor.Checks() {
		p.line("%-*s  %-7s  %s", width, c.Code, c.Severity, c.About)
	}
	if p.err != nil {
		return failed
	}
	return done
}

// writeFindings prints the roots, each with what was read, what to do, and what
// follows from it.
func writeFindings(out io.Writer, paint terminal.Paint, findings []doctor.Finding, f *survey.Facts) error {
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
	if f.Guest == "" || strings.Contains(f.Sentence, f.Guest) {
		return ""
	}
	return f.Guest + ": "
}

// follow tells what follows from a finding, and what from that.
func follow(f doctor.Finding, indent string, lines *[]string) {
	for _, c := range f.Consequences {
		*lines = append(*lines, indent+whom(c)+c.Sentence+" ("+c.Code+")")
		follow(c, indent+"  ", lines)
	}
}

// list writes lines behind one word.
func (p *page) list(title string, lines []string) {
	for i, l := range lines {
		if i == 0 {
			p.line("  %s  %s", title, printable(l))
		} else {
			p.line("        %s", printable(l))
		}
	}
}

// printable keeps what guests and others wrote from doing something to a
// terminal.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 {
			return '?'
		}
		return r
	}, s)
}
