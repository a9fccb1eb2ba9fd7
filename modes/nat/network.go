package nat

import (
	"vifctl/hooks/plan"
	"vifctl/modes/routed"
)

// Network is the host's side of the mode: what network-nat does. The
// translation itself comes with each guest's port.
type Network struct{}

// Needs implements modes.Network.
func (Network) Needs(r plan.HostRequest) plan.Query { return routed.HostNeeds(r) }

// Name implements modes.Network.
func (Network) Name(_ plan.HostRequest, uplink string) string { return uplink }

// Topology implements modes.Network: the uplink stays as it is.
func (Network) Topology(r plan.HostRequest, s *plan.Snapshot) (plan.Plan, error) {
	return routed.Uplink(r, s)
}

// Settings implements modes.Network: the host forwards. It needs no proxy ARP:
// it has its guests' public addresses itself.
func (Network) Settings(r plan.HostRequest, s *plan.Snapshot) plan.Plan { return routed.Host(r, s) }
