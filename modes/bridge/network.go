package bridge

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"vifctl/hooks/plan"
)

// Network is the host's side of the mode: what network-bridge does. The uplink
// becomes a port of a bridge, which takes over the host's addresses and routes.
type Network struct{}

// filters are the settings that send what a bridge forwards through iptables,
// for every bridge of the host.
var filters = [...]string{
	"net/bridge/bridge-nf-call-iptables", "net/bridge/bridge-nf-call-ip6tables", "net/bridge/bridge-nf-call-arptables",
}

// inherited are the settings that the bridge takes over from the uplink where
// they are not what a new interface has.
func inherited() (names []plan.SysctlName) {
	for table, list := range map[string]string{
		"ipv4/conf": "accept_local accept_redirects accept_source_route arp_accept arp_announce arp_filter arp_ignore arp_notify " +
			"forwarding log_martians promote_secondaries proxy_arp proxy_arp_pvlan route_localnet rp_filter secure_redirects " +
			"send_redirects shared_media src_valid_mark",
		"ipv6/conf": "accept_dad accept_ra accept_ra_defrtr accept_ra_min_hop_limit accept_ra_mtu accept_ra_pinfo " +
			"accept_ra_rt_info_max_plen accept_ra_rtr_pref accept_redirects accept_source_route addr_gen_mode autoconf " +
			"dad_transmits disable_ipv6 forwarding hop_limit max_addresses proxy_ndp router_solicitations use_tempaddr",
	} {
		for name := range strings.FieldsSeq(list) {
			names = append(names, plan.SysctlName{Table: table, Name: name})
		}
	}
	slices.SortFunc(names, func(a, b plan.SysctlName) int { return strings.Compare(a.Default(), b.Default()) })
	return names
}

// Needs implements modes.Network.
func (Network) Needs(r plan.HostRequest) plan.Query {
	q := plan.Query{AllLinks: true, Bridges: true, Settings: filters[:]}
	if !r.NoUplink {
		q.Uplink = &plan.UplinkQuery{Name: r.Uplink, Fallback: plan.FallbackUplink, Whole: true, Sysctls: inherited()}
	}
	return q
}

// Name implements modes.Network: a bridge without a name of its own takes the
// uplink's, which is renamed.
func (Network) Name(r plan.HostRequest, uplink string) string { return cmp.Or(r.Bridge, uplink) }

// Topology implements modes.Network.
func (Network) Topology(r plan.HostRequest, s *plan.Snapshot) (plan.Plan, error) {
	if r.NoUplink {
		return alone(r, s)
	}
	up := s.Uplink
	switch {
	case up == nil && r.Uplink != "":
		return plan.Plan{}, fmt.Errorf("the uplink %s does not exist: bring it up, or name another with netdev=", r.Uplink)
	case up == nil:
		return plan.Plan{}, fmt.Errorf("this host has no default route to take its uplink from: name the uplink with netdev=, or netdev=none for a bridge without one")
	}
	p := plan.Plan{Bridge: cmp.Or(r.Bridge, up.Name), Uplink: up.Dev}
	there, exists := s.LinkNamed(p.Bridge)
	switch {
	case up.Bridge && up.Name != p.Bridge:
		return p, fmt.Errorf("%s: make it a port of %s: it is a bridge itself: guests can join it as it is, with bridge=%s", up.Name, p.Bridge, up.Name)
	case exists && there.Bridge && (there.Index == up.Index || up.Master == there.Index):
		p.Warn("%s is a bridge already, made without vifctl: guests can use it, and vifctl neither changes nor removes it", p.Bridge)
		return p, nil
	case exists && there.Bridge:
		return p, fmt.Errorf("%s is a bridge already, made without vifctl, and %s is no port of it: make %[2]s its port there, or name another bridge with bridge=", p.Bridge, up.Name)
	case exists && there.Index != up.Index:
		return p, fmt.Errorf("%s: make the bridge: an interface of that name exists, and is no bridge: name another with bridge=", p.Bridge)
	case up.Master != 0:
		return p, fmt.Errorf("%s: make it a port of %s: it is a port of %s already", up.Name, p.Bridge, s.Links[up.Master].Dev)
	case up.MAC == "" || up.Name == "lo":
		return p, fmt.Errorf("%s: make it a port of %s: it is no Ethernet interface, so no bridge takes it", up.Name, p.Bridge)
	}
	port := up.Dev
	if exists {
		var err error
		if port, err = physical(r, up.Dev, s); err != nil {
			return p, err
		}
	}
	return p, rewire(&p, r, s, port)
}

// alone makes a bridge for guests alone.
func alone(r plan.HostRequest, s *plan.Snapshot) (plan.Plan, error) {
	p := plan.Plan{Bridge: r.Bridge}
	if r.Bridge == "" {
		return p, fmt.Errorf("a bridge without an uplink needs a name: bridge=")
	}
	if there, exists := s.LinkNamed(r.Bridge); exists && !there.Bridge {
		return p, fmt.Errorf("%s: make the bridge: an interface of that name exists, and is no bridge: name another with bridge=", r.Bridge)
	} else if exists {
		p.Warn("%s is a bridge already, made without vifctl: guests can use it, and vifctl neither changes nor removes it", p.Bridge)
		return p, nil
	}
	dev := plan.Dev{Name: r.Bridge, Index: r.Index}
	p.Steps = []plan.Step{plan.Bridge{Dev: dev, MAC: r.MAC}, plan.Up{Dev: dev, Want: true}}
	return p, nil
}

// physical is the uplink by the name it gets where the bridge takes its own:
// eth0 becomes peth0, as with xend.
func physical(r plan.HostRequest, up plan.Dev, s *plan.Snapshot) (plan.Dev, error) {
	const longest = 15
	port := plan.Dev{Name: "p" + up.Name, Index: up.Index}
	if len(port.Name) > longest {
		port.Name = port.Name[:longest]
	}
	for _, l := range s.Links {
		if l.Lower == up.Index && r.DownToRename {
			return port, fmt.Errorf("%s: rename to %s: %s stands on it, and would lose its routes, since this kernel takes %s down for that: give the bridge a name of its own with bridge=",
				up, port.Name, l.Name, up)
		}
	}
	if _, taken := s.LinkNamed(port.Name); taken {
		return port, fmt.Errorf("%s: rename to %s: an interface of that name exists: give the bridge a name of its own with bridge=", up, port.Name)
	}
	return port, nil
}

// Settings implements modes.Network.
func (Network) Settings(r plan.HostRequest, s *plan.Snapshot) plan.Plan {
	var p plan.Plan
	owners := others(r, s)
	var left []string
	for _, path := range filters {
		switch v, ok := s.Settings[path]; {
		case !ok:
		case v != "0" && owners != "":
			left = append(left, path)
		default:
			p.Steps = append(p.Steps, plan.Setting{Path: path, Want: "0"})
		}
	}
	if len(left) > 0 {
		p.Warn("what guests send each other through a bridge goes through iptables (%s): it is left so, because whoever made %s may rely on it",
			strings.Join(left, ", "), owners)
	}
	return p
}

// others names the bridges that are not ours, "" without any.
func others(r plan.HostRequest, s *plan.Snapshot) string {
	var names []string
	for _, l := range s.Bridges {
		if l.Name != r.Bridge && !slices.Contains(r.Ours, l.Index) {
			names = append(names, l.Name)
		}
	}
	return strings.Join(names, ", ")
}
