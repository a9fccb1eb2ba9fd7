package firewall

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vifctl/hooks/plan"
	"vifctl/tests/speed"
)

// poison are frames from a hardware address that is not the guest's, each of which makes
// a bridge learn that the address is behind the guest's port.
var poison = func() map[string]func(mac string) []byte {
	all := map[string]func(mac string) []byte{
		"IPv4": func(mac string) []byte {
			return eth(mac, hostMAC, 0x0800, ip4(own4, host4, udp, 0, udpSegment(1, 2, nil)))
		},
		"IPv6":     func(mac string) []byte { return eth(mac, hostMAC, 0x86dd, ip6(own6, host6, tcp, tcpSYN(1, 80))) },
		"a tunnel": func(mac string) []byte { return eth(mac, hostMAC, 0x0800, ip4(own4, host4, 47, 0, make([]byte, 40))) },
		"ARP":      func(mac string) []byte { return eth(mac, everybody, 0x0806, arp(1, mac1, own4, noMAC, host4)) },
		"RARP":     func(mac string) []byte { return eth(mac, everybody, 0x8035, arp(3, mac1, "0.0.0.0", mac1, "0.0.0.0")) },
		"VLAN 0": func(mac string) []byte {
			return eth(mac, hostMAC, 0x8100, vlan(0, 0x0800, ip4(own4, host4, udp, 0, udpSegment(1, 2, nil))))
		},
		"VLAN 5": func(mac string) []byte {
			return eth(mac, hostMAC, 0x8100, vlan(5, 0x0800, ip4(own4, host4, udp, 0, udpSegment(1, 2, nil))))
		},
		"two tags": func(mac string) []byte {
			return eth(mac, hostMAC, 0x88a8, vlan(0, 0x8100, vlan(0, 0x0806, arp(1, mac1, own4, noMAC, host4))))
		},
		"LLC":  func(mac string) []byte { return llc(mac, hostMAC, cat([]byte{0x42, 0x42, 3}, make([]byte, 40))) },
		"SNAP": func(mac string) []byte { return llc(mac, hostMAC, snap(0x0806, arp(1, mac1, own4, noMAC, host4))) },
		"IS-IS": func(mac string) []byte {
			return llc(mac, "01:80:c2:00:00:14", cat([]byte{0xfe, 0xfe, 3}, make([]byte, 40)))
		},
		"GVRP": func(mac string) []byte {
			return llc(mac, "01:80:c2:00:00:21", cat([]byte{0x42, 0x42, 3}, make([]byte, 40)))
		},
		"PVST": func(mac string) []byte {
			return llc(mac, "01:00:0c:cc:cc:cd", cat([]byte{0xaa, 0xaa, 3, 0, 0, 12}, be(0x010b), make([]byte, 40)))
		},
		"an unknown": func(mac string) []byte { return eth(mac, everybody, 0x9999, make([]byte, 46)) },
	}
	for last := range 16 {
		if last == 1 {
			continue // pause frames, which a bridge drops
		}
		group := fmt.Sprintf("01:80:c2:00:00:%02x", last)
		all[group] = func(mac string) []byte { return eth(mac, group, 0x88cc, make([]byte, 46)) }
		all[group+" in VLAN 0"] = func(mac string) []byte { return eth(mac, group, 0x8100, vlan(0, 0x88cc, make([]byte, 42))) }
		all[group+" in LLC"] = func(mac string) []byte { return llc(mac, group, cat([]byte{0x42, 0x42, 3}, make([]byte, 35))) }
		all[group+", IPv4"] = func(mac string) []byte {
			return eth(mac, group, 0x0800, ip4(own4, host4, udp, 0, udpSegment(1, 2, nil)))
		}
	}
	return all
}()

// TestForwardingTable: no frame of a guest's tells the bridge that another's hardware
// address is behind its port, whatever the level; each would without us, and does again.
func TestForwardingTable(t *testing.T) {
	for _, level := range []plan.RuleKind{plan.RuleStrict, plan.RuleMAC} {
		t.Run(string(level), func(t *testing.T) {
			t.Parallel()
			r := newRange(t, true)
			f := r.host.open(Options{})
			rules := r.planned("bridge")
			if level == plan.RuleMAC {
				rules = ownRules(level, true)[:2]
			}
			number := 0
			learnt := func(when string, want bool) {
				for name, frame := range poison {
					number++
					mac := fmt.Sprintf("02:00:00:00:%02x:%02x", number>>8, number&0xff)
					r.received(frameOf(name, frame(mac)))
					table := r.host.run("bridge", "fdb", "show", "br", "br0")
					if got := strings.Contains(table, mac+" dev vif1.0"); got != want {
						t.Errorf("%s, %s: learnt: %v", when, name, got)
					}
				}
			}
			learnt("without filtering", true)
			mustChange(t, f, rules, nil)
			r.guard(true)
			learnt("filtered", false)
			mustChange(t, f, nil, rules)
			r.guard(false)
			learnt("when the port has gone", true)
		})
	}
}

func frameOf(name string, bytes []byte) frame { return frame{name, bridge, bytes} }

// hello is a bridge's (IEEE 802.1D, section 9), which says that it is the root.
func hello(from string) []byte {
	return llc(from, "01:80:c2:00:00:00", cat(
		[]byte{0x42, 0x42, 3}, make([]byte, 5),
		make([]byte, 2), hw(from), make([]byte, 4), make([]byte, 2), hw(from), be(0x8001), be(0), be(20<<8), be(2<<8), be(15<<8),
	))
}

// TestSpanningTree: where a bridge takes part in it, a guest neither becomes the root nor
// makes the bridge learn by it.
func TestSpanningTree(t *testing.T) {
	t.Parallel()
	r := newRange(t, true)
	r.host.run("ip", "link", "set", "br0", "down")
	r.host.run("ip", "link", "set", "br0", "type", "bridge", "stp_state", "1", "forward_delay", "200")
	r.host.run("ip", "link", "set", "br0", "up")
	forwards := func() bool {
		return strings.Contains(r.host.run("ip", "-d", "link", "show", "vif1.0"), "state forwarding")
	}
	require.Eventually(t, forwards, 10*speed.Patience, 50*time.Millisecond)
	f := r.host.open(Options{})
	rules := r.planned("bridge")
	mustChange(t, f, rules, nil)
	r.guard(true)
	isRoot := func() bool { return strings.Contains(r.host.run("ip", "-d", "link", "show", "br0"), "root_port 0 ") }
	require.True(t, isRoot())
	for _, from := range []string{mac1, mac2} {
		require.False(t, r.received(frameOf("a hello", hello(from))))
	}
	require.True(t, isRoot())
	require.NotContains(t, r.host.run("bridge", "fdb", "show", "br", "br0"), mac2)

	mustChange(t, f, nil, rules)
	r.guard(false)
	r.send("vif1.0", hello(mac2))
	require.Eventually(t, func() bool { return !isRoot() }, speed.Patience, time.Millisecond, "it would become the root")
	require.Contains(t, r.host.run("bridge", "fdb", "show", "br", "br0"), mac2+" dev vif1.0")
}

// igmpMessage has the checksum a bridge wants.
func igmpMessage(kind, code int, body ...[]byte) []byte {
	m := icmpMessage(kind, code, body...)
	copy(m[2:], be(int(^sum(m))))
	return m
}

// routerWords are what makes a bridge take a port for one with a multicast router.
var routerWords = []frame{
	{"IGMP query", bridge, eth(mac1, "01:00:5e:00:00:01", 0x0800, ip4(own4, "224.0.0.1", igmp, 0, igmpMessage(0x11, 100, flags)))},
	{"IGMP query of version 1", bridge, eth(mac1, "01:00:5e:00:00:01", 0x0800, ip4(own4, "224.0.0.1", igmp, 0, igmpMessage(0x11, 0, flags)))},
	{"IGMP query of version 3", bridge, eth(mac1, "01:00:5e:00:00:01", 0x0800, ip4Options(own4, "224.0.0.1", igmp, 0, routerAlert, igmpMessage(0x11, 100, flags, []byte{2, 20, 0, 0})))},
	{"PIM hello", bridge, eth(mac1, "01:00:5e:00:00:0d", 0x0800, ip4(own4, "224.0.0.13", pim, 0, pimHello))},
	{"multicast router advertisement", bridge, eth(mac1, "01:00:5e:00:00:6a", 0x0800, ip4Options(own4, "224.0.0.106", igmp, 0, routerAlert, igmpMessage(0x30, 20, flags)))},
	{"MLD query", bridge, eth(mac1, group6, 0x86dd, ip6(own6Local, all6, 0, hopByHop(58, icmp6(own6Local, all6, 130, []byte{0x27, 0x10, 0, 0}, make([]byte, 16)))))},
	{"MLD query of version 2", bridge, eth(mac1, group6, 0x86dd, ip6(own6Local, all6, 0, hopByHop(58, icmp6(own6Local, all6, 130, []byte{0x27, 0x10, 0, 0}, make([]byte, 16), []byte{2, 20, 0, 0}))))},
	{"multicast router advertisement over IPv6 with an alert", bridge, eth(mac1, "33:33:00:00:00:6a", 0x86dd, ip6(own6Local, "ff02::6a", 0, hopByHop(58, icmp6(own6Local, "ff02::6a", 151, flags))))},
}

// TestMulticastRouterPorts: no frame of a guest's has its port get others' groups, unless
// its entry allows it to be a multicast router.
func TestMulticastRouterPorts(t *testing.T) {
	t.Parallel()
	r := newRange(t, true)
	r.host.run("ip", "link", "set", "br0", "type", "bridge", "mcast_snooping", "1")
	f := r.host.open(Options{})
	forget := func() {
		for _, n := range []string{"0", "1"} {
			r.host.run("ip", "link", "set", "vif1.0", "type", "bridge_slave", "mcast_router", n)
		}
	}
	volley := func(when string, want bool) {
		for _, fr := range routerWords {
			forget()
			r.received(fr)
			if got := strings.Contains(r.host.run("bridge", "-d", "mdb", "show"), "vif1.0"); got != want {
				t.Errorf("%s, %s: a router's port: %v", when, fr.name, got)
			}
		}
	}
	mdb := r.host.run("bridge", "-d", "mdb", "show")
	require.NotContains(t, mdb, "vif1.0")
	volley("without filtering", true)
	rules := r.planned("bridge")
	mustChange(t, f, rules, nil)
	volley("filtered", false)
	mustChange(t, f, nil, rules)
	rules = r.planned("bridge", plan.RoleMulticastRouter)
	mustChange(t, f, rules, nil)
	volley("allowed", true)
	mustChange(t, f, nil, rules)
	volley("when the port has gone", true)
}
