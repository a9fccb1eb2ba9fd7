package route

import (
	"vifctl/hooks/plan"
	"vifctl/modes/routed"
)

// Network is the host's side of the mode: what network-route does.
type Network struct{}

// Needs implements modes.Network.
func (Network) Needs(r plan.HostRequest) plan.Query { return routed.HostNeeds(r) }

// Name implements modes.Network.
func (Network) Name(_ plan.HostRequest, uplink string) string { return uplink }

// Topology implements modes.Network: the uplink stays as it is.
func (Network) Topology(r plan.HostRequest, s *plan.Snapshot) (plan.Plan, error) {
	return routed.Uplink(r, s)
}

// Settings implements modes.Network: the host forwards, and its uplink answers
// for the guests.
func (Network) Settings(r plan.HostRequest, s *plan.Snapshot) plan.Plan {
	p := routed.Host(r, s)
	if s.Uplink != nil {
		p.Steps = append(p.Steps, plan.Sysctl{Dev: s.Uplink.Dev, Table: "ipv4/conf", Name: "proxy_arp", Want: "1"})
	}
	return p
}
