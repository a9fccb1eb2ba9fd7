package main

import (
	"fmt"
	"slices"
	"strings"

	"vifctl/cmd/vifctl/command"
	"vifctl/hooks/engine"
)

// widestValue is how wide a column of values gets for the sake of a long one.
const widestValue = 40

// portLines are what a NIC's port would get, as lines of a script. beside names the
// port with which it shares what is not listed again, "" for none.
func portLines(n engine.Foreseen, port int) (lines []string, beside string) {
	decision := n.Ports[port].Decision
	if port > 0 && n.Ports[0].Decision != nil {
		beside = n.Ports[0].Device
	}
	var text strings.Builder
	_ = decision.WriteText(&text) // a Builder never fails
	return strings.Split(strings.TrimSuffix(text.String(), "\n"), "\n"), beside
}

// writeText writes it for a person to read.
func (f *filePlan) writeText(p *command.Printer) {
	p.Line("%s", f.title())
	for _, odd := range f.file.Odd {
		p.Line("warning: %s", odd.Error())
	}
	if len(f.nics) == 0 {
		p.Line("It has no network interface (vif).")
	}
	for i, n := range f.nics {
		p.Line("")
		p.Line("interface %d", n.Said.Devid)
		var rows [][]string
		for _, fact := range f.facts(i) {
			rows = append(rows, []string{fact.Key, fact.Value, fact.From})
		}
		p.Columns("  ", widestValue, rows...)
		if n.Foreign != "" {
			p.Line("  %s", n.Foreign)
		}
		for i, port := range n.Ports {
			if port.Refusal != nil {
				p.Line("  %s would be refused: %v", port.Device, port.Refusal)
				continue
			}
			lines, beside := portLines(n, i)
			if beside != "" {
				beside = ", besides what it shares with " + beside
			}
			p.Line("  %s gets%s", port.Device, beside)
			for _, l := range lines {
				if !saidBefore(l) {
					p.Line("    %s", strings.TrimPrefix(l, "# "))
				}
			}
		}
	}
}

// saidBefore reports whether the facts have told what a line of a plan says.
func saidBefore(line string) bool {
	return slices.ContainsFunc([]string{"# online ", "# add ", "# guest ", "# mode "}, func(head string) bool { return strings.HasPrefix(line, head) })
}

// title says who this is about.
func (f *filePlan) title() string {
	kind := map[string]string{"pv": "PV", "pvh": "PVH", "hvm": "HVM"}[f.guest.Type]
	if f.running != 0 {
		return fmt.Sprintf("%s: %s guest %s, which runs as domain %d; had it been started now, as domain %d:", f.file.Name, kind, f.guest.Name, f.running, f.domid)
	}
	return fmt.Sprintf("%s: %s guest %s, not running; started now, as domain %d:", f.file.Name, kind, f.guest.Name, f.domid)
}

// writeShell writes what would be done as a script to paste.
func (f *filePlan) writeShell(p *command.Printer) {
	p.Line("# %s", f.title())
	for i, n := range f.nics {
		p.Line("# interface %d", n.Said.Devid)
		for _, fact := range f.facts(i) {
			p.Line("#   %s %s (%s)", fact.Key, fact.Value, fact.From)
		}
		if n.Foreign != "" {
			p.Line("# %s", n.Foreign)
		}
		for i, port := range n.Ports {
			if port.Refusal != nil {
				p.Line("# %s would be refused: %v", port.Device, port.Refusal)
				continue
			}
			lines, _ := portLines(n, i)
			for _, l := range lines {
				p.Line("%s", l)
			}
		}
	}
}
