package main

import (
	"fmt"
	"net/netip"
	"strings"

	"vifctl/tests/dom0"
)

// vlanScene: vlan= on a Linux bridge.
var vlanScene = scene{
	name:  "vlan",
	about: "guests on one bridge, which keeps their VLANs apart",
	admin: func(s *stage) error {
		r := s.Run("ip", "link", "add", "xenbr1", "type", "bridge", "vlan_filtering", "1")
		if r.Exit != 0 {
			return notHere{fmt.Errorf("this kernel's bridges keep no VLANs apart (CONFIG_BRIDGE_VLAN_FILTERING): %s", strings.TrimSpace(r.Stderr))}
		}
		// It is for guests alone, and without one it has no carrier that a link-local address would come with.
		r = s.Run("sysctl", "-q", "-w", "net.ipv6.conf.xenbr1.disable_ipv6=1")
		if dom0.HasIPv6() && r.Exit != 0 {
			return fmt.Errorf("sysctl: %s", r.Stderr)
		}
		return s.Configure("xenbr1")
	},
	guests: []guest{
		tagged("red1", 10, "xenbr1", "10"), tagged("red2", 11, "xenbr1", "10"), tagged("blue", 12, "xenbr1", "20"),
	},
	acts: func(s *stage) error {
		s.report.note("dom0 has xenbr1: ip link add xenbr1 type bridge vlan_filtering 1")
		return s.keepsApart()
	},
}

// tagged is a guest in a VLAN, of which its bridge or its vlan= says which.
func tagged(name string, domid int, bridge, vlan string) guest {
	g := guest{
		entry:     dom0.NIC{Domid: domid, Guest: name, Bridge: bridge},
		addresses: []string{fmt.Sprintf("192.0.2.%d/24", domid)},
	}
	if vlan != "" {
		g.entry.Keys = map[string]string{"vlan": vlan}
	}
	return g
}

// keepsApart brings three guests up of which the last one is in another VLAN than the others, and checks who hears whom.
func (s *stage) keepsApart() error {
	for _, g := range s.guests {
		if err := s.online(g); err != nil {
			return err
		}
	}
	one, two, stranger := s.guests[0], s.guests[1], s.guests[2]
	s.pings(one.inside, two.inside, " in VLAN 10", two.plain()...)
	// To all of the network, or the stranger would already fail to find out whom to tell.
	all := netip.AddrFrom4([4]byte{255, 255, 255, 255})
	says := func(g *guest) word {
		return word{"from " + g.inside.Name, g.inside, netip.MustParseAddr(g.plain()[0]), all}
	}
	s.report.check(check{
		what: fmt.Sprintf("%s, in another VLAN, calls all: %s does not hear it", stranger.inside.Name, two.inside.Name),
		err:  hearsOnly(two.inside, says(stranger), says(one)),
	})
	return nil
}
