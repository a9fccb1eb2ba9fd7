package openvswitch

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"vifctl/hooks/plan"
)

// ReadSwitch implements kernel.SwitchReader.
func (h Host) ReadSwitch(ctx context.Context, q plan.Query, s *plan.Snapshot) error {
	d, err := dial(ctx)
	if errors.Is(err, ErrNotThere) {
		s.NoSwitch = err.Error()
		return nil
	}
	if err != nil {
		return err
	}
	defer d.close()
	for _, name := range q.Switches {
		b, err := d.bridge(name)
		if err != nil {
			return err
		}
		if b != nil {
			s.Switches[name] = *b
		}
	}
	numbers := map[string]int{}
	for _, name := range q.SwitchPorts {
		p, err := d.port(name)
		if err != nil {
			return err
		}
		if p != nil {
			s.SwitchPorts[name] = p.SwitchMember
			numbers[name] = p.number
		}
	}
	for _, g := range q.SwitchGuards {
		g.Absent = false
		if s.SwitchPorts[g.Dev.Name].Bridge != g.Bridge || numbers[g.Dev.Name] <= 0 {
			continue
		}
		if s.SwitchGuards[g.Key()], err = inForce(ctx, g, numbers[g.Dev.Name]); err != nil {
			return err
		}
	}
	return nil
}

// bridge looks a bridge up, a fake one as well: one VLAN of another, known as
// a port of that. nil where there is none.
func (d *database) bridge(name string) (*plan.Switch, error) {
	rows, err := d.transact(
		selects("Bridge", "name", "==", name, "controller", "fail_mode", "stp_enable", "rstp_enable"),
		selects("Port", "name", "==", name, "_uuid", "fake_bridge", "tag"),
	)
	if err != nil {
		return nil, err
	}
	for _, r := range rows[0] {
		return switchOf(name, r), nil
	}
	for _, r := range rows[1] {
		if !r.truth("fake_bridge") {
			continue
		}
		parent, err := d.bridgeOf(r)
		if err != nil || parent == nil {
			return nil, err
		}
		s := switchOf(name, parent)
		s.Parent, s.Tag = parent.text("name"), r.number("tag")
		return s, nil
	}
	return nil, nil
}

// switchOf tells of a bridge what its row says.
func switchOf(name string, r row) *plan.Switch {
	return &plan.Switch{
		Name:         name,
		Controlled:   len(r.set("controller")) > 0 || r.text("fail_mode") == "secure",
		SpanningTree: r.truth("stp_enable") || r.truth("rstp_enable"),
	}
}

// bridgeOf finds the bridge of a port.
func (d *database) bridgeOf(port row) (row, error) {
	rows, err := d.transact(selects("Bridge", "ports", "includes", port["_uuid"], "name", "controller", "fail_mode", "stp_enable", "rstp_enable"))
	if err != nil || len(rows[0]) == 0 {
		return nil, err
	}
	return rows[0][0], nil
}

// member is a port and the number by which flows know it.
type member struct {
	plan.SwitchMember
	number int
}

// port looks a port up; nil where there is none.
func (d *database) port(name string) (*member, error) {
	rows, err := d.transact(
		selects("Port", "name", "==", name, "_uuid", "tag", "trunks", "vlan_mode"),
		selects("Interface", "name", "==", name, "external_ids", "ofport", "error"),
	)
	if err != nil || len(rows[0]) == 0 {
		return nil, err
	}
	port := rows[0][0]
	bridge, err := d.bridgeOf(port)
	if err != nil {
		return nil, err
	}
	m := member{SwitchMember: plan.SwitchMember{
		Bridge: bridge.text("name"), Tag: port.number("tag"), Trunks: port.numbers("trunks"), Mode: port.text("vlan_mode"), IDs: map[string]string{},
	}}
	slices.Sort(m.Trunks)
	for _, i := range rows[1] {
		m.IDs, m.number = i.texts("external_ids"), i.number("ofport")
		if m.number <= 0 {
			m.Broken = cmp.Or(i.text("error"), "it gave it no number, and no reason: see ovs-vswitchd's log")
		}
	}
	return &m, nil
}

func readPort(ctx context.Context, name string) (*member, error) {
	d, err := dial(ctx)
	if err != nil {
		return nil, err
	}
	defer d.close()
	m, err := d.port(name)
	if err != nil {
		return nil, fmt.Errorf("look the port up: %w", err)
	}
	return m, nil
}
