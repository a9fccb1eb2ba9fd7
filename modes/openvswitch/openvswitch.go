// Package openvswitch makes a port one of a bridge of Open vSwitch's: what
// vif-openvswitch does, and vif-bridge where the bridge that the guest names
// is such a one.
package openvswitch

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"vifctl/hooks/plan"
	"vifctl/modes/bridged"
)

// Mode is the openvswitch mode.
type Mode struct{}

// Needs implements modes.Mode.
func (Mode) Needs(r plan.Request) plan.Query { return Needs(r) }

// Needs is what Has and Plan look at.
func Needs(r plan.Request) plan.Query {
	q := plan.Query{Addresses: []int{r.Port.Index}}
	if r.Bridge == "" {
		return q
	}
	q.Names = []string{r.Bridge}
	if b, err := parse(r.Bridge); err == nil {
		q.Switches, q.SwitchMembers = []string{b.name}, []string{r.Port.Name}
		if b.name != r.Bridge {
			q.Names = append(q.Names, b.name)
		}
	}
	return q
}

// Has reports whether the bridge that the request names is Open vSwitch's.
func Has(r plan.Request, s *plan.Snapshot) bool {
	b, err := parse(r.Bridge)
	_, ok := s.Switches[b.name]
	return err == nil && ok
}

// Plan implements modes.Mode: as in mode bridge, but that the switch has to
// know the port before flows can guard it. So a port that is up goes down
// first.
func (Mode) Plan(r plan.Request, s *plan.Snapshot) (plan.Plan, error) {
	var p plan.Plan
	if r.Bridge == "" {
		return p, fmt.Errorf("%s: no bridge was named: set bridge= for the guest, as in bridge=xenbr0.10", r.Port)
	}
	wants, err := parse(r.Bridge)
	if err != nil {
		return p, fmt.Errorf("%s: %w", r.Port, err)
	}
	if err := wants.take(r.VLANs); err != nil {
		return p, fmt.Errorf("%s: attach to %s: %w", r.Port, r.Bridge, err)
	}
	sw, err := find(r, s, wants)
	if err != nil {
		return p, err
	}
	p.Bridge = wants.name
	port := plan.SwitchPort{Dev: r.Port, Bridge: sw.Name, Tag: wants.tag, Trunks: wants.trunks, IDs: ids(r)}
	if wants.tag != 0 && len(wants.trunks) > 0 {
		// Else the trunks are ignored.
		port.Mode = plan.NativeUntagged
	}
	if sw.Parent != "" {
		if wants.tag != 0 || len(wants.trunks) > 0 {
			return p, fmt.Errorf("%s: attach to %s: %s is VLAN %d of %s already, and cannot have others: name %s", r.Port, r.Bridge, sw.Name, sw.Tag, sw.Parent, sw.Parent)
		}
		port.Bridge, port.Tag = sw.Parent, sw.Tag
	}
	guard, err := p.GuardSwitch(r, sw, len(port.Trunks) > 0)
	if err != nil {
		return p, err
	}
	bridge, ok := s.LinkNamed(sw.Name)
	if !ok {
		bridge = plan.Link{Dev: plan.Dev{Name: sw.Name}, MTU: s.Links[r.Port.Index].MTU}
	}
	into := bridged.Port{Bridge: bridge}
	now := s.Links[r.Port.Index]
	if now.Up && len(guard) > 0 && !port.Satisfied(s) {
		into.Before = append(into.Before, plan.Up{Dev: now.Dev, Want: false})
	}
	if s.Links[now.Master].Bridge {
		into.Join = append(into.Join, plan.Master{Dev: r.Port})
	}
	into.Join = append(append(into.Join, port), guard...)
	return p, bridged.Steps(&p, r, s, into)
}

// find holds the bridge that is wanted against those there are.
func find(r plan.Request, s *plan.Snapshot, wants bridge) (plan.Switch, error) {
	if sw, ok := s.Switches[wants.name]; ok {
		return sw, nil
	}
	why := "Open vSwitch has no such bridge"
	l, found := s.LinkNamed(wants.name)
	switch {
	case found && l.Bridge:
		why = "it is a bridge of Linux's own, not of Open vSwitch's: give the guest script=vif-bridge"
	case s.NoSwitch != "":
		why = s.NoSwitch
	}
	return plan.Switch{}, fmt.Errorf("%s: attach to %s: %s", r.Port, wants.name, why)
}

// ids are the external_ids of the port's interface: those that vif-openvswitch
// has always written, and by iface-id the name by which an OVN controller
// knows a logical port.
func ids(r plan.Request) map[string]string {
	all := map[string]string{}
	for key, value := range map[string]string{
		"xen-vm-name": r.Guest, plan.GuestID: r.UUID, "attached-mac": r.MAC,
	} {
		if value != "" {
			all[key] = plan.SwitchText(value)
		}
	}
	if r.UUID != "" {
		all["iface-id"] = plan.SwitchText(r.UUID + "." + strconv.Itoa(r.NIC.Devid))
	}
	return all
}

// bridge is what bridge= says: a name, the VLAN of untagged frames and those
// of tagged ones.
type bridge struct {
	name   string
	tag    int
	trunks []int
}

// parse reads NAME[.TAG][:TRUNK[:TRUNK...]], in which a name has neither a dot
// nor a colon.
func parse(s string) (b bridge, err error) {
	head, rest, trunked := strings.Cut(s, ":")
	name, tag, isTagged := strings.Cut(head, ".")
	b.name = name
	wrong := func(what, value string) error {
		return fmt.Errorf("bridge=%q cannot be used: its %s %q is no VLAN from 1 to 4094; it is written as in xenbr0.10 or xenbr0:20:30", s, what, value)
	}
	if isTagged {
		if b.tag, err = vlan(tag); err != nil {
			return b, wrong("tag", tag)
		}
	}
	for _, word := range strings.Split(rest, ":") {
		if !trunked {
			break
		}
		n, err := vlan(word)
		if err != nil {
			return b, wrong("trunk", word)
		}
		b.trunks = append(b.trunks, n)
	}
	slices.Sort(b.trunks)
	b.trunks = slices.Compact(b.trunks)
	return b, nil
}

// take makes xl's vlan= the bridge's own way of saying so.
func (b *bridge) take(vlans []plan.VLANRange) error {
	if len(vlans) == 0 {
		return nil
	}
	if b.tag != 0 || len(b.trunks) > 0 {
		return errors.New("both bridge= and vlan= name VLANs: name them in one of them")
	}
	for _, v := range vlans {
		switch {
		case v.PVID:
			b.tag = v.First
		case v.Untagged:
			return fmt.Errorf("vlan= has VLAN %d untagged, and with Open vSwitch that can be one alone, the one of untagged frames", v.First)
		default:
			for id := v.First; id <= v.Last; id++ {
				b.trunks = append(b.trunks, id)
			}
		}
	}
	return nil
}

func vlan(s string) (int, error) {
	n, err := strconv.ParseUint(s, 10, 16)
	if err == nil && (n < plan.MinVLAN || n > plan.MaxVLAN) {
		err = strconv.ErrRange
	}
	return int(n), err
}
