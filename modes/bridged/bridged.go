// Package bridged is what the modes have in common in which a port is one of a
// bridge's, Linux's own or Open vSwitch's: it has a harmless hardware address,
// the bridge's MTU and no address of its own. It is no mode.
package bridged

import (
	"fmt"
	"slices"

	"vifctl/hooks/plan"
)

// portMAC is the highest unicast address there is: a bridge takes the lowest
// of its ports' addresses as its own, and must never take a guest port's.
const portMAC = "fe:ff:ff:ff:ff:ff"

// Port is what a mode has decided about a bridge's port.
type Port struct {
	// Bridge is the bridge's own interface.
	Bridge plan.Link
	// Before is done before anything else (a port that must not be up for what
	// comes), Guard before the port joins; Join makes it the bridge's.
	Before, Guard, Join []plan.Step
}

// Steps adds to p what makes the port r asks for such a port.
func Steps(p *plan.Plan, r plan.Request, s *plan.Snapshot, port Port) error {
	bridge := port.Bridge
	p.Steps = append(p.Steps, port.Before...)
	p.Steps = append(p.Steps, plan.Reshape(s.Links[r.Port.Index], r.Port.Name, portMAC)...)
	// Backwards, so that they come back in their order: the first of a subnet
	// is its primary one.
	for _, a := range slices.Backward(s.Addresses[r.Port.Index]) {
		if !a.Dynamic {
			p.Steps = append(p.Steps, plan.Address{Dev: r.Port, Addr: a, Absent: true})
		}
	}
	p.Steps = append(p.Steps, port.Guard...)
	mtu := r.MTU
	switch {
	case mtu == 0:
		mtu = bridge.MTU
	case mtu < plan.MinMTU6 && bridge.MTU >= plan.MinMTU6:
		return fmt.Errorf("%s: mtu=%d is too small: %s would follow it, and with less than %d bytes the host would lose its own IPv6 there",
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
	)
	p.Steps = append(p.Steps, plan.Limits(r)...)
	p.Steps = append(p.Steps, port.Join...)
	p.Steps = append(p.Steps, plan.Up{Dev: r.Port, Want: true})
	if r.Kind == plan.Vif && r.FrontendMTU != "" {
		p.Steps = append(p.Steps, plan.TellMTU(r.FrontendMTU, mtu))
	}
	return nil
}
