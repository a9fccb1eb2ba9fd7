package network

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"vifctl/hooks/guard"
	"vifctl/hooks/journal"
	"vifctl/hooks/plan"
)

// Status is what a person asks of one network. Its JSON is stable.
type Status struct {
	Mode  string        `json:"mode"`
	Name  string        `json:"name"`
	State journal.State `json:"state"`
	// Uplink as it is called now, "" for none.
	Uplink string `json:"uplink,omitempty"`
	Bridge string `json:"bridge,omitempty"`
	// Ports of the bridge but the uplink.
	Ports []string `json:"ports,omitempty"`
	// Addresses of the host, on the bridge or else on the uplink.
	Addresses []string `json:"addresses,omitempty"`
	// ConfirmWithin is in seconds, 0 where no confirmation is due.
	ConfirmWithin int `json:"confirm_within,omitempty"`
	// ForGuests is what guests on it get where the configuration does not say.
	ForGuests plan.ForGuests   `json:"for_guests,omitzero"`
	Settings  []SettingsStatus `json:"settings"`
	// Missing are the commands that would bring back what has gone.
	Missing []string `json:"missing,omitempty"`
}

// SettingsStatus is one setting that a network made.
type SettingsStatus struct {
	Path  string `json:"path"`
	Value string `json:"value"`
	// Was is what stop sets it back to, "" where start did not change it.
	Was string `json:"was,omitempty"`
}

// Status looks at the networks that a request means: with mode "" at all.
func (r *Networks) Status(ctx context.Context, req Request) ([]Status, error) {
	all, err := r.records()
	if err != nil {
		return nil, err
	}
	var list []Status
	for _, n := range all {
		if req.Mode != "" && n.Mode != req.Mode || req.Bridge != "" && n.Name != req.Bridge || !req.isOn(n.Uplink) {
			continue
		}
		s, err := r.status(ctx, n)
		if err != nil {
			return nil, err
		}
		list = append(list, s)
	}
	return list, nil
}

func (r *Networks) status(ctx context.Context, n *journal.Network) (Status, error) {
	st := Status{Mode: n.Mode, Name: n.Name, State: n.State, ForGuests: n.ForGuests, Settings: []SettingsStatus{}}
	if n.ConfirmBy != 0 {
		left, err := guard.Deadline(n.ConfirmBy).Left()
		if err != nil {
			return st, err
		}
		st.ConfirmWithin = int(max(time.Second, left+time.Second-1) / time.Second)
	}
	s, actions, err := r.held(ctx, n)
	if err != nil {
		return st, err
	}
	for _, a := range actions {
		if !a.Satisfied {
			st.Missing = append(st.Missing, a.Step.Commands()...)
		}
	}
	for _, e := range n.Settings {
		st.Settings = append(st.Settings, settingOf(e))
	}
	return st, r.interfaces(ctx, n, s, &st)
}

// held holds what a network is made of against the host as it is.
func (r *Networks) held(ctx context.Context, n *journal.Network) (*plan.Snapshot, []plan.Action, error) {
	var actions []plan.Action
	var steps []plan.Step
	for _, e := range slices.Concat(n.Settings, n.Topology) {
		if !e.Step.Traits().Passing {
			steps = append(steps, e.Step)
		}
	}
	s := plan.NewSnapshot()
	q := plan.Needs(steps)
	q.AllLinks = true
	if err := r.Reader.Read(ctx, q, s); err != nil {
		return nil, nil, err
	}
	for _, step := range steps {
		actions = append(actions, plan.Action{Step: step, Satisfied: step.Satisfied(s)})
	}
	return s, actions, nil
}

// interfaces says which ones it is made of.
func (r *Networks) interfaces(ctx context.Context, n *journal.Network, s *plan.Snapshot, st *Status) error {
	holder := n.Uplink.Index
	if up, ok := s.Links[n.Uplink.Index]; ok {
		st.Uplink = up.Name
	}
	if n.Mode == "bridge" {
		st.Bridge = n.Name
		if b, ok := s.LinkNamed(n.Name); ok {
			holder = b.Index
		}
	}
	for _, l := range s.Links {
		if st.Bridge != "" && l.Master == holder && l.Index != n.Uplink.Index {
			st.Ports = append(st.Ports, l.Name)
		}
	}
	slices.Sort(st.Ports)
	if holder == 0 {
		return nil
	}
	if err := r.Reader.Read(ctx, plan.Query{Addresses: []int{holder}}, s); err != nil {
		return err
	}
	for _, a := range s.Addresses[holder] {
		if !a.Prefix.Addr().IsLinkLocalUnicast() {
			st.Addresses = append(st.Addresses, a.Prefix.String())
		}
	}
	return nil
}

// settingOf reads a setting and what it was out of the journal.
func settingOf(e journal.Entry) SettingsStatus {
	st := SettingsStatus{}
	name := func(s plan.Step) (path, value string) {
		switch s := s.(type) {
		case plan.Setting:
			return s.Path, s.Want
		case plan.Rule:
			if s.Absent {
				return "firewall", ""
			}
			return "firewall", strings.TrimPrefix(s.Commands()[0], "# firewall: ")
		case plan.Forwarding:
			return s.Path(), "1"
		case plan.Sysctl:
			return "net/" + s.Table + "/" + s.Dev.Name + "/" + s.Name, s.Want
		default:
			return s.Key(), ""
		}
	}
	st.Path, st.Value = name(e.Step)
	if len(e.Undo) > 0 {
		_, st.Was = name(e.Undo[0])
	}
	return st
}

// WriteText prints it for a person.
func (s Status) WriteText(out io.Writer) error {
	p := printer{out: out}
	p.line("%s %s: %s", s.Mode, s.Name, s.State)
	if s.ConfirmWithin > 0 {
		p.line("  undone within %d s unless `vifctl network confirm` is run", s.ConfirmWithin)
	}
	if s.Uplink != "" {
		p.line("  uplink    %s", s.Uplink)
	}
	p.list("addresses", s.Addresses)
	p.list("ports", s.Ports)
	p.list("guests", s.ForGuests.Words())
	for _, set := range s.Settings {
		was := "unchanged"
		if set.Was != "" {
			was = "was " + set.Was
		}
		if set.Path == "firewall" {
			p.line("  firewall  %s", set.Value)
			continue
		}
		p.line("  setting   %s = %s (%s)", set.Path, set.Value, was)
	}
	for _, m := range s.Missing {
		p.line("  missing   %s", m)
	}
	if len(s.Missing) > 0 {
		p.line("  starting it again brings that back")
	}
	return p.err
}

// printer writes lines until one fails.
type printer struct {
	out io.Writer
	err error
}

func (p *printer) line(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.out, format+"\n", args...)
	}
}

func (p *printer) list(what string, words []string) {
	for _, word := range words {
		p.line("  %-9s %s", what, word)
		what = ""
	}
}
