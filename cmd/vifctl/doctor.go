package main

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/signal"
	"slices"
	"strings"

	"vifctl/cmd/vifctl/terminal"
	"vifctl/configs"
	"vifctl/hooks/doctor"
	"vifctl/hooks/doctor/inventory"
	"vifctl/hooks/probe"
)

func doctorOptions() []option {
	return []option{
		{"--probe", "", "ask the guests, too: by ARP, neighbour discovery and ping, and where their answers are dropped"},
		{"--report", "FILE", "write all that a colleague needs into one file, masked"},
		{"--json", "", "print the findings for programs; --schema describes it"},
		{"--schema", "", "print the JSON Schema of --json"},
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
	switch {
	case g.has("--checks"):
		return listChecks(inv)
	case g.has("--schema"):
		return written(inv, doctor.Schema)
	}
	f, err := look(ctx, inv)
	if err != nil {
		inv.complain("%v", err)
		return failed
	}
	if unknown := nobody(f, words); unknown != "" {
		inv.complain("%s: there is no guest or port of that name%s", unknown, configs.DidYouMean(unknown, guestNames(f)))
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
func probeAll(ctx context.Context, inv invocation, f *inventory.Facts, words []string) (answers []probe.Answer) {
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

func named(n *inventory.NIC, words []string) bool {
	names := []string{n.Guest, "vif" + n.NIC.String()}
	for _, p := range n.Ports() {
		names = append(names, p.Name)
	}
	return slices.ContainsFunc(words, func(w string) bool { return slices.Contains(names, w) })
}

// nobody is the first of some words that is no guest, port, bridge or uplink.
func nobody(f *inventory.Facts, words []string) string {
	known := map[string]bool{}
	for _, name := range guestNames(f) {
		known[name] = true
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

// guestNames are those of the guests and of their ports.
func guestNames(f *inventory.Facts) (names []string) {
	for i := range f.NICs {
		n := &f.NICs[i]
		names = append(names, n.Guest, "vif"+n.NIC.String())
		for _, p := range n.Ports() {
			names = append(names, p.Name)
		}
	}
	return names
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
