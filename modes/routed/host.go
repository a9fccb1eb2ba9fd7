package routed

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"vifctl/hooks/plan"
)

// acceptRA is whether an interface of the host's learns from routers'
// advertisements: 1 unless the host forwards, 2 in any case.
var acceptRA = plan.SysctlName{Table: "ipv6/conf", Name: "accept_ra"}

const (
	strictDefault = "net/ipv4/conf/default/rp_filter"
	strictAll     = "net/ipv4/conf/all/rp_filter"
)

// HostNeeds is what Uplink and Host look at.
func HostNeeds(r plan.HostRequest) plan.Query {
	q := plan.Query{
		AllLinks:   true,
		Everywhere: []plan.SysctlName{acceptRA},
		Settings:   []string{strictDefault, strictAll, plan.Forwarding{Family: 6}.Path()},
	}
	if !r.NoUplink {
		q.Uplink = &plan.UplinkQuery{Name: r.Uplink, Fallback: plan.FallbackUplink}
	}
	for _, t := range tables(r.Guests) {
		q.Settings = append(q.Settings, t.path)
	}
	return q
}

// Uplink finds the host's way out, and changes nothing of it.
func Uplink(r plan.HostRequest, s *plan.Snapshot) (plan.Plan, error) {
	switch {
	case r.NoUplink:
		return plan.Plan{}, fmt.Errorf("guests are routed to an uplink: netdev=none is for a bridge, and for mode nat")
	case s.Uplink == nil && r.Uplink != "":
		return plan.Plan{}, fmt.Errorf("the uplink %s does not exist: bring it up, or name another with netdev=", r.Uplink)
	case s.Uplink == nil:
		return plan.Plan{}, fmt.Errorf("this host has no default route to take its uplink from: name the uplink with netdev=")
	}
	return plan.Plan{Uplink: s.Uplink.Dev}, nil
}

// Host is what the modes have in common in which the host is a router.
func Host(r plan.HostRequest, s *plan.Snapshot) plan.Plan {
	var p plan.Plan
	add := func(steps ...plan.Step) { p.Steps = append(p.Steps, steps...) }
	add(plan.Forwarding{Family: 4})
	if six := (plan.Forwarding{Family: 6}); s.Settings[six.Path()] == "" {
		p.Warn("%s is not there: this kernel has no IPv6, so none is forwarded", six.Path())
	} else {
		// First, or the kernel forgets the routers that it has learnt of.
		for _, dev := range advised(s) {
			add(plan.Sysctl{Dev: dev, Table: acceptRA.Table, Name: acceptRA.Name, Want: "2", Optional: true})
		}
		add(six)
	}
	if s.Uplink != nil {
		setting := func(table, name, want string) {
			add(plan.Sysctl{Dev: s.Uplink.Dev, Table: table, Name: name, Want: want, Optional: true})
		}
		setting("ipv6/conf", "proxy_ndp", "1")
		// Else the first packet to a guest may wait 0.8 s for the answer.
		setting("ipv4/neigh", "proxy_delay", "0")
		setting("ipv6/neigh", "proxy_delay", "0")
	}
	if s.Settings[strictAll] == "1" || s.Settings[strictDefault] == "1" || s.Settings[strictDefault] == "2" {
		// The route to a guest leads to its emulated NIC while there is one,
		// and what its PV driver sends arrives at the other port.
		add(plan.Setting{Path: strictDefault, Want: "2"})
	}
	room(&p, r.Guests, s)
	return p
}

// advised are the interfaces of the host's own that learn from routers.
func advised(s *plan.Snapshot) []plan.Dev {
	var list []plan.Dev
	for _, index := range slices.Sorted(maps.Keys(s.Links)) {
		l := s.Links[index]
		// One that no call of ours brought up goes by its name.
		guest := l.Guest || strings.HasPrefix(l.Name, "vif") || strings.HasPrefix(l.Name, "tap")
		// 2 as well: by an earlier start.
		v := s.Sysctls[acceptRA.Of(index)]
		if (v == "1" || v == "2") && l.Up && l.Master == 0 && l.Name != "lo" && !guest {
			list = append(list, l.Dev)
		}
	}
	return list
}
