package nat

import (
	"cmp"

	"vifctl/hooks/plan"
	"vifctl/modes/routed"
)

// Network is the host's side of the mode: what network-nat does. The
// translation itself comes with each guest's port.
type Network struct{}

// Needs implements modes.Network.
func (Network) Needs(r plan.HostRequest) plan.Query { return routed.HostNeeds(r) }

// Name implements modes.Network.
func (Network) Name(_ plan.HostRequest, uplink string) string { return cmp.Or(uplink, plan.NoUplink) }

// Topology implements modes.Network: the uplink stays as it is, and without one guests reach
// the host and each other.
func (Network) Topology(r plan.HostRequest, s *plan.Snapshot) (p plan.Plan, err error) {
	switch {
	case r.NoUplink:
		return p, nil
	case s.Uplink == nil && r.Uplink == "":
		p.Warn("this host has no default route to take its uplink from: guests reach the host and each other, and nothing leaves; start it again when there is one, or name the uplink with netdev=")
		return p, nil
	}
	return routed.Uplink(r, s)
}

// Settings implements modes.Network: the host forwards, and masquerades for all where that is
// asked for. It needs no proxy ARP:
// it has its guests' public addresses itself.
func (Network) Settings(r plan.HostRequest, s *plan.Snapshot) plan.Plan {
	p := routed.Host(r, s)
	if r.Masquerade && s.Uplink != nil {
		p.Steps = append(p.Steps, plan.Rule{Kind: plan.RuleMasqueradeAll, Dev: s.Uplink.Dev, Public: r.MasqueradeAs})
	}
	return p
}
