package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"vifctl/hooks/engine"
)

// portText is what a NIC's port would get, as lines of a script. beside names the
// port with which it shares what is not listed again, "" for none.
func portText(n engine.Foreseen, port int) (lines []string, beside string, err error) {
	work := n.Ports[port].Decision
	if port > 0 && n.Ports[0].Decision != nil {
		work, beside = work.Besides(n.Ports[0].Decision), n.Ports[0].Device
	}
	var text strings.Builder
	if err := work.WriteText(&text); err != nil {
		return nil, "", err
	}
	return strings.Split(strings.TrimSuffix(text.String(), "\n"), "\n"), beside, nil
}

func (f *foresight) writeText(out io.Writer) error {
	page := &page{out: out}
	page.line("%s", f.title())
	for _, odd := range f.file.Odd {
		page.line("warning: %s", odd.Error())
	}
	if len(f.nics) == 0 {
		page.line("It has no network interface (vif).")
	}
	for i, n := range f.nics {
		page.line("")
		page.line("interface %d", n.Said.Devid)
		page.table("  ", f.facts(i))
		if n.Foreign != "" {
			page.line("  %s", n.Foreign)
		}
		for port, p := range n.Ports {
			if p.Refusal != nil {
				page.line("  %s would be refused: %v", p.Device, p.Refusal)
				continue
			}
			lines, beside, err := portText(n, port)
			if err != nil {
				return err
			}
			if beside != "" {
				beside = ", besides what it shares with " + beside
			}
			page.line("  %s gets%s", p.Device, beside)
			for _, l := range lines {
				known := func(head string) bool { return strings.HasPrefix(l, head) }
				if !slices.ContainsFunc([]string{"# online ", "# add ", "# guest ", "# mode "}, known) {
					page.line("    %s", strings.TrimPrefix(l, "# "))
				}
			}
		}
	}
	return page.err
}

// title says who this is about.
func (f *foresight) title() string {
	kind := map[string]string{"pv": "PV", "pvh": "PVH", "hvm": "HVM"}[f.guest.Type]
	if f.running != 0 {
		return fmt.Sprintf("%s: %s guest %s, which runs as domain %d; had it been started now, as domain %d:", f.file.Name, kind, f.guest.Name, f.running, f.domid)
	}
	return fmt.Sprintf("%s: %s guest %s, not running; started now, as domain %d:", f.file.Name, kind, f.guest.Name, f.domid)
}

// writeShell writes what would be done as a script to paste.
func (f *foresight) writeShell(out io.Writer) error {
	page := &page{out: out}
	page.line("# %s", f.title())
	for i, n := range f.nics {
		page.line("# interface %d", n.Said.Devid)
		for _, fact := range f.facts(i) {
			page.line("#   %s %s (%s)", fact.Key, fact.Value, fact.From)
		}
		if n.Foreign != "" {
			page.line("# %s", n.Foreign)
		}
		for port, p := range n.Ports {
			if p.Refusal != nil {
				page.line("# %s would be refused: %v", p.Device, p.Refusal)
				continue
			}
			lines, _, err := portText(n, port)
			if err != nil {
				return err
			}
			for _, l := range lines {
				page.line("%s", l)
			}
		}
	}
	return page.err
}

// foresightJSON is the stable form of `vifctl plan FILE --json`.
type foresightJSON struct {
	File    string             `json:"file"`
	Guest   string             `json:"guest"`
	UUID    string             `json:"uuid,omitempty"`
	Type    string             `json:"type"`
	Domid   int                `json:"domid"`
	Running int                `json:"running,omitempty"`
	Odd     []string           `json:"odd,omitempty"`
	NICs    []foresightNICJSON `json:"nics"`
}

type foresightNICJSON struct {
	Devid   int                 `json:"devid"`
	Facts   []fact              `json:"facts"`
	Foreign string              `json:"foreign,omitempty"`
	Ports   []foresightPortJSON `json:"ports"`
}

type foresightPortJSON struct {
	Device  string           `json:"device"`
	Refusal string           `json:"refusal,omitempty"`
	Plan    *engine.Decision `json:"plan,omitempty"`
}

func (f *foresight) writeJSON(out io.Writer) error {
	doc := foresightJSON{
		File: f.file.Name, Guest: f.guest.Name, UUID: f.guest.UUID, Type: f.guest.Type, Domid: f.domid, Running: f.running,
		NICs: []foresightNICJSON{},
	}
	for _, odd := range f.file.Odd {
		doc.Odd = append(doc.Odd, odd.Error())
	}
	for i, n := range f.nics {
		nic := foresightNICJSON{Devid: n.Said.Devid, Facts: f.facts(i), Foreign: n.Foreign, Ports: []foresightPortJSON{}}
		for _, p := range n.Ports {
			port := foresightPortJSON{Device: p.Device, Plan: p.Decision}
			if p.Refusal != nil {
				port.Refusal = p.Refusal.Error()
			}
			nic.Ports = append(nic.Ports, port)
		}
		doc.NICs = append(doc.NICs, nic)
	}
	enc := json.NewEncoder(out)
	enc.SetIndent("", "  ")
	return enc.Encode(doc)
}
