package engine

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"vifctl/hooks/plan"
)

// WriteText prints what a call would do as a shell script: the lines that
// would run are commands to paste, all others are comments.
func (d *Decision) WriteText(out io.Writer) error {
	p := &printer{out: out}
	ev := d.Event
	p.comment("%s %s", ev.Command, ev.Name)
	if ev.Ignored != "" {
		p.comment("nothing to do: %s", ev.Ignored)
		return p.err
	}
	if d.Guest != "" {
		p.comment("guest %s (domain %d), interface %d", d.Guest, ev.NIC.Domid, ev.NIC.Devid)
	} else {
		p.comment("domain %d, interface %d", ev.NIC.Domid, ev.NIC.Devid)
	}
	p.comment("mode %s", d.Mode)
	for _, said := range d.Network.Words() {
		p.comment("network %s: %s", d.Network.Name, said)
	}
	for _, warning := range d.Warnings {
		p.comment("warning: %s", warning)
	}
	if !ev.Command.Up() {
		switch {
		case !d.Known:
			p.comment("nothing to undo: vifctl did not bring this port up")
		case d.Gone:
			p.comment("the port has gone, and what was on it with it")
		}
		for _, e := range d.Left {
			for _, s := range e.Undo {
				p.comment("left to another port of the guest: %s", strings.Join(s.Commands(), "; "))
			}
		}
	}
	undoing := false
	for _, c := range d.changes() {
		if c.undo && !undoing && ev.Command.Up() {
			p.comment("no longer wanted:")
		}
		undoing = c.undo
		for _, line := range c.lines {
			if !c.satisfied {
				p.line(line)
				continue
			}
			if n, ok := c.steps[0].(plan.Name); ok && n.Want == ev.Device {
				continue // xl asked for no other name
			}
			p.comment("already done: %s", line)
		}
	}
	return p.err
}

// printer writes lines until one fails.
type printer struct {
	out io.Writer
	err error
}

func (p *printer) line(s string) {
	if p.err == nil {
		_, p.err = fmt.Fprintln(p.out, s)
	}
}

func (p *printer) comment(format string, args ...any) {
	p.line("# " + oneLine(fmt.Sprintf(format, args...)))
}

// workJSON is the stable form of `--json`.
type workJSON struct {
	Command  string       `json:"command"`
	Port     string       `json:"port"`
	Device   string       `json:"device"`
	Kind     plan.Kind    `json:"kind"`
	Domid    int          `json:"domid"`
	Devid    int          `json:"devid"`
	Guest    string       `json:"guest,omitempty"`
	Mode     string       `json:"mode,omitempty"`
	Bridge   string       `json:"bridge,omitempty"`
	Nothing  string       `json:"nothing,omitempty"`
	Warnings []string     `json:"warnings,omitempty"`
	Steps    []actionJSON `json:"steps"`
	Undo     []actionJSON `json:"undo"`
}

type actionJSON struct {
	// Step is a list of one, so that its type is told by the "step" field.
	Step      plan.Steps `json:"-"`
	Satisfied bool       `json:"satisfied"`
	Commands  []string   `json:"commands"`
}

// MarshalJSON flattens the step and what is known of it into one object.
func (a actionJSON) MarshalJSON() ([]byte, error) {
	step, err := json.Marshal(a.Step)
	if err != nil {
		return nil, err
	}
	type rest actionJSON
	tail, err := json.Marshal(rest(a))
	if err != nil {
		return nil, err
	}
	// step is `[{…}]`, tail is `{…}`.
	return append(append(step[1:len(step)-2], ','), tail[1:]...), nil
}

// MarshalJSON is the stable form of a call's work.
func (d *Decision) MarshalJSON() ([]byte, error) {
	ev := d.Event
	doc := workJSON{
		Command: string(ev.Command), Port: ev.Name, Device: ev.Device, Kind: ev.Kind,
		Domid: ev.NIC.Domid, Devid: ev.NIC.Devid, Guest: d.Guest, Mode: d.Mode, Bridge: d.Bridge,
		Nothing: ev.Ignored, Warnings: d.Warnings, Steps: []actionJSON{}, Undo: []actionJSON{},
	}
	for _, c := range d.changes() {
		list := &doc.Steps
		if c.undo {
			list = &doc.Undo
		}
		_, rules := c.steps[0].(plan.Rule)
		for i, s := range c.steps {
			a := actionJSON{Step: plan.Steps{s}, Satisfied: c.satisfied, Commands: s.Commands()}
			switch {
			case len(c.steps) == 1, rules && d.told != nil && i == 0:
				a.Commands = c.lines
			case rules && d.told != nil:
				a.Commands = []string{} // rules are one change, whose lines stand at the first
			}
			*list = append(*list, a)
		}
	}
	return json.Marshal(doc)
}

// WriteRepair prints the commands that put back what a port lacked and remove
// what it no longer wants.
func (d *Decision) WriteRepair(out io.Writer) error {
	p := &printer{out: out}
	guest := ""
	if d.Guest != "" {
		guest = " of guest " + d.Guest
	}
	p.comment("%s%s, mode %s", d.Event.Name, guest, d.Mode)
	for _, c := range d.changes() {
		if t := c.steps[0].Traits(); !c.satisfied && (c.undo || !t.Effect && !t.Passing) {
			for _, line := range c.lines {
				p.line(line)
			}
		}
	}
	return p.err
}

// WriteDifference prints for a person what a port lacks, and what it has and no
// longer needs.
func (d *Decision) WriteDifference(out io.Writer) error {
	p := &printer{out: out}
	who := d.Event.Name
	if d.Guest != "" {
		who += " of guest " + d.Guest
	}
	who += ", mode " + d.Mode
	if d.Right() {
		p.line(who + ": nothing to change")
	} else {
		p.line(who)
	}
	for _, warning := range d.Warnings {
		p.line("  warning: " + oneLine(warning))
	}
	list := func(title string, steps []plan.Step) {
		if len(steps) > 0 {
			p.line("  " + title)
		}
		for _, s := range steps {
			for _, c := range toRead(s) {
				p.line("    " + strings.TrimPrefix(c, "# "))
			}
		}
	}
	var missing, undo []plan.Step
	for _, a := range d.Missing() {
		missing = append(missing, a.Step)
	}
	for _, e := range d.Undo {
		undo = append(undo, e.Undo...)
	}
	list("what it lacks:", missing)
	list("what it no longer needs goes by:", undo)
	return p.err
}
