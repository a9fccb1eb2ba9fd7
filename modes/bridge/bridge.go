// Package bridge makes a port a member of a Linux bridge: what vif-bridge and
// qemu-ifup do.
package bridge

import (
	"fmt"
	"slices"
	"strings"

	"vifctl/hooks/plan"
)

// portMAC is the highest unicast address there is: a bridge takes the lowest
// of its ports' addresses as its own, and must never take a guest port's.
const portMAC = "fe:ff:ff:ff:ff:ff"

// Mode is the bridge mode.
type Mode struct{}

// Needs implements modes.Mode.
func (Mode) Needs(r plan.Request) plan.Query {
	q := plan.Query{Addresses: []int{r.Port.Index}}
	if r.Bridge == "" {
		q.Bridges = true
		return q
	}
	q.Names = []string{r.Bridge}
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
	bridge, err := choose(r, s, &p)
	if err != nil {
		return p, err
	}
	p.Bridge = bridge.Name

	p.Steps = plan.Reshape(s.Links[r.Port.Index], r.Port.Name, portMAC)
	// Backwards, so that they come back in their order: the first of a subnet
	// is its primary one.
	for _, a := range slices.Backward(s.Addresses[r.Port.Index]) {
		if !a.Dynamic {
			p.Steps = append(p.Steps, plan.Address{Dev: r.Port, Addr: a, Absent: true})
		}
	}
	guard, err := p.Guard(r, true)
	if err != nil {
		return p, err
	}
	p.Steps = append(p.Steps, guard...)
	mtu := r.MTU
	switch {
	case mtu == 0:
		mtu = bridge.MTU
	case mtu < plan.MinMTU6 && bridge.MTU >= plan.MinMTU6:
		return p, fmt.Errorf("%s: mtu=%d is too small: %s would follow it, and with less than %d bytes the host would lose its own IPv6 there",
			r.Port, mtu, bridge.Name, plan.MinMTU6)
	case mtu < bridge.MTU:
		p.Warn("mtu=%d is less than the %d of %s, which follows its smallest port unless its own MTU was set by hand", mtu, bridge.MTU, bridge.Name)
	}
	p.Steps = append(
		p.Steps,
		plan.MTU{Dev: r.Port, Want: mtu, Tolerant: true},
		// The host must not autoconfigure itself on a guest's word, nor speak
		// to the guest by a link-local address on the port.
		plan.Sysctl{Dev: r.Port, Table: "ipv6/conf", Name: "disable_ipv6", Want: "1", Optional: true},
		plan.Master{Dev: r.Port, Bridge: bridge.Dev},
		plan.Up{Dev: r.Port, Want: true},
	)
	if r.Kind == plan.Vif && r.FrontendMTU != "" {
		p.Steps = append(p.Steps, plan.TellMTU(r.FrontendMTU, mtu))
	}
	return p, nil
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
