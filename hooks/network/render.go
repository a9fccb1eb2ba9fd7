package network

import (
	"encoding/json"
	"io"
	"slices"

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
	for _, a := range d.Actions() {
		for _, c := range a.Step.Commands() {
			if a.Satisfied {
				c = "# already done: " + c
			}
			p.line("%s", c)
		}
	}
	if len(d.Stale) > 0 {
		p.line("# no longer wanted:")
	}
	for _, e := range d.Stale {
		for _, s := range e.Undo {
			for _, c := range s.Commands() {
				p.line("%s", c)
			}
		}
	}
	return p.err
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
	for _, a := range d.Actions() {
		doc.Steps = append(doc.Steps, stepJSON{plan.Steps{a.Step}, a.Satisfied, a.Step.Commands()})
	}
	for _, a := range slices.Backward(d.Actions()) {
		for _, s := range a.Undo {
			doc.Undo = append(doc.Undo, s.Commands())
		}
	}
	return json.Marshal(doc)
}
