// Package modes is the table of modes: what a port can be made into. A mode
// only decides; it imports plan's types and nothing that could read or change
// the host.
package modes

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"vifctl/hooks/plan"
	"vifctl/modes/bridge"
	"vifctl/modes/nat"
	"vifctl/modes/openvswitch"
	"vifctl/modes/route"
)

// Mode decides what a port needs.
type Mode interface {
	// Needs names the facts Plan will look at, besides the port's own link,
	// which is always there.
	Needs(plan.Request) plan.Query
	// Plan answers a request with the steps that make the port work, in the
	// order they are to be taken, the last one that brings the port up
	// included. An error is one sentence an operator can act on.
	Plan(plan.Request, *plan.Snapshot) (plan.Plan, error)
}

// Network is the host's side of a mode: what has to be there, and how the host
// has to be set, before any port comes up.
type Network interface {
	// Needs names the facts that the other two will look at.
	Needs(plan.HostRequest) plan.Query
	// Name is what the network is called: the bridge's name, or the uplink's.
	Name(r plan.HostRequest, uplink string) string
	// Topology is what is made and moved, once: the plan names the uplink and
	// the bridge. An error is one sentence an operator can act on.
	Topology(plan.HostRequest, *plan.Snapshot) (plan.Plan, error)
	// Settings are what the host is set to while the network is there. They
	// are planned again whenever it is started again.
	Settings(plan.HostRequest, *plan.Snapshot) plan.Plan
}

// table holds every mode by name: explicit, so that it can be read.
func table() map[string]Mode {
	return map[string]Mode{
		"bridge":      bridge.Mode{},
		"nat":         nat.Mode{},
		"openvswitch": openvswitch.Mode{},
		"route":       route.Mode{},
	}
}

// FindNetwork returns the host's side of a mode.
func FindNetwork(name string) (Network, error) {
	switch name {
	case "bridge":
		return bridge.Network{}, nil
	case "nat":
		return nat.Network{}, nil
	case "route":
		return route.Network{}, nil
	}
	return nil, fmt.Errorf("there is no network of mode %q; there are bridge, nat, route", name)
}

// Find returns the mode of a name.
func Find(name string) (Mode, error) {
	if m, ok := table()[name]; ok {
		return m, nil
	}
	return nil, fmt.Errorf("there is no mode %q; there are %s", name, strings.Join(Names(), ", "))
}

// Names lists the modes there are, sorted.
func Names() []string { return slices.Sorted(maps.Keys(table())) }
