package ownership

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"vifctl/hooks/plan"
)

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

// prefixes takes addresses as well.
func prefixes(words string) (list []netip.Prefix) {
	for _, w := range strings.Fields(words) {
		if a, err := netip.ParseAddr(w); err == nil {
			list = append(list, single(a))
		} else {
			list = append(list, netip.MustParsePrefix(w))
		}
	}
	return list
}

func addrs(words string) (list []netip.Addr) {
	for _, w := range strings.Fields(words) {
		list = append(list, addr(w))
	}
	return list
}

// forward listens on the uplink's address where listen is "".
func forward(listen, protocol string, first, last uint16) Forward {
	f := Forward{Protocol: protocol, First: first, Last: last}
	if listen != "" {
		f.Listen = addr(listen)
	}
	return f
}

func network(dev, prefix string) Network { return Network{dev, netip.MustParsePrefix(prefix)} }

func own(dev, a string) Own { return Own{Dev: dev, Addr: addr(a), First: true} }

func hop(a, dev, dst string) NextHop {
	return NextHop{Addr: addr(a), Dev: dev, Dst: netip.MustParsePrefix(dst), Table: plan.MainTable}
}

// scene is a host with two cards and an inner bridge, on which guest db runs.
func scene() Facts {
	vpn := hop("192.0.2.9", "eth0", "0.0.0.0/0")
	vpn.Table = 77
	second := own("eth0", "192.0.2.7")
	second.First = false
	return Facts{
		Own: []Own{
			own("eth0", "192.0.2.1"), second, own("eth0", "2001:db8:f::1"), own("eth1", "198.51.100.2"), own("eth1", "2001:db8:e::2"),
			own("xenbr0", "10.0.0.1"), own("xenbr0", "2001:db8:d::1"), own("wg0", "10.7.0.1"),
		},
		NextHops: []NextHop{
			hop("192.0.2.254", "eth0", "0.0.0.0/0"), hop("192.0.2.254", "eth0", "172.31.0.0/16"), hop("2001:db8:f::254", "eth0", "::/0"),
			hop("198.51.100.254", "eth1", "172.16.0.0/12"), hop("fe80::1", "eth1", "::/0"), vpn,
			hop("10.9.0.5", "vif5.0", "172.20.0.0/16"), hop("10.0.0.3", "xenbr0", "172.21.0.0/16"), hop("2001:db8:d::3", "xenbr0", "2001:db8:21::/48"),
		},
		Networks: []Network{
			network("eth0", "192.0.2.0/24"), network("eth0", "2001:db8:f::/64"), network("eth1", "198.51.100.0/24"), network("eth1", "2001:db8:e::/64"),
			network("xenbr0", "10.0.0.0/24"), network("xenbr0", "2001:db8:d::/64"), network("wg0", "10.7.0.0/31"),
		},
		Listeners: []Listener{
			{Addr: addr("0.0.0.0"), Protocol: "tcp", Port: 22, Program: "sshd"},
			{Addr: addr("::"), Protocol: "tcp", Port: 22, Program: "sshd"},
			{Addr: addr("::"), Protocol: "tcp", Port: 9100, Program: "node_exporter"},
			{Addr: addr("::"), Only6: true, Protocol: "tcp", Port: 6000, Program: "six"},
			{Addr: addr("192.0.2.7"), Protocol: "udp", Port: 53, Program: "named"},
			{Addr: addr("127.0.0.1"), Protocol: "tcp", Port: 25, Program: "master"},
			{Addr: addr("2001:db8:f::1"), Protocol: "udp", Port: 123},
		},
		Others: []Other{{
			Who: Who{Guest: "db", UUID: "db's", NIC: plan.NIC{Domid: 3}}, Uplink: "eth0",
			Routed: prefixes("10.9.0.9 2001:db8:9::/64"), Public: addrs("192.0.2.50 2001:db8:f::50"), Leaves: addrs("192.0.2.7 203.0.113.77"),
			Forwards: []Forward{forward("", "tcp", 5000, 5010), forward("2001:db8:f::1", "udp", 5000, 5000), forward("192.0.2.60", "tcp", 80, 80)},
		}},
		Lookups: map[netip.Addr]Lookup{
			addr("10.0.5.255"): {Fate: Broadcast}, addr("10.200.0.1"): {Fate: Local}, addr("192.0.2.44"): {Fate: Local},
			addr("203.0.113.5"): {Fate: OnLink, Dev: "eth2"}, addr("203.0.113.6"): {Fate: OnLink, Dev: "vif5.0"},
			addr("203.0.113.7"): {Fate: Via, Dev: "eth0", Gateway: addr("192.0.2.254")}, addr("192.0.2.50"): {Fate: Local},
		},
	}
}

// web is the guest that claims: its mode is route unless a case says otherwise.
func web() Claim {
	return Claim{
		Who: Who{Guest: "web", UUID: "web's", NIC: plan.NIC{Domid: 5}}, Mode: "route", Ports: []string{"vif5.0", "vif5.0-emu"}, Bridge: "xenbr0", Uplink: "eth0",
	}
}

const (
	cannot = ": a guest cannot have it; give the guest another address"
	all    = ": a guest cannot have all of it; give the guest single addresses, or a prefix without that"
	mask   = ": give the guest's addresses alone, without mask and gateway"
	public = ": it cannot be public for this guest; take another public address"
	gate   = ": the host cannot answer for it as the guest's gateway; set `gateway` to an address that is free, or to the host's own"
	byRule = ": the rule that a guest's gateway is 127 above or below its address comes to it; set `gateway` to an address that is free, or to the host's own"
)

type judged struct {
	name              string
	claim             func(*Claim)
	refused, warnings []string
}

func check(t *testing.T, cases []judged) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			claim := web()
			c.claim(&claim)
			refused, warnings := Judge(claim, scene())
			require.ElementsMatch(t, c.refused, refused)
			require.ElementsMatch(t, c.warnings, warnings)
		})
	}
}

func asks(words string) func(*Claim) { return func(c *Claim) { c.Addresses = prefixes(words) } }

func in(mode, words string) func(*Claim) {
	return func(c *Claim) { c.Mode, c.Addresses = mode, prefixes(words) }
}

// A guest's address is not the host's, not a router's, and one that a host can have.
func TestAddress(t *testing.T) {
	t.Parallel()
	router4 := []string{"192.0.2.254 is the router of eth0 (default route)" + cannot}
	router6 := []string{"2001:db8:f::254 is the router of eth0 (default route)" + cannot}
	check(t, []judged{
		{name: "free ones", claim: asks("192.0.2.10 2001:db8:f::10 10.50.0.1 2001:db8:50::1 203.0.113.7")},
		{name: "none", claim: asks("")},
		{name: "the router", claim: asks("192.0.2.254"), refused: router4},
		{name: "the router, IPv6", claim: asks("2001:db8:f::254"), refused: router6},
		{name: "in mode nat", claim: in("nat", "192.0.2.254 2001:db8:f::254"), refused: slices.Concat(router4, router6)},
		{name: "in a plugin's mode", claim: in("mine", "192.0.2.254"), refused: router4},
		{name: "beside the router", claim: asks("192.0.2.253 2001:db8:f::253")},
		{
			name: "a route's router", claim: func(c *Claim) { c.Addresses, c.Uplink = prefixes("198.51.100.254"), "eth1" },
			refused: []string{"198.51.100.254 is the router of eth1 (route to 172.16.0.0/12)" + cannot},
		},
		{name: "another table's router", claim: asks("192.0.2.9"), refused: []string{"192.0.2.9 is the router of eth0 (default route of table 77)" + cannot}},
		{name: "the guest is a router", claim: asks("10.9.0.5")},
		{
			name: "another guest is the router", claim: func(c *Claim) { c.Addresses, c.Ports = prefixes("10.9.0.5"), []string{"vif6.0"} },
			refused: []string{"10.9.0.5 is the router of vif5.0 (route to 172.20.0.0/16)" + cannot},
		},
		{
			name: "the host's own", claim: asks("192.0.2.1 192.0.2.7 2001:db8:f::1 10.7.0.1"), refused: []string{
				"192.0.2.1 is the host's own address on eth0" + cannot, "192.0.2.7 is the host's own address on eth0" + cannot,
				"2001:db8:f::1 is the host's own address on eth0" + cannot, "10.7.0.1 is the host's own address on wg0" + cannot,
			},
		},
		{name: "the host's by the kernel's word", claim: asks("10.200.0.1"), refused: []string{"10.200.0.1 is an address of the host's own" + cannot}},
		{name: "a netmask", claim: asks("172.44.0.2 255.255.255.0 172.44.0.1"), refused: []string{"255.255.255.0 is a netmask, not an address" + mask}},
		{
			name: "other netmasks", claim: asks("255.0.0.0 255.255.255.252 255.255.254.0 240.0.0.0 255.255.255.255 0.0.0.0"), refused: []string{
				"255.0.0.0 is a netmask, not an address" + mask, "255.255.255.252 is a netmask, not an address" + mask,
				"255.255.254.0 is a netmask, not an address" + mask, "240.0.0.0 is a netmask, not an address" + mask,
				"255.255.255.255 is a netmask or the broadcast address, not a host's address" + mask, "0.0.0.0 is the unspecified address" + cannot,
			},
		},
		{name: "no netmask, but reserved", claim: asks("255.255.0.1"), refused: []string{"255.255.0.1 is reserved" + cannot}},
		{name: "addresses that could be short masks", claim: asks("128.0.0.0 192.0.0.0")},
		{
			name: "no host's", claim: asks("224.0.0.5 127.0.0.2 169.254.1.1 0.0.0.7"), refused: []string{
				"224.0.0.5 is a multicast address" + cannot, "127.0.0.2 is a loopback address" + cannot,
				"169.254.1.1 is a link-local address" + cannot, "0.0.0.7 is reserved" + cannot,
			},
		},
		{
			name: "no host's, IPv6", claim: asks("ff02::1 ::1 fe80::7 :: ::ffff:192.0.2.10"), refused: []string{
				"ff02::1 is a multicast address" + cannot, "::1 is the loopback address" + cannot, "fe80::7 is a link-local address" + cannot,
				":: is the unspecified address" + cannot, "::ffff:192.0.2.10 is an IPv4 address written as an IPv6 one" + cannot,
			},
		},
		{
			name: "a network's ends", claim: asks("192.0.2.255 192.0.2.0 2001:db8:f::"), refused: []string{
				"192.0.2.255 is the broadcast address of 192.0.2.0/24 on eth0" + cannot, "192.0.2.0 is the network address of 192.0.2.0/24 on eth0" + cannot,
				"2001:db8:f:: is the all-routers address of 2001:db8:f::/64 on eth0" + cannot,
			},
		},
		{name: "IPv6 has no broadcast", claim: asks("2001:db8:f::ffff:ffff:ffff:ffff")},
		{name: "a broadcast address by the kernel's word", claim: asks("10.0.5.255"), refused: []string{"10.0.5.255 is a broadcast address" + cannot}},
		{
			name: "a network of two has no ends", claim: func(c *Claim) { c.Addresses, c.Uplink = prefixes("10.7.0.0"), "wg0" },
		},
		{name: "said twice, refused once", claim: asks("192.0.2.254 192.0.2.254"), refused: router4},
	})
}

// A prefix takes no network, no router and nothing of the host's.
func TestPrefix(t *testing.T) {
	t.Parallel()
	covers := func(p, what string) []string { return []string{p + " covers " + what + all} }
	check(t, []judged{
		{name: "free ones", claim: asks("10.50.0.0/16 2001:db8:50::/48 128.1.0.0/16")},
		{name: "the uplink's own network", claim: asks("192.0.2.0/24"), refused: covers("192.0.2.0/24", "192.0.2.1, the host's own address on eth0")},
		{name: "the uplink's own network, IPv6", claim: asks("2001:db8:f::/64"), refused: covers("2001:db8:f::/64", "2001:db8:f::1, the host's own address on eth0")},
		{name: "not masked", claim: asks("192.0.2.77/24"), refused: covers("192.0.2.0/24", "192.0.2.1, the host's own address on eth0")},
		{name: "more than it", claim: asks("192.0.0.0/16 2001:db8::/32"), refused: slices.Concat(
			covers("192.0.0.0/16", "192.0.2.1, the host's own address on eth0"), covers("2001:db8::/32", "2001:db8:d::1, the host's own address on xenbr0"))},
		{name: "the router's part of it", claim: asks("192.0.2.240/28 2001:db8:f::200/119"), refused: slices.Concat(
			covers("192.0.2.240/28", "192.0.2.254, the router of eth0"), covers("2001:db8:f::200/119", "2001:db8:f::254, the router of eth0"))},
		{name: "a free part of it", claim: asks("192.0.2.128/27 2001:db8:f:0:1::/80")},
		{
			name: "a network without an address of the host's", claim: func(c *Claim) { c.Addresses = prefixes("10.7.0.0/24") },
			refused: covers("10.7.0.0/24", "10.7.0.1, the host's own address on wg0"),
		},
		{name: "the guest is the router", claim: asks("10.9.0.4/30")},
		{name: "everything", claim: asks("0.0.0.0/0 ::/0"), refused: []string{"0.0.0.0/0 is every address there is" + all, "::/0 is every address there is" + all}},
		{name: "the halves", claim: asks("0.0.0.0/1 128.0.0.0/1 ::/1 8000::/1"), refused: []string{
			"0.0.0.0/1 overlaps 0.0.0.0/8, in which no host has an address" + all, "128.0.0.0/1 overlaps 169.254.0.0/16, in which no host has an address" + all,
			"::/1 overlaps ::/128, in which no host has an address" + all, "8000::/1 overlaps fe80::/10, in which no host has an address" + all,
		}},
		{name: "multicast", claim: asks("239.0.0.0/8 ff0e::/16 fe80::/64"), refused: []string{
			"239.0.0.0/8 overlaps 224.0.0.0/4, in which no host has an address" + all, "ff0e::/16 overlaps ff00::/8, in which no host has an address" + all,
			"fe80::/64 overlaps fe80::/10, in which no host has an address" + all,
		}},
	})
	// A network of which the host has no address there.
	f := Facts{Networks: []Network{network("eth3", "203.0.113.0/24"), network("eth3", "2001:db8:c::/64"), network("vif5.0", "10.5.0.0/24")}}
	c := web()
	c.Addresses = prefixes("203.0.112.0/23 203.0.113.0/24 2001:db8:c::/60 203.0.113.0/25 10.5.0.0/24")
	c.Uplink = "eth3"
	refused, warnings := Judge(c, f)
	require.Empty(t, warnings)
	require.ElementsMatch(t, slices.Concat(covers("203.0.112.0/23", "203.0.113.0/24, the network of eth3"), covers("203.0.113.0/24", "203.0.113.0/24, the network of eth3"),
		covers("2001:db8:c::/60", "2001:db8:c::/64, the network of eth3")), refused)
}

// A bridge's guest is its network's business; the host's address on that bridge is not.
func TestBridged(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"bridge", "openvswitch"} {
		check(t, []judged{
			{name: mode + ": in the bridge's network", claim: in(mode, "10.0.0.9 2001:db8:d::9")},
			{name: mode + ": the host's own", claim: in(mode, "10.0.0.1 2001:db8:d::1"), refused: []string{
				"10.0.0.1 is the host's own address on xenbr0" + cannot, "2001:db8:d::1 is the host's own address on xenbr0" + cannot,
			}},
			{name: mode + ": the host's own on another interface", claim: in(mode, "192.0.2.1 2001:db8:f::1")},
			{name: mode + ": another guest's", claim: in(mode, "10.9.0.9 192.0.2.50")},
			{name: mode + ": the router there", claim: in(mode, "10.0.0.3 2001:db8:d::3"), warnings: []string{
				"10.0.0.3 is the router of xenbr0 (route to 172.21.0.0/16): unless the guest is that router, give it another address",
				"2001:db8:d::3 is the router of xenbr0 (route to 2001:db8:21::/48): unless the guest is that router, give it another address",
			}},
			{name: mode + ": a router elsewhere", claim: in(mode, "192.0.2.254")},
			{name: mode + ": a netmask", claim: in(mode, "10.0.0.9 255.255.255.0"), refused: []string{"255.255.255.0 is a netmask, not an address" + mask}},
			{name: mode + ": its whole network", claim: in(mode, "10.0.0.0/24 2001:db8:d::/64"), warnings: []string{
				"10.0.0.0/24 covers 10.0.0.1, the host's own address on xenbr0: the guest may speak as the host; give the guest single addresses",
				"2001:db8:d::/64 covers 2001:db8:d::1, the host's own address on xenbr0: the guest may speak as the host; give the guest single addresses",
			}},
			{name: mode + ": a part of it", claim: in(mode, "10.0.0.64/26")},
			{name: mode + ": what means nothing there", claim: func(c *Claim) {
				c.Mode, c.Public, c.Gateway, c.Forwards = mode, addrs("192.0.2.1"), addr("192.0.2.254"), []Forward{forward("", "tcp", 22, 22)}
			}},
		})
	}
}

func publicIs(words string) func(*Claim) {
	return func(c *Claim) { c.Mode, c.Public = "nat", addrs(words) }
}

func leavesAs(words string) func(*Claim) {
	return func(c *Claim) { c.Mode, c.Leaves = "nat", addrs(words) }
}

// As which address a guest is masqueraded: the host's own is what is meant, and may be shared.
func TestLeaves(t *testing.T) {
	t.Parallel()
	const as = ": what this guest sends cannot leave as it; take an address of the host's own in `masquerade`"
	check(t, []judged{
		{name: "the host's own", claim: leavesAs("192.0.2.1 2001:db8:f::1 198.51.100.2")},
		{name: "as another guest", claim: leavesAs("192.0.2.7")},
		{name: "the guest's own public one", claim: func(c *Claim) { c.Mode, c.Leaves, c.Public = "nat", addrs("192.0.2.44"), addrs("192.0.2.44") }},
		{name: "no address of the host's", claim: leavesAs("192.0.2.40"), warnings: []string{
			"192.0.2.40 is on no interface of this host: answers to what the guest sends as it come here only if they are routed here; put it on the uplink, or take another address in `masquerade`",
		}},
		{name: "the router's", claim: leavesAs("192.0.2.254"), refused: []string{"192.0.2.254 is the router of eth0 (default route)" + as}},
		{name: "a broadcast address", claim: leavesAs("192.0.2.255"), refused: []string{"192.0.2.255 is the broadcast address of 192.0.2.0/24 on eth0" + as}},
		{name: "another guest's public one", claim: leavesAs("192.0.2.50"), refused: []string{"192.0.2.50 is the public address of guest db" + as}},
		{name: "another guest's own", claim: leavesAs("10.9.0.9"), refused: []string{"10.9.0.9 is routed to guest db" + as}},
		{name: "public, of what another leaves as", claim: publicIs("203.0.113.77"), refused: []string{"203.0.113.77 is what guest db is masqueraded as" + public}},
		{name: "routed, of what another leaves as", claim: asks("203.0.113.77"), refused: []string{"203.0.113.77 is what guest db is masqueraded as" + cannot}},
		{name: "means nothing in mode route", claim: func(c *Claim) { c.Leaves = addrs("192.0.2.254") }},
	})
}

func TestPublic(t *testing.T) {
	t.Parallel()
	check(t, []judged{
		{name: "free ones", claim: publicIs("192.0.2.40 2001:db8:f::40 203.0.113.7")},
		{name: "up already", claim: publicIs("192.0.2.44")},
		{name: "the host's", claim: publicIs("192.0.2.1 2001:db8:f::1 198.51.100.2"), refused: []string{
			"192.0.2.1 is the host's own address on eth0" + public, "2001:db8:f::1 is the host's own address on eth0" + public,
			"198.51.100.2 is the host's own address on eth1" + public,
		}},
		{name: "the router's", claim: publicIs("192.0.2.254 2001:db8:f::254"), refused: []string{
			"192.0.2.254 is the router of eth0 (default route)" + public, "2001:db8:f::254 is the router of eth0 (default route)" + public,
		}},
		{name: "no host's", claim: publicIs("192.0.2.255 255.255.255.0 fe80::9"), refused: []string{
			"192.0.2.255 is the broadcast address of 192.0.2.0/24 on eth0" + public, "255.255.255.0 is a netmask, not an address" + public,
			"fe80::9 is a link-local address" + public,
		}},
		{name: "another guest's", claim: publicIs("192.0.2.50 2001:db8:f::50"), refused: []string{
			"192.0.2.50 is the public address of guest db" + public, "2001:db8:f::50 is the public address of guest db" + public,
		}},
		{name: "routed to another guest", claim: publicIs("10.9.0.9 2001:db8:9::7"), refused: []string{
			"10.9.0.9 is routed to guest db" + public, "2001:db8:9::7 is part of 2001:db8:9::/64, which is routed to guest db" + public,
		}},
		{name: "forwarded to another guest", claim: publicIs("192.0.2.60"), refused: []string{"192.0.2.60 leads to guest db with tcp port 80" + public}},
		{name: "of another card", claim: publicIs("198.51.100.9 2001:db8:e::9"), warnings: []string{
			"198.51.100.9 is in 198.51.100.0/24, the network of eth1, and the guest's uplink is eth0, so nothing answers for it there: name eth1 by gatewaydev= or `uplink`",
			"2001:db8:e::9 is in 2001:db8:e::/64, the network of eth1, and the guest's uplink is eth0, so nothing answers for it there: name eth1 by gatewaydev= or `uplink`",
		}},
		{name: "where they mean nothing", claim: func(c *Claim) { c.Public = addrs("192.0.2.1") }},
	})
}

func TestGateway(t *testing.T) {
	t.Parallel()
	is := func(mode, gateway string, rule bool) func(*Claim) {
		return func(c *Claim) {
			c.Mode, c.RuleGateway = mode, rule
			if a := addr(gateway); a.Is6() {
				c.Gateway6 = a
			} else {
				c.Gateway = a
			}
		}
	}
	check(t, []judged{
		{name: "free", claim: is("nat", "192.168.1.129", true)},
		{name: "the host's own", claim: is("route", "192.0.2.1", false)},
		{name: "the host's own, IPv6", claim: is("route", "2001:db8:f::1", false)},
		{name: "the router", claim: is("route", "192.0.2.254", false), refused: []string{"192.0.2.254 is the router of eth0 (default route)" + gate}},
		{name: "the router, IPv6", claim: is("nat", "2001:db8:f::254", false), refused: []string{"2001:db8:f::254 is the router of eth0 (default route)" + gate}},
		{name: "the router, by the rule", claim: is("nat", "192.0.2.254", true), refused: []string{"192.0.2.254 is the router of eth0 (default route)" + byRule}},
		{name: "the rule is not IPv6's", claim: is("nat", "2001:db8:f::254", true), refused: []string{"2001:db8:f::254 is the router of eth0 (default route)" + gate}},
		{name: "a link-local one, as routers have", claim: is("nat", "fe80::1", false)},
		{name: "broadcast", claim: is("nat", "192.0.2.255", true), refused: []string{"192.0.2.255 is the broadcast address of 192.0.2.0/24 on eth0" + byRule}},
		{name: "a netmask", claim: is("route", "255.255.255.0", false), refused: []string{"255.255.255.0 is a netmask, not an address" + gate}},
		{name: "another guest's public address", claim: is("nat", "192.0.2.50", false), refused: []string{"192.0.2.50 is the public address of guest db" + gate}},
		{name: "another guest's", claim: is("nat", "10.9.0.9", false), refused: []string{"10.9.0.9 is routed to guest db" + gate}},
	})
}

// A second card's network is named.
func TestOtherUplink(t *testing.T) {
	t.Parallel()
	const say = ", so nothing answers for it there: name eth1 by gatewaydev= or `uplink`"
	check(t, []judged{
		{name: "of another card", claim: asks("198.51.100.10 2001:db8:e::10 198.51.100.128/28"), warnings: []string{
			"198.51.100.10 is in 198.51.100.0/24, the network of eth1, and the guest's uplink is eth0" + say,
			"2001:db8:e::10 is in 2001:db8:e::/64, the network of eth1, and the guest's uplink is eth0" + say,
			"198.51.100.128 is in 198.51.100.0/24, the network of eth1, and the guest's uplink is eth0" + say,
		}},
		{name: "named", claim: func(c *Claim) { c.Addresses, c.Uplink = prefixes("198.51.100.10 2001:db8:e::10"), "eth1" }},
		{name: "the first card's, by the second", claim: func(c *Claim) { c.Addresses, c.Uplink = prefixes("192.0.2.10"), "eth1" }, warnings: []string{
			"192.0.2.10 is in 192.0.2.0/24, the network of eth0, and the guest's uplink is eth1, so nothing answers for it there: name eth0 by gatewaydev= or `uplink`",
		}},
		{name: "without an uplink", claim: func(c *Claim) { c.Addresses, c.Uplink = prefixes("198.51.100.10"), "" }, warnings: []string{
			"198.51.100.10 is in 198.51.100.0/24, the network of eth1, and the guest has no uplink" + say,
		}},
		{name: "a private address", claim: in("nat", "198.51.100.10 198.51.100.128/28")},
		{name: "IPv6, which is routed in mode nat", claim: in("nat", "2001:db8:e::10"), warnings: []string{
			"2001:db8:e::10 is in 2001:db8:e::/64, the network of eth1, and the guest's uplink is eth0" + say,
		}},
		{name: "by the kernel's word", claim: asks("203.0.113.5"), warnings: []string{
			"203.0.113.5 is reached through eth2, and the guest's uplink is eth0, so nothing answers for it there: name eth2 by gatewaydev= or `uplink`",
		}},
		{name: "there already", claim: asks("203.0.113.6")},
		{name: "refused, not warned of as well", claim: asks("198.51.100.2"), refused: []string{"198.51.100.2 is the host's own address on eth1" + cannot}},
	})
	// The most specific network counts, and one that the uplink is in, too, is its.
	f := Facts{Networks: []Network{
		network("eth0", "10.0.0.0/8"), network("eth1", "10.1.0.0/16"), network("eth2", "10.1.0.0/16"), network("eth1", "10.2.0.0/16"), network("eth0", "10.2.0.0/16"),
	}}
	c := web()
	c.Addresses = prefixes("10.1.0.5 10.2.0.5 10.3.0.5")
	refused, warnings := Judge(c, f)
	require.Empty(t, refused)
	require.Equal(t, []string{"10.1.0.5 is in 10.1.0.0/16, the network of eth1, and the guest's uplink is eth0" + say}, warnings)
}
