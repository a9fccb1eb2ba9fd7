package firewall

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"vifctl/hooks/plan"
)

// With a role these of the hostile frames are a guest's to send: those whose names begin
// like one of the words.
var ofRole = map[plan.Role][]string{
	plan.RoleVRRP:            {"VRRP", "ARP with a virtual", "a virtual router's"},
	plan.RoleOSPF:            {"OSPF"},
	plan.RoleMulticastRouter: {"PIM", "IGMP query", "DVMRP", "multicast router", "multicast listener query"},
	plan.RoleRouter:          {"router advertisement", "ICMP redirect", "ICMPv6 redirect", "ICMP router advertisement"},
	plan.RoleDHCPServer: {
		"DHCP offer", "DHCPv6", "DHCP release for", "DHCP decline for", "DHCP for another's", "DHCP with a longer", "DHCP of", "DHCP as a relay",
		"DHCP in a first", "DHCP's ports",
	},
}

// What no role opens: wrappings, and what has no address.
var ofNoRole = []string{
	"behind", "in a first fragment", "in a later fragment", "in VLAN", "in SNAP", "without options", "around the bridge",
}

// opened reports whether a role lets a hostile frame through.
func opened(role plan.Role, on where, name string) bool {
	if !slices.ContainsFunc(ofRole[role], func(word string) bool { return strings.HasPrefix(name, word) }) {
		return false
	}
	switch {
	case role == plan.RoleDHCPServer:
		// Of what has no address it stays a client's.
		return name != "DHCP for another's hardware address" && name != "DHCP for another's hardware address by one's own client identifier"
	case name == "multicast router advertisement behind options":
		return true
	case on == router && name == "router advertisement in VLAN 0":
		return true // the host has taken the tag off
	}
	return !slices.ContainsFunc(ofNoRole, func(word string) bool { return strings.Contains(name, word) })
}

// TestRoles: what an entry allows passes, from the guest's own addresses, and nothing
// else does; a role is no other guest's, and ends with its rules.
func TestRoles(t *testing.T) {
	for _, role := range plan.Roles() {
		for _, mode := range []string{"bridge", "route"} {
			t.Run(string(role)+" "+mode, func(t *testing.T) {
				t.Parallel()
				on := map[string]where{"bridge": bridge, "route": router}[mode]
				r := newRange(t, mode == "bridge")
				f := r.host.open(Options{})
				rules := r.planned(mode, role)
				mustChange(t, f, rules, nil)
				wantInForce(t, f, true, rules...)
				if mode == "bridge" {
					r.guard(true)
				}
				count := 0
				volley := func(when string, allowed bool) {
					for _, fr := range hostile {
						if fr.on&on == 0 {
							continue
						}
						want := allowed && opened(role, on, fr.name)
						if want {
							count++
						}
						if got := r.received(fr); got != want {
							t.Errorf("%s: %s: received: %v", when, fr.name, got)
						}
					}
					for _, fr := range legitimate {
						if fr.on&on != 0 && !r.received(fr) {
							t.Errorf("%s: %s: not received", when, fr.name)
						}
					}
				}
				volley("allowed", true)
				require.Positive(t, count)
				r.host.reload()
				volley("listed and loaded", true)
				without := r.planned(mode)
				mustChange(t, f, without, slices.DeleteFunc(rules, func(r plan.Rule) bool { return r.Kind != plan.RuleRole }))
				volley("no longer allowed", false)
			})
		}
	}
}

// TestVirtualRouter: a guest that may speak VRRP speaks for its own addresses alone, also
// from the virtual router's hardware address.
func TestVirtualRouter(t *testing.T) {
	t.Parallel()
	r := newRange(t, true)
	f := r.host.open(Options{})
	rules := r.planned("bridge", plan.RoleVRRP)
	mustChange(t, f, rules, nil)
	r.guard(true)
	const virtual4, virtual6 = "00:00:5e:00:01:33", "00:00:5e:00:02:33"
	for _, fr := range []frame{
		frameOf("ARP", eth(virtual4, everybody, 0x0806, arp(1, virtual4, own4, noMAC, own4))),
		frameOf("ARP from its own", eth(mac1, everybody, 0x0806, arp(2, virtual4, own4, noMAC, own4))),
		frameOf("TCP", eth(virtual4, hostMAC, 0x0800, ip4(own4, host4, tcp, 0, tcpSYN(1, 80)))),
		frameOf("advertisement", eth(virtual6, group6, 0x86dd, nd(own6, all6, 136, flags, ip(own6), option(2, virtual6)))),
		frameOf("solicitation", eth(virtual6, group6, 0x86dd, nd(own6, all6, 135, flags, ip(host6), option(1, virtual6)))),
	} {
		require.True(t, r.received(fr), fr.name)
	}
	for _, fr := range []frame{
		frameOf("ARP for another's address", eth(virtual4, everybody, 0x0806, arp(1, virtual4, other4, noMAC, other4))),
		frameOf("ARP from another's hardware address", eth(virtual4, everybody, 0x0806, arp(1, mac2, own4, noMAC, own4))),
		frameOf("another's address", eth(virtual4, hostMAC, 0x0800, ip4(other4, host4, tcp, 0, tcpSYN(1, 80)))),
		frameOf("advertisement for another", eth(virtual6, group6, 0x86dd, nd(own6, all6, 136, flags, ip(other6), option(2, virtual6)))),
		frameOf("VRRP from another's address", eth(virtual4, "01:00:5e:00:00:12", 0x0800, ip4(other4, "224.0.0.18", vrrp, 0, vrrp4))),
		frameOf("an address that is none of VRRP's", eth("00:00:5e:00:03:33", hostMAC, 0x0800, ip4(own4, host4, tcp, 0, tcpSYN(1, 80)))),
		frameOf("spanning tree", llc(virtual4, "01:80:c2:00:00:00", cat([]byte{0x42, 0x42, 3}, make([]byte, 35)))),
	} {
		require.False(t, r.received(fr), fr.name)
	}
}
