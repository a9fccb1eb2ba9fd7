package firewall

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"vifctl/hooks/plan"
)

// ofAnother are frames by which a guest that is held to its hardware address alone would
// have others believe that an address is at another's; none may be received.
var ofAnother = []frame{
	{"IPv4 with another's hardware address", both, eth(mac2, hostMAC, 0x0800, ip4(own4, host4, udp, 0, udpSegment(1000, 53, nil)))},
	{"a virtual router's hardware address", both, eth("00:00:5e:00:01:07", hostMAC, 0x0800, ip4(own4, host4, udp, 0, udpSegment(1000, 53, nil)))},
	{"ARP", both, eth(mac1, everybody, 0x0806, arp(1, mac2, own4, noMAC, host4))},
	{"ARP reply", both, eth(mac1, hostMAC, 0x0806, arp(2, mac2, own4, hostMAC, host4))},
	{"ARP in VLAN 0", bridge, eth(mac1, everybody, 0x8100, vlan(0, 0x0806, arp(2, mac2, other4, noMAC, host4)))},
	{"ARP in VLAN 5", bridge, eth(mac1, everybody, 0x8100, vlan(5, 0x0806, arp(2, mac2, other4, noMAC, host4)))},
	{"ARP in VLAN 0 of a provider's", bridge, eth(mac1, everybody, 0x88a8, vlan(0, 0x0806, arp(2, mac2, other4, noMAC, host4)))},
	{"ARP in two tags", bridge, eth(mac1, everybody, 0x8100, vlan(0, 0x8100, vlan(0, 0x0806, arp(2, mac2, other4, noMAC, host4))))},
	{"ARP in three tags", bridge, eth(mac1, everybody, 0x88a8, vlan(0, 0x8100, vlan(0, 0x8100, vlan(0, 0x0806, arp(2, mac2, other4, noMAC, host4)))))},
	{"ARP in SNAP", bridge, llc(mac1, everybody, snap(0x0806, arp(2, mac2, other4, noMAC, host4)))},
	{"ARP in SNAP of a bridge's", bridge, llc(mac1, everybody, cat([]byte{0xaa, 0xaa, 3, 0, 0, 0xf8}, be(0x0806), arp(2, mac2, other4, noMAC, host4)))},
	{"ARP in SNAP in VLAN 0", bridge, eth(mac1, everybody, 0x8100, vlan(0, 36, snap(0x0806, arp(2, mac2, other4, noMAC, host4))))},
	{"RARP", bridge, eth(mac1, everybody, 0x8035, arp(3, mac2, "0.0.0.0", mac2, "0.0.0.0"))},
	{"RARP reply", bridge, eth(mac1, everybody, 0x8035, arp(4, mac1, own4, mac2, other4))},
	{"RARP in VLAN 0", bridge, eth(mac1, everybody, 0x8100, vlan(0, 0x8035, arp(3, mac2, "0.0.0.0", mac2, "0.0.0.0")))},
	{"RARP in SNAP", bridge, llc(mac1, everybody, snap(0x8035, arp(3, mac2, "0.0.0.0", mac2, "0.0.0.0")))},
	{"advertisement", both, eth(mac1, group6, 0x86dd, nd(other6, all6, 136, flags, ip(other6), option(2, mac2)))},
	{"advertisement with two options", both, eth(mac1, group6, 0x86dd, nd(other6, all6, 136, flags, ip(other6), option(2, mac1), option(2, mac2)))},
	{"advertisement in VLAN 0", bridge, eth(mac1, group6, 0x8100, vlan(0, 0x86dd, nd(other6, all6, 136, flags, ip(other6), option(2, mac2))))},
	{"advertisement in two tags", bridge, eth(mac1, group6, 0x8100, vlan(0, 0x8100, vlan(0, 0x86dd, nd(other6, all6, 136, flags, ip(other6), option(2, mac2)))))},
	{"advertisement in SNAP", bridge, llc(mac1, group6, snap(0x86dd, nd(other6, all6, 136, flags, ip(other6), option(2, mac2))))},
	{"advertisement in SNAP in VLAN 0", bridge, eth(mac1, group6, 0x8100, vlan(0, 80, snap(0x86dd, nd(other6, all6, 136, flags, ip(other6), option(2, mac2)))))},
	{"advertisement behind hop-by-hop options", both, eth(mac1, group6, 0x86dd, ip6(other6, all6, 0, hopByHop(58, icmp6(other6, all6, 136, flags, ip(other6), option(2, mac2)))))},
	{"advertisement behind destination options", both, eth(mac1, group6, 0x86dd, ip6(other6, all6, 60, destination(58, icmp6(other6, all6, 136, flags, ip(other6), option(2, mac2)))))},
	{"advertisement in one fragment", both, eth(mac1, group6, 0x86dd, ip6(other6, all6, 44, fragment6(58, 0, false, icmp6(other6, all6, 136, flags, ip(other6), option(2, mac2)))))},
	{"advertisement in a first fragment", both, eth(mac1, group6, 0x86dd, ip6(other6, all6, 44, fragment6(58, 0, true, icmp6(other6, all6, 136, flags, ip(other6)))))},
	{"a first fragment without the header it carries", both, eth(mac1, group6, 0x86dd, ip6(other6, all6, 44, fragment6(60, 0, true, []byte{58, 1, 1, 4, 0, 0, 0, 0})))},
	{"solicitation", both, eth(mac1, group6, 0x86dd, nd(other6, all6, 135, flags, ip(host6), option(1, mac2)))},
	{"router solicitation", both, eth(mac1, group6, 0x86dd, nd(other6Local, routers6, 133, flags, option(1, mac2)))},
	{"router advertisement", both, eth(mac1, group6, 0x86dd, nd(other6Local, all6, 134, make([]byte, 12), option(1, mac2)))},
	{"redirect", both, eth(mac1, hostMAC, 0x86dd, nd(other6Local, other6, 137, flags, ip(other6), ip(host6), option(2, mac2)))},
	{"LLDP", bridge, eth(mac1, "01:80:c2:00:00:03", 0x88cc, make([]byte, 46))},
	{"spanning tree", bridge, llc(mac1, "01:80:c2:00:00:00", cat([]byte{0x42, 0x42, 3}, make([]byte, 35)))},
}

// ofItself are frames with its own: all may have any address.
var ofItself = []frame{
	{"IPv4", both, eth(mac1, hostMAC, 0x0800, ip4(other4, host4, udp, 0, udpSegment(1, 2, nil)))},
	{"IPv4 in VLAN 5", bridge, eth(mac1, hostMAC, 0x8100, vlan(5, 0x0800, ip4(other4, host4, udp, 0, udpSegment(1, 2, nil))))},
	{"ARP in VLAN 5", bridge, eth(mac1, everybody, 0x8100, vlan(5, 0x0806, arp(1, mac1, other4, noMAC, host4)))},
	{"ARP in SNAP", bridge, llc(mac1, everybody, snap(0x0806, arp(1, mac1, other4, noMAC, host4)))},
	{"ARP in SNAP in VLAN 5", bridge, eth(mac1, everybody, 0x8100, vlan(5, 36, snap(0x0806, arp(1, mac1, other4, noMAC, host4))))},
	{"RARP", bridge, eth(mac1, everybody, 0x8035, arp(3, mac1, "0.0.0.0", mac1, "0.0.0.0"))},
	{"advertisement", both, eth(mac1, group6, 0x86dd, nd(other6, all6, 136, flags, ip(other6), option(2, mac1)))},
	{"advertisement in VLAN 5", bridge, eth(mac1, group6, 0x8100, vlan(5, 0x86dd, nd(other6, all6, 136, flags, ip(other6), option(2, mac1))))},
	{"duplicate detection with a nonce", both, eth(mac1, group6, 0x86dd, nd(any6, all6, 135, flags, ip(other6), nonce()))},
	{"a large ping's first fragment", both, eth(mac1, hostMAC, 0x86dd, ip6(other6, host6, 44, fragment6(58, 0, true, icmp6(other6, host6, 128, flags, make([]byte, 64)))))},
	{"TCP behind destination options", both, eth(mac1, hostMAC, 0x86dd, ip6(other6, host6, 60, destination(tcp, tcpSYN(1000, 80))))},
	{"IPX", bridge, eth(mac1, everybody, 0x8137, make([]byte, 46))},
}

// TestMACOnly: a guest without known addresses is held to its hardware address,
// whatever it wraps it into.
func TestMACOnly(t *testing.T) {
	for _, bridged := range []bool{true, false} {
		t.Run(fmt.Sprintf("bridged=%v", bridged), func(t *testing.T) {
			t.Parallel()
			r := newRange(t, bridged)
			f := r.host.open(Options{})
			rules := ownRules(plan.RuleMAC, bridged)[:2]
			on := router
			if bridged {
				on = bridge
			}
			volley := func(when string, hostileArrive bool) {
				for _, fr := range ofAnother {
					if fr.on&on != 0 && r.received(fr) != hostileArrive {
						t.Errorf("%s, with another's: %s: received: %v", when, fr.name, !hostileArrive)
					}
				}
				for _, fr := range append(legitimate, ofItself...) {
					if fr.on&on != 0 && !r.received(fr) {
						t.Errorf("%s, with its own: %s: not received", when, fr.name)
					}
				}
			}
			volley("without filtering", true)
			mustChange(t, f, rules, nil)
			if bridged {
				r.guard(true)
			}
			volley("filtered", false)
			r.host.reload()
			volley("listed and loaded", false)
			mustChange(t, f, nil, rules)
			if bridged {
				r.guard(false)
			}
			volley("when the port has gone", true)
			require.NotEmpty(t, rules)
		})
	}
}
