package main

import (
	"context"
	"os"
	"os/signal"
	"slices"

	"vifctl/cmd/vifctl/command"
	"vifctl/hooks/doctor"
	"vifctl/hooks/doctor/inventory"
	"vifctl/hooks/probe"
)

// doctorOptions are how the doctor looks, and how its findings are printed.
type doctorOptions struct {
	probe, json, schema, checks bool
	report                      string
}

func doctorCommand() command.Command {
	o := &doctorOptions{}
	return command.Command{
		Name: "doctor", Args: "[--probe] [PORT | GUEST]…", About: "what is wrong with the guests' network, and what to do",
		Detail: "It looks for everything that is known to keep guests from the network, and tells for each thing it finds what was read and what to do. " +
			"A finding that follows from another one stands below it, marked so. The exit code is 1 where guests have no network.",
		Flags: []command.Flag{
			{Name: "probe", Help: "ask the guests, too: by ARP, neighbour discovery and ping, and where their answers are dropped", Into: &o.probe},
			{Name: "report", Value: "FILE", Help: "write all that a colleague needs into one file, masked", Into: &o.report},
			{Name: "json", Help: "print the findings for programs; --schema describes it", Into: &o.json},
			{Name: "schema", Help: "print the JSON Schema of --json", Into: &o.schema},
			{Name: "checks", Help: "list what is looked for", Into: &o.checks},
		},
		Examples: []command.Example{
			{Line: "vifctl doctor", About: "the whole host"},
			{Line: "vifctl doctor --probe web", About: "one guest, asked itself"},
			{Line: "vifctl doctor --report report.txt", About: "a file to send to a colleague"},
			{Line: "vifctl doctor --checks", About: "what is looked for"},
		},
		Names: true,
		Run:   o.run,
	}
}

// run says what is wrong, why, and what to do. It fails where it finds an error.
func (o *doctorOptions) run(ctx context.Context, c *command.Call) error {
	switch {
	case o.checks:
		listChecks(c.Printer)
		return nil
	case o.schema:
		c.Raw(doctor.Schema)
		return nil
	}
	f, err := look(ctx, c, true)
	if err != nil {
		return err
	}
	if unknown := unknownName(f, c.Words); unknown != "" {
		return noSuchName(f, unknown)
	}
	r := diagnosis{Findings: doctor.About(doctor.Diagnose(f), c.Words)}
	if o.probe {
		r.Answers = probeAll(ctx, c, f, c.Words)
	}
	switch {
	case o.report != "":
		return writeReport(c, o.report, r, f)
	case o.json:
		c.JSON(r)
	default:
		writeFindings(c.Printer, r.Findings, len(f.NICs))
		writeAnswers(c.Printer, r.Answers)
	}
	silent := slices.ContainsFunc(r.Answers, func(a probe.Answer) bool { return !a.Good })
	if doctor.Worst(r.Findings) == doctor.Error || silent {
		return command.Failed
	}
	return nil
}

// diagnosis is the stable form of `vifctl doctor --json`.
type diagnosis struct {
	Findings []doctor.Finding `json:"findings"`
	Answers  []probe.Answer   `json:"answers,omitempty"`
}

// probeAll asks the guests that are named, or all.
func probeAll(ctx context.Context, c *command.Call, f *inventory.Facts, words []string) (answers []probe.Answer) {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt)
	defer stop()
	step, end := progress(c.Errors, "asking the guests")
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

// unknownName is the first of some words that is no guest, port, bridge or uplink,
// "" where each is one.
func unknownName(f *inventory.Facts, words []string) string {
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

// listChecks prints what is looked for.
func listChecks(p *command.Printer) {
	var rows [][]string
	for _, c := range doctor.Checks() {
		rows = append(rows, []string{c.Code, string(c.Severity), c.About})
	}
	p.Columns("", 80, rows...)
}
