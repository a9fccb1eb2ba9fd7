package network

import (
	"context"
	"encoding/json"
	"io"
	"slices"

	"vifctl/hooks/engine"
	"vifctl/hooks/plan"
)

// WriteText prints what a start would do as a shell script: the lines that would
// run are commands to paste, all others are comments.
func (d *Decision) WriteText(out io.Writer) error {
	p := printer{out: out}
	p.line("# start %s %s", d.Mode, d.Name)
	if d.Nothing != "" {
		p.line("# nothing to do: %s", d.Nothing)
		return p.err
	}
	if d.Uplink != "" {
		p.line("# uplink %s", d.Uplink)
	}
	for _, said := range d.ForGuests.Words() {
		p.line("# guests on it: %s, where the configuration does not say", said)
	}
	for _, warning := range d.Warnings {
		p.line("# warning: %s", warning)
	}
	for i, s := range d.steps() {
		if i == len(d.Actions()) {
			p.line("# no longer wanted:")
		}
		for _, c := range d.commands(i, s.Step) {
			if s.Satisfied {
				c = "# already done: " + c
			}
			p.line("%s", c)
		}
	}
	return p.err
}

// steps are the actions, and behind them what undoes Stale.
func (d *Decision) steps() []plan.Action {
	all := d.Actions()
	for _, e := range d.Stale {
		for _, s := range e.Undo {
			all = append(all, plan.Action{Step: s})
		}
	}
	return all
}

// Tell has the decision printed with the commands of the firewall's backend.
func (d *Decision) Tell(ctx context.Context, script *engine.Script) error {
	d.told = nil
	for _, s := range d.steps() {
		lines := s.Step.Commands()
		if !s.Satisfied {
			var err error
			if lines, err = script.Commands(ctx, []plan.Step{s.Step}); err != nil {
				return err
			}
		}
		d.told = append(d.told, lines)
	}
	return nil
}

// commands are those of the step at i.
func (d *Decision) commands(i int, s plan.Step) []string {
	if d.told != nil {
		return d.told[i]
	}
	return s.Commands()
}

// workJSON is the stable form of `--json`.
type workJSON struct {
	Mode    string `json:"mode"`
	Name    string `json:"name"`
	Bridge  string `json:"bridge,omitempty"`
	Uplink  string `json:"uplink,omitempty"`
	Nothing string `json:"nothing,omitempty"`
	Started bool   `json:"started"`
	// ForGuests is what guests get where the configuration does not say.
	ForGuests plan.ForGuests `json:"for_guests,omitzero"`
	Warnings  []string       `json:"warnings,omitempty"`
	Steps     []stepJSON     `json:"steps"`
	Undo      [][]string     `json:"undo"`
}

type stepJSON struct {
	Step      plan.Steps `json:"step"`
	Satisfied bool       `json:"satisfied"`
	Commands  []string   `json:"commands"`
}

// MarshalJSON is the stable form of a start: its steps in their order, and what
// undoes them in the order in which that would be done.
func (d *Decision) MarshalJSON() ([]byte, error) {
	doc := workJSON{
		Mode: d.Mode, Name: d.Name, Bridge: d.Bridge, Uplink: d.Uplink, Nothing: d.Nothing, Started: d.Before,
		ForGuests: d.ForGuests, Warnings: d.Warnings, Steps: []stepJSON{}, Undo: [][]string{},
	}
	for i, a := range d.Actions() {
		doc.Steps = append(doc.Steps, stepJSON{plan.Steps{a.Step}, a.Satisfied, d.commands(i, a.Step)})
	}
	for _, a := range slices.Backward(d.Actions()) {
		for _, s := range a.Undo {
			doc.Undo = append(doc.Undo, s.Commands())
		}
	}
	return json.Marshal(doc)
}
