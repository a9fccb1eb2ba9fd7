// Package modes is the table of modes: what a port can be made into. A mode
// only decides; it imports plan's types and nothing that could read or change
// the host.
package modes

import (
	"fmt"
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

// Entry is everything about one mode.
type Entry struct {
	Name string
	// Scripts of Xen's whose names pick the mode.
	Scripts []string
	// Without are the keys of a guest's entry that mean nothing in the mode.
	Without []string
	Mode    Mode
	// Network is the host's side of the mode, nil where it has none.
	Network Network
}

// Table holds every mode: explicit, so that it can be read.
func Table() []Entry {
	return []Entry{
		{
			Name: "bridge", Scripts: []string{"vif-bridge"}, Mode: bridge.Mode{}, Network: bridge.Network{},
			Without: []string{"public", "forward", "nat66", "open6", "masquerade", "gateway", "uplink", "dhcp"},
		},
		{
			Name: "route", Scripts: []string{"vif-route", "vif-route-ifup"}, Mode: route.Mode{}, Network: route.Network{},
			Without: []string{"public", "forward", "nat66", "open6", "masquerade", "bridge", "vlan"},
		},
		{
			Name: "nat", Scripts: []string{"vif-nat"}, Mode: nat.Mode{}, Network: nat.Network{},
			Without: []string{"bridge", "vlan"},
		},
		{
			Name: "openvswitch", Scripts: []string{"vif-openvswitch"}, Mode: openvswitch.Mode{},
			Without: []string{"public", "forward", "nat66", "open6", "masquerade", "gateway", "uplink", "dhcp"},
		},
	}
}

// FindNetwork returns the host's side of a mode.
func FindNetwork(name string) (Network, error) {
	var with []string
	for _, e := range Table() {
		if e.Network == nil {
			continue
		}
		if e.Name == name {
			return e.Network, nil
		}
		with = append(with, e.Name)
	}
	slices.Sort(with)
	return nil, fmt.Errorf("there is no network of mode %q; there are %s", name, strings.Join(with, ", "))
}

// Find returns the mode of a name.
func Find(name string) (Mode, error) {
	for _, e := range Table() {
		if e.Name == name {
			return e.Mode, nil
		}
	}
	return nil, fmt.Errorf("there is no mode %q; there are %s", name, strings.Join(Names(), ", "))
}

// OfScript is the name of the mode that a script's name picks, "" for none.
func OfScript(script string) string {
	for _, e := range Table() {
		if slices.Contains(e.Scripts, script) {
			return e.Name
		}
	}
	return ""
}

// ScriptOf is the script whose name picks a mode, "" for one that only the configuration
// picks.
func ScriptOf(mode string) string {
	for _, e := range Table() {
		if e.Name == mode && len(e.Scripts) > 0 {
			return e.Scripts[0]
		}
	}
	return ""
}

// Understands reports whether a key of a guest's entry means something in a mode.
func Understands(mode, key string) bool {
	for _, e := range Table() {
		if e.Name == mode {
			return !slices.Contains(e.Without, key)
		}
	}
	return false
}

// Names lists the modes there are, sorted.
func Names() []string {
	var names []string
	for _, e := range Table() {
		names = append(names, e.Name)
	}
	slices.Sort(names)
	return names
}
