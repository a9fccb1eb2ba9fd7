// Package bridge makes a port a member of a Linux bridge: what vif-bridge and
// qemu-ifup do.
package bridge

import (
	"fmt"
	"slices"
	"strings"

	"vifctl/hooks/plan"
	"vifctl/modes/bridged"
	"vifctl/modes/openvswitch"
)

// Mode is the bridge mode.
type Mode struct{}

// Needs implements modes.Mode.
func (Mode) Needs(r plan.Request) plan.Query {
	if r.Bridge == "" {
		return plan.Query{Addresses: []int{r.Port.Index}, Bridges: true}
	}
	// xl's bridge= may name one of Open vSwitch's all the same.
	q := openvswitch.Needs(r)
	if old, ok := oldName(r.Bridge); ok {
		q.Names = append(q.Names, old)
	}
	return q
}

// Plan implements modes.Mode: the port gets a harmless hardware address, no
// address of its own and the bridge's MTU, joins the bridge, and only then
// comes up.
func (Mode) Plan(r plan.Request, s *plan.Snapshot) (plan.Plan, error) {
	var p plan.Plan
	if l, ok := s.LinkNamed(r.Bridge); (!ok || !l.Bridge) && openvswitch.Has(r, s) {
		return openvswitch.Mode{}.Plan(r, s)
	}
	bridge, err := choose(r, s, &p)
	if err != nil {
		return p, err
	}
	p.Bridge = bridge.Name

	guard, err := p.Guard(r, true)
	if err != nil {
		return p, err
	}
	into := bridged.Port{Bridge: bridge, Guard: guard, Join: []plan.Step{plan.Master{Dev: r.Port, Bridge: bridge.Dev, Guarded: len(guard) > 0}}}
	if len(r.VLANs) > 0 {
		if err := keepsApart(r, bridge, &p); err != nil {
			return p, err
		}
		into.Join = append(into.Join, plan.BridgeVLAN{Dev: r.Port, VLANs: r.VLANs})
	}
	return p, bridged.Steps(&p, r, s, into)
}

// keepsApart makes sure that a bridge can keep a port to its VLANs. Whether it
// does is the administrator's to say: it is about all of its ports.
func keepsApart(r plan.Request, bridge plan.Link, p *plan.Plan) error {
	switch bridge.VLANs {
	case plan.NoVLANs:
		return fmt.Errorf("%s: vlan= is given, and this kernel's bridges know no VLANs (CONFIG_BRIDGE_VLAN_FILTERING): take vlan= out, or use a bridge of Open vSwitch's", r.Port)
	case plan.VLANsOff:
		return fmt.Errorf("%s: vlan= is given, but %s does not keep VLANs apart: `ip link set %s type bridge vlan_filtering 1`, which is about all of its ports", r.Port, bridge.Name, bridge.Name)
	}
	if r.Antispoof == plan.AntispoofStrict && slices.ContainsFunc(r.VLANs, func(v plan.VLANRange) bool { return !v.PVID }) {
		p.Warn("antispoof is strict, so the guest sends untagged frames alone: of its VLANs, one is of use to it")
	}
	return nil
}

// choose finds the bridge: the one named; an ethN that is a bridge where a
// configuration of the days of netloop says xenbrN; without a name the first
// there is.
func choose(r plan.Request, s *plan.Snapshot, p *plan.Plan) (plan.Link, error) {
	if r.Bridge == "" {
		if len(s.Bridges) == 0 {
			return plan.Link{}, fmt.Errorf("%s: no bridge was named and this host has none: create one, or set bridge= for the guest", r.Port)
		}
		if n := len(s.Bridges); n > 1 {
			p.Warn("no bridge was named and this host has %d: took %s, the first by name", n, s.Bridges[0].Name)
		}
		return s.Bridges[0], nil
	}
	link, found := s.LinkNamed(r.Bridge)
	if !found {
		old, _ := oldName(r.Bridge)
		if l, ok := s.LinkNamed(old); ok && l.Bridge {
			return l, nil
		}
		return plan.Link{}, fmt.Errorf("%s: attach to %s: no such bridge", r.Port, r.Bridge)
	}
	if !link.Bridge {
		return plan.Link{}, fmt.Errorf("%s: attach to %s: it is an interface, but not a bridge", r.Port, r.Bridge)
	}
	return link, nil
}

// oldName is the name by which the bridge that a guest calls xenbrN may go:
// ethN, from when network-bridge renamed the card and took its name.
func oldName(bridge string) (string, bool) {
	n, ok := strings.CutPrefix(bridge, "xenbr")
	return "eth" + n, ok
}
