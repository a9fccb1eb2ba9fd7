package openvswitch

import (
	"fmt"
	"net/netip"
	"slices"

	"vifctl/hooks/plan"
)

// What comes from a guarded port passes two tables of ours before table 0 sees
// it: the first checks who sent it, the second what it is. What passes goes back
// to table 0 with a register set, for other programs' flows to go on with, so that
// a bridge without any does what it always does.
const (
	entry = 65000 // the priority of what leads there, in table 0
	whose = 240
	what  = 241
)

const (
	passed = "NXM_NX_REG15[]"
	noMAC  = "00:00:00:00:00:00"
	// VRRP's hardware addresses (RFC 5798), whatever the virtual router.
	virtual4 = "00:00:5e:00:01:00/ff:ff:ff:ff:ff:00"
	virtual6 = "00:00:5e:00:02:00/ff:ff:ff:ff:ff:00"
	groups   = "01:80:c2:00:00:00/ff:ff:ff:ff:ff:f0"
	pass     = "actions=load:1->" + passed + ",resubmit(,0)"
	drop     = "actions=drop"
	toWhat   = "actions=resubmit(,241)"
	toWhose  = "actions=resubmit(,240)"
)

// flows are what a guard comes to, each without its cookie. Everything in them
// is a number, a hardware address or an IP address.
//
// OpenFlow cannot see the hardware address inside a DHCP message, the ports in a
// first fragment, an IGMP message's type, nor the options of a router
// solicitation: there hooks/firewall is stricter. Of IGMP it goes by the group.
func flows(g plan.SwitchGuard, port string) []string {
	f := list{port: port, macs: []string{g.MAC}, roles: g.Roles}
	if f.has(plan.RoleVRRP) {
		f.macs = append(f.macs, virtual4, virtual6)
	}
	f.add(0, entry, "reg15=0", toWhose)
	f.add(whose, 1, "", drop)
	// Spanning tree, LLDP and their kind are between switches.
	f.add(whose, 900, "dl_dst="+groups, drop)
	if !g.Strict {
		f.neighbours()
		return f.all
	}
	if !g.Tagged {
		f.add(whose, 800, "vlan_tci=0x1000/0x1000", drop)
	}
	// A guest that has no address yet asks for one.
	f.own(300, "udp,nw_src=0.0.0.0,nw_dst=255.255.255.255,tp_src=68,tp_dst=67", pass)
	// One that has just been migrated announces itself.
	f.own(300, "rarp,arp_op=3,arp_spa=0.0.0.0,arp_sha="+g.MAC, pass)
	has6 := false
	for _, own := range g.Own {
		if own.Addr().Is4() {
			f.own4(own)
			continue
		}
		has6 = true
		f.own6(own)
	}
	f.servers()
	f.routers()
	f.icmp6()
	// TCP, UDP, ICMP, IP-in-IP, DCCP, IPv6-in-IP, GRE, ESP, AH, EtherIP, IPComp, L2TP, SCTP
	// and UDP-Lite.
	for _, protocol := range []int{6, 17, 1, 4, 33, 41, 47, 50, 51, 97, 108, 115, 132, 136} {
		f.add(what, 100, fmt.Sprintf("ip,nw_proto=%d", protocol), pass)
	}
	f.add(what, 100, "ip,ip_frag=later", pass)
	f.add(what, 50, "ip", drop)
	// Behind any other header of IPv6 something could hide: TCP, UDP, SCTP, DCCP,
	// UDP-Lite, ESP, and the tunnels IP-in-IPv6, IPv6-in-IPv6 and GRE.
	for _, protocol := range []int{6, 17, 132, 33, 136, 50, 4, 41, 47} {
		f.add(what, 100, fmt.Sprintf("ipv6,nw_proto=%d", protocol), pass)
	}
	f.add(what, 100, "ipv6,ip_frag=later", pass)
	f.add(what, 50, "ipv6", drop)
	if has6 {
		// Without an address: asking for routers, and multicast listener reports.
		f.own(300, "icmp6,ipv6_src=::,icmp_type=133", pass)
		for _, kind := range []int{131, 132, 143} {
			f.own(300, fmt.Sprintf("icmp6,ipv6_src=::,icmp_type=%d", kind), pass)
		}
	}
	f.add(what, 1, "", pass)
	return f.all
}

// list gathers the flows of one port.
type list struct {
	port string // its number of OpenFlow's
	// macs are the guest's own hardware address and, with a mask, VRRP's.
	macs  []string
	roles []plan.Role
	all   []string
}

func (f *list) add(table, priority int, match, actions string) {
	if match != "" {
		match = "," + match
	}
	f.all = append(f.all, fmt.Sprintf("table=%d,priority=%d,in_port=%s%s,%s", table, priority, f.port, match, actions))
}

// own is about frames with a hardware address of the guest's, in the first
// table.
func (f *list) own(priority int, match, actions string) {
	if match != "" {
		match = "," + match
	}
	for _, mac := range f.macs {
		f.add(whose, priority, "dl_src="+mac+match, actions)
	}
}

func (f *list) has(role plan.Role) bool { return slices.Contains(f.roles, role) }

// neighbours lets frames with the guest's own hardware address go on where that is all
// that is checked, and messages of ARP and neighbour discovery that name no other.
func (f *list) neighbours() {
	for _, mac := range f.macs {
		f.own(200, "arp,arp_sha="+mac, pass)
	}
	f.own(200, "rarp,arp_op=3,arp_sha="+f.macs[0], pass)
	// A second tag, which the switch does not look into.
	f.add(whose, 300, "dl_type=0x8100", drop)
	f.add(whose, 300, "dl_type=0x88a8", drop)
	f.add(whose, 190, "arp", drop)
	f.add(whose, 190, "rarp", drop)
	for _, mac := range append([]string{noMAC}, f.macs...) {
		f.own(200, "icmp6,icmp_type=135,icmp_code=0,nd_sll="+mac, pass)
		f.own(200, "icmp6,icmp_type=136,icmp_code=0,nd_tll="+mac, pass)
	}
	f.add(whose, 300, "icmp6,icmp_type=135,icmp_code=0,nd_target=::", drop)
	f.add(whose, 300, "icmp6,icmp_type=136,icmp_code=0,nd_target=::", drop)
	f.add(whose, 190, "icmp6,icmp_type=135", drop)
	f.add(whose, 190, "icmp6,icmp_type=136", drop)
	if !f.has(plan.RoleRouter) {
		f.add(whose, 300, "icmp6,icmp_type=134", drop)
		f.add(whose, 300, "icmp6,icmp_type=137", drop)
	}
	f.own(100, "", pass)
}

// own4 lets what an IPv4 address of the guest's sends go on, and ARP about it:
// said, or asked for before it is taken (a probe, RFC 5227).
func (f *list) own4(own netip.Prefix) {
	f.own(200, "ip,nw_src="+plan.Bare(own), toWhat)
	for _, mac := range f.macs {
		for _, op := range []int{1, 2} {
			f.own(200, fmt.Sprintf("arp,arp_op=%d,arp_sha=%s,arp_spa=%s", op, mac, plan.Bare(own)), pass)
		}
		f.own(200, "arp,arp_op=1,arp_spa=0.0.0.0,arp_sha="+mac+",arp_tpa="+plan.Bare(own), pass)
	}
}

// own6 lets what an IPv6 address of the guest's sends go on, duplicate
// detection of it, and a neighbour's answer for it with the guest's own
// hardware address.
func (f *list) own6(own netip.Prefix) {
	f.own(200, "ipv6,ipv6_src="+plan.Bare(own), toWhat)
	f.own(300, "icmp6,ipv6_src=::,icmp_type=135,icmp_code=0,nd_target="+plan.Bare(own)+",nd_sll="+noMAC, pass)
	for _, mac := range append([]string{noMAC}, f.macs...) {
		f.add(what, 200, "icmp6,icmp_type=136,icmp_code=0,nd_target="+plan.Bare(own)+",nd_tll="+mac, pass)
	}
}

// servers drops what only a server of DHCP's says. A client takes an answer from any port.
func (f *list) servers() {
	if f.has(plan.RoleDHCPServer) {
		return
	}
	for _, match := range []string{"udp,tp_src=67", "udp,tp_dst=68", "udp6,tp_src=547", "udp6,tp_dst=546"} {
		f.add(what, 300, match, drop)
	}
}

// routers drops what only routers say.
func (f *list) routers() {
	if !f.has(plan.RoleRouter) {
		for _, kind := range []int{5, 9} {
			f.add(what, 300, fmt.Sprintf("icmp,icmp_type=%d", kind), drop)
		}
	}
	for _, udp := range []string{"udp", "udp6"} {
		// RIP, RIPng, LDP and OLSR.
		for _, port := range []int{520, 521, 646, 698} {
			f.add(what, 300, fmt.Sprintf("%s,tp_dst=%d", udp, port), drop)
		}
		// HSRP, GLBP and Babel, whose ports any program may get for its own.
		group := map[string]string{"udp": "nw_dst=224.0.0.0/3", "udp6": "ipv6_dst=ff00::/8"}[udp]
		for _, port := range []int{1985, 2029, 3222, 6696} {
			f.add(what, 300, fmt.Sprintf("%s,%s,tp_dst=%d", udp, group, port), drop)
			f.add(what, 300, fmt.Sprintf("%s,tp_src=%d,tp_dst=%[2]d", udp, port), drop)
		}
	}
	for role, protocol := range map[plan.Role]int{plan.RoleVRRP: 112, plan.RoleOSPF: 89, plan.RoleMulticastRouter: 103} {
		if f.has(role) {
			f.add(what, 100, fmt.Sprintf("ip,nw_proto=%d", protocol), pass)
			f.add(what, 100, fmt.Sprintf("ipv6,nw_proto=%d", protocol), pass)
		}
	}
	if f.has(plan.RoleMulticastRouter) {
		f.add(what, 100, "ip,nw_proto=2", pass)
		return
	}
	// Reports go to their group or to 224.0.0.22, and who leaves one says so to
	// 224.0.0.2. Routers speak of all groups to other groups of the link's.
	f.add(what, 100, "ip,nw_proto=2,nw_dst=224.0.0.22", pass)
	f.add(what, 100, "ip,nw_proto=2,nw_dst=224.0.0.2", pass)
	f.add(what, 90, "ip,nw_proto=2,nw_dst=224.0.0.0/24", drop)
	f.add(what, 80, "ip,nw_proto=2,nw_dst=224.0.0.0/4", pass)
}

// icmp6 takes of ICMPv6 what a host has to say.
func (f *list) icmp6() {
	// Its type could be in another fragment than the first.
	f.add(what, 400, "icmp6,ip_frag=yes", drop)
	// Open vSwitch reads a target of :: where an option comes twice.
	f.add(what, 300, "icmp6,icmp_type=135,icmp_code=0,nd_target=::", drop)
	for _, mac := range append([]string{noMAC}, f.macs...) {
		f.add(what, 200, "icmp6,icmp_type=135,icmp_code=0,nd_sll="+mac, pass)
	}
	kinds := []int{1, 2, 3, 4, 128, 129, 131, 132, 133, 143}
	if f.has(plan.RoleRouter) {
		kinds = append(kinds, 134, 137)
	}
	if f.has(plan.RoleMulticastRouter) {
		kinds = append(kinds, 130, 151, 152, 153)
	}
	for _, kind := range kinds {
		f.add(what, 200, fmt.Sprintf("icmp6,icmp_type=%d", kind), pass)
	}
	f.add(what, 100, "icmp6", drop)
}
