package modes_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"vifctl/hooks/plan"
	"vifctl/modes"
)

// The pretend host of these tests: an uplink, a bridge, a port and whatever a
// case adds.
const (
	uplinkIndex = 2
	bridgeIndex = 3
	switchIndex = 4
	portIndex   = 7
)

func host() *plan.Snapshot {
	uplink := plan.Link{Dev: plan.Dev{Name: "eth0", Index: uplinkIndex}, MAC: "02:00:00:00:00:02", MTU: 1500, Up: true}
	bridge := plan.Link{Dev: plan.Dev{Name: "xenbr0", Index: bridgeIndex}, MAC: "02:00:00:00:00:03", MTU: 9000, Up: true, Bridge: true}
	port := plan.Link{Dev: plan.Dev{Name: "vif1.0", Index: portIndex}, MAC: "fe:ff:ff:ff:ff:ff", MTU: 1500}
	s := &plan.Snapshot{
		Links: map[int]plan.Link{
			uplinkIndex: uplink, bridgeIndex: bridge, portIndex: port,
			switchIndex: {Dev: plan.Dev{Name: "ovs0", Index: switchIndex}, MTU: 1500},
		},
		Bridges:    []plan.Link{bridge},
		Addresses:  map[int][]plan.Addr{},
		Routes:     map[int][]plan.RouteEntry{},
		Neighbours: map[plan.NeighbourKey]bool{},
		Sysctls:    map[plan.SysctlKey]string{},
		Rules:      map[string]bool{},
		Switches: map[string]plan.Switch{
			"ovs0": {Name: "ovs0"}, "vlan7": {Name: "vlan7", Parent: "ovs0", Tag: 7}, "br-int": {Name: "br-int", Controlled: true},
		},
		SwitchPorts: map[string]plan.SwitchMember{},
		Uplink: &plan.Uplink{
			Link: uplink, Forwarding4: true, Forwarding6: true,
			Addresses: []plan.Addr{
				{Prefix: netip.MustParsePrefix("198.51.100.5/24")},
				{Prefix: netip.MustParsePrefix("2001:db8:f::5/64")},
				{Prefix: netip.MustParsePrefix("fe80::5/64"), Scope: 253},
			},
		},
	}
	for key, value := range map[plan.SysctlKey]string{
		{Index: portIndex, Table: "ipv6/conf", Name: "disable_ipv6"}:   "0",
		{Index: portIndex, Table: "ipv6/conf", Name: "addr_gen_mode"}:  "0",
		{Index: portIndex, Table: "ipv6/conf", Name: "accept_ra"}:      "1",
		{Index: portIndex, Table: "ipv4/conf", Name: "send_redirects"}: "1",
		{Index: portIndex, Table: "ipv4/conf", Name: "proxy_arp"}:      "0",
		{Index: portIndex, Table: "ipv4/neigh", Name: "proxy_delay"}:   "80",
		{Index: portIndex, Table: "ipv6/neigh", Name: "proxy_delay"}:   "80",
		{Index: uplinkIndex, Table: "ipv6/conf", Name: "proxy_ndp"}:    "0",
	} {
		s.Sysctls[key] = value
	}
	return s
}

func request(change func(*plan.Request)) plan.Request {
	r := plan.Request{
		NIC:         plan.NIC{Domid: 1},
		Kind:        plan.Vif,
		Port:        plan.Dev{Name: "vif1.0", Index: portIndex},
		MAC:         "00:16:3e:00:00:01",
		FrontendMTU: "/local/domain/1/device/vif/0/mtu",
	}
	if change != nil {
		change(&r)
	}
	return r
}

func prefixes(list ...string) []netip.Prefix {
	var out []netip.Prefix
	for _, s := range list {
		out = append(out, netip.MustParsePrefix(s))
	}
	return out
}

func vlans(s string) []plan.VLANRange {
	list, err := plan.ParseVLANs(s)
	if err != nil {
		panic(err)
	}
	return list
}

// apart makes the bridge keep VLANs apart; what joins it is in VLAN 1.
func apart(s *plan.Snapshot) { filter(s, plan.VLANsApart) }

func filter(s *plan.Snapshot, f plan.VLANFiltering) {
	b := s.Links[bridgeIndex]
	b.VLANs, b.DefaultPVID = f, 1
	s.Links[bridgeIndex], s.Bridges = b, []plan.Link{b}
}

// commands tells what a plan would do on a host, as its dry run would.
func commands(steps []plan.Step, s *plan.Snapshot) string {
	var lines []string
	for _, a := range plan.Resolve(steps, s) {
		if !a.Satisfied {
			lines = append(lines, a.Step.Commands()...)
		}
	}
	return strings.Join(lines, "\n")
}

func TestPlans(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		mode    string
		request func(*plan.Request)
		host    func(*plan.Snapshot)
		want    string
	}{
		{
			name: "bridge: the port takes the bridge's MTU and tells the guest", mode: "bridge",
			want: `ip link set dev vif1.0 mtu 9000
sysctl -w net/ipv6/conf/vif1.0/disable_ipv6=1
ip link set dev vif1.0 master xenbr0
ip link set dev vif1.0 up
xenstore-write /local/domain/1/device/vif/0/mtu 9000`,
		},
		{
			name: "bridge: a port that is up goes down for its name and comes up last", mode: "bridge",
			request: func(r *plan.Request) { r.Port.Name, r.MTU = "web0", 1500 },
			host: func(s *plan.Snapshot) {
				l := s.Links[portIndex]
				l.Up = true
				s.Links[portIndex] = l
			},
			want: `ip link set dev vif1.0 down
ip link set dev vif1.0 name web0
sysctl -w net/ipv6/conf/web0/disable_ipv6=1
ip link set dev web0 master xenbr0
ip link set dev web0 up
xenstore-write /local/domain/1/device/vif/0/mtu 1500`,
		},
		{
			name: "bridge: a tap has no frontend, and an address on it goes", mode: "bridge",
			request: func(r *plan.Request) { r.Kind, r.MTU, r.Port.Name = plan.Tap, 1500, "vif1.0" },
			host: func(s *plan.Snapshot) {
				s.Addresses[portIndex] = []plan.Addr{{Prefix: netip.MustParsePrefix("10.0.0.1/24")}}
			},
			want: `ip address del 10.0.0.1/24 dev vif1.0
sysctl -w net/ipv6/conf/vif1.0/disable_ipv6=1
ip link set dev vif1.0 master xenbr0
ip link set dev vif1.0 up`,
		},
		{
			name: "route: an address by DHCP, when the port is there", mode: "route",
			request: func(r *plan.Request) {
				r.IPs, r.DHCP, r.Guest, r.NIC.Devid = prefixes("2001:db8::10/128", "192.0.2.10/32"), true, "My Web_Server.1", 1
			},
			host: func(s *plan.Snapshot) {
				s.Sysctls[plan.SysctlKey{Index: portIndex, Table: "ipv6/conf", Name: "addr_gen_mode"}] = "1"
			},
			want: `sysctl -w net/ipv6/conf/vif1.0/accept_ra=0
sysctl -w net/ipv4/conf/vif1.0/send_redirects=0
sysctl -w net/ipv4/neigh/vif1.0/proxy_delay=0
sysctl -w net/ipv4/conf/vif1.0/proxy_arp=1
ip link set dev vif1.0 up
ip address replace 198.51.100.5/32 dev vif1.0
sysctl -w net/ipv6/neigh/vif1.0/proxy_delay=0
ip address replace fe80::1/64 dev vif1.0 scope link nodad
ip address replace 2001:db8:f::5/128 dev vif1.0 nodad noprefixroute
ip -6 route replace 2001:db8::10/128 dev vif1.0 src 2001:db8:f::5 metric 2 proto 118
sysctl -w net/ipv6/conf/eth0/proxy_ndp=1
ip neighbour replace proxy 2001:db8::10 dev eth0
ip route replace 192.0.2.10/32 dev vif1.0 src 198.51.100.5 metric 2 proto 118
mkdir -p /run/vifctl-dhcp/hosts
echo 00:16:3e:00:00:01,192.0.2.10,my-web-server-1-1 > /run/vifctl-dhcp/hosts/00-16-3e-00-00-01`,
		},
		{
			name: "route: what an emulated NIC sends is limited, as netback limits the other", mode: "route",
			request: func(r *plan.Request) {
				r.IPs, r.Emulated, r.Kind = prefixes("192.0.2.10/32"), true, plan.Tap
				r.Rate = plan.Rate{BytesPerSecond: 125000, Interval: 6250}
			},
			want: `sysctl -w net/ipv6/conf/vif1.0/disable_ipv6=1
sysctl -w net/ipv4/conf/vif1.0/send_redirects=0
sysctl -w net/ipv4/neigh/vif1.0/proxy_delay=0
nft add table netdev vifctl
nft 'add chain netdev vifctl port_7 { type filter hook ingress device "vif1.0" priority -500; }'
nft 'add rule netdev vifctl port_7 limit rate over 125000 bytes/second burst 6072 bytes drop'
sysctl -w net/ipv4/conf/vif1.0/proxy_arp=1
ip link set dev vif1.0 up
ip address replace 198.51.100.5/32 dev vif1.0
ip route replace 192.0.2.10/32 dev vif1.0 src 198.51.100.5 metric 1 proto 118`,
		},
		{
			name: "bridge: VLANs, before the port comes up", mode: "bridge",
			request: func(r *plan.Request) { r.MTU, r.VLANs = 1500, vlans("10p/20-29/40u") },
			host:    apart,
			want: `sysctl -w net/ipv6/conf/vif1.0/disable_ipv6=1
ip link set dev vif1.0 master xenbr0
bridge vlan del dev vif1.0 vid 1-4094
bridge vlan add dev vif1.0 vid 10 pvid untagged
bridge vlan add dev vif1.0 vid 20-29
bridge vlan add dev vif1.0 vid 40 untagged
ip link set dev vif1.0 up
xenstore-write /local/domain/1/device/vif/0/mtu 1500`,
		},
		{
			name: "bridge: the VLAN that every port gets", mode: "bridge",
			request: func(r *plan.Request) { r.MTU, r.VLANs = 1500, vlans("1") },
			host:    apart,
			want: `sysctl -w net/ipv6/conf/vif1.0/disable_ipv6=1
ip link set dev vif1.0 master xenbr0
ip link set dev vif1.0 up
xenstore-write /local/domain/1/device/vif/0/mtu 1500`,
		},
		{
			name: "openvswitch: xl's vlan=", mode: "openvswitch",
			request: func(r *plan.Request) { r.Bridge, r.MAC, r.VLANs = "ovs0", "", vlans("10p/20+10x2") },
			want: `sysctl -w net/ipv6/conf/vif1.0/disable_ipv6=1
ovs-vsctl --timeout=10 -- --if-exists del-port vif1.0 -- add-port ovs0 vif1.0 tag=10 trunks=20,30 vlan_mode=native-untagged
ip link set dev vif1.0 up
xenstore-write /local/domain/1/device/vif/0/mtu 1500`,
		},
		{
			name: "openvswitch: what vif-openvswitch does, guarded by flows", mode: "openvswitch",
			request: func(r *plan.Request) {
				r.Bridge, r.Guest, r.UUID = "ovs0.10:30:20", "a \" -- del-br ovs0", "5f2b7a00-0000-4000-8000-000000000001"
				r.IPs, r.Antispoof = prefixes("192.0.2.10/32"), plan.AntispoofStrict
			},
			want: `sysctl -w net/ipv6/conf/vif1.0/disable_ipv6=1
ovs-vsctl --timeout=10 -- --if-exists del-port vif1.0 -- add-port ovs0 vif1.0 tag=10 trunks=20,30 vlan_mode=native-untagged -- set Interface vif1.0 'external_ids:"attached-mac"="00:16:3e:00:00:01"' 'external_ids:"iface-id"="5f2b7a00-0000-4000-8000-000000000001.0"' 'external_ids:"xen-vm-name"="a \" -- del-br ovs0"' 'external_ids:"xen-vm-uuid"="5f2b7a00-0000-4000-8000-000000000001"'
# openflow of ovs0: check the hardware address and the addresses (fe80::216:3eff:fe00:1, 192.0.2.10) of all that comes from vif1.0 (00:16:3e:00:00:01)
ip link set dev vif1.0 up
xenstore-write /local/domain/1/device/vif/0/mtu 1500`,
		},
		{
			name: "openvswitch: a port that is up goes down before it joins, and leaves its bridge", mode: "openvswitch",
			request: func(r *plan.Request) { r.Bridge, r.Antispoof = "ovs0", plan.AntispoofMAC },
			host: func(s *plan.Snapshot) {
				l := s.Links[portIndex]
				l.Up, l.Master = true, bridgeIndex
				s.Links[portIndex] = l
			},
			want: `ip link set dev vif1.0 down
sysctl -w net/ipv6/conf/vif1.0/disable_ipv6=1
ip link set dev vif1.0 nomaster
ovs-vsctl --timeout=10 -- --if-exists del-port vif1.0 -- add-port ovs0 vif1.0 -- set Interface vif1.0 'external_ids:"attached-mac"="00:16:3e:00:00:01"'
# openflow of ovs0: check the hardware address of all that comes from vif1.0 (00:16:3e:00:00:01)
ip link set dev vif1.0 up
xenstore-write /local/domain/1/device/vif/0/mtu 1500`,
		},
		{
			name: "openvswitch: a fake bridge is a VLAN of its parent", mode: "openvswitch",
			request: func(r *plan.Request) { r.Bridge, r.MAC = "vlan7", "" },
			want: `sysctl -w net/ipv6/conf/vif1.0/disable_ipv6=1
ovs-vsctl --timeout=10 -- --if-exists del-port vif1.0 -- add-port ovs0 vif1.0 tag=7
ip link set dev vif1.0 up
xenstore-write /local/domain/1/device/vif/0/mtu 1500`,
		},
		{
			name: "bridge: a bridge of Open vSwitch's is one, too", mode: "bridge",
			request: func(r *plan.Request) { r.Bridge = "ovs0.10" },
			want: `sysctl -w net/ipv6/conf/vif1.0/disable_ipv6=1
ovs-vsctl --timeout=10 -- --if-exists del-port vif1.0 -- add-port ovs0 vif1.0 tag=10 -- set Interface vif1.0 'external_ids:"attached-mac"="00:16:3e:00:00:01"'
ip link set dev vif1.0 up
xenstore-write /local/domain/1/device/vif/0/mtu 1500`,
		},
		{
			name: "route: one address", mode: "route",
			request: func(r *plan.Request) { r.IPs = prefixes("192.0.2.10/32") },
			want: `sysctl -w net/ipv6/conf/vif1.0/disable_ipv6=1
sysctl -w net/ipv4/conf/vif1.0/send_redirects=0
sysctl -w net/ipv4/neigh/vif1.0/proxy_delay=0
sysctl -w net/ipv4/conf/vif1.0/proxy_arp=1
ip link set dev vif1.0 up
ip address replace 198.51.100.5/32 dev vif1.0
ip route replace 192.0.2.10/32 dev vif1.0 src 198.51.100.5 metric 2 proto 118`,
		},
		{
			name: "route: the emulated NIC's route wins while it is there", mode: "route",
			request: func(r *plan.Request) { r.IPs, r.Emulated, r.Kind = prefixes("192.0.2.10/32"), true, plan.Tap },
			want: `sysctl -w net/ipv6/conf/vif1.0/disable_ipv6=1
sysctl -w net/ipv4/conf/vif1.0/send_redirects=0
sysctl -w net/ipv4/neigh/vif1.0/proxy_delay=0
sysctl -w net/ipv4/conf/vif1.0/proxy_arp=1
ip link set dev vif1.0 up
ip address replace 198.51.100.5/32 dev vif1.0
ip route replace 192.0.2.10/32 dev vif1.0 src 198.51.100.5 metric 1 proto 118`,
		},
		{
			name: "route: both families", mode: "route",
			request: func(r *plan.Request) { r.IPs = prefixes("192.0.2.10/32", "2001:db8::10/128") },
			want: `sysctl -w net/ipv6/conf/vif1.0/disable_ipv6=1
sysctl -w net/ipv6/conf/vif1.0/addr_gen_mode=1
sysctl -w net/ipv6/conf/vif1.0/accept_ra=0
sysctl -w net/ipv6/conf/vif1.0/disable_ipv6=0
sysctl -w net/ipv4/conf/vif1.0/send_redirects=0
sysctl -w net/ipv4/neigh/vif1.0/proxy_delay=0
sysctl -w net/ipv4/conf/vif1.0/proxy_arp=1
ip link set dev vif1.0 up
ip address replace 198.51.100.5/32 dev vif1.0
sysctl -w net/ipv6/neigh/vif1.0/proxy_delay=0
ip address replace fe80::1/64 dev vif1.0 scope link nodad
ip address replace 2001:db8:f::5/128 dev vif1.0 nodad noprefixroute
ip route replace 192.0.2.10/32 dev vif1.0 src 198.51.100.5 metric 2 proto 118
ip -6 route replace 2001:db8::10/128 dev vif1.0 src 2001:db8:f::5 metric 2 proto 118
sysctl -w net/ipv6/conf/eth0/proxy_ndp=1
ip neighbour replace proxy 2001:db8::10 dev eth0`,
		},
		{
			name: "nat: two public addresses' worth of guest, checked strictly", mode: "nat",
			request: func(r *plan.Request) {
				r.IPs = prefixes("192.168.1.2/32")
				r.Gateway = netip.MustParseAddr("192.168.1.1")
				r.Public = []netip.Addr{netip.MustParseAddr("203.0.113.44")}
				r.Antispoof = plan.AntispoofStrict
				r.Forwards = []plan.Rule{{
					Public: netip.MustParseAddr("203.0.113.40"), Protocol: "tcp", First: 3389, Last: 3389,
					From: netip.MustParsePrefix("198.51.100.0/24"),
				}}
			},
			want: `conntrack -D -s 192.168.1.2 || true
conntrack -D -d 192.168.1.2 || true
conntrack -D -s 203.0.113.44 || true
conntrack -D -d 203.0.113.44 || true
conntrack -D -p tcp --orig-dst 203.0.113.40 --orig-port-dst 3389 || true
sysctl -w net/ipv6/conf/vif1.0/disable_ipv6=1
sysctl -w net/ipv4/conf/vif1.0/send_redirects=0
sysctl -w net/ipv4/neigh/vif1.0/proxy_delay=0
# firewall: 00:16:3e:00:00:01 is the guest behind vif1.0
# firewall: fe80::216:3eff:fe00:1 is the guest's behind vif1.0
# firewall: 192.168.1.2 is the guest's behind vif1.0
# firewall: no other interface may use 192.168.1.2 as a source
# firewall: check the hardware address and the addresses of all that comes from vif1.0
# firewall: mark what vif1.0 forwards
# firewall: drop new connections from outside to the guest behind vif1.0 but by its public addresses
# firewall: 203.0.113.44 stands for 192.168.1.2
# firewall: tcp 3389 of 203.0.113.40 when it comes from 198.51.100.0/24 goes to 192.168.1.2
sysctl -w net/ipv4/conf/vif1.0/proxy_arp=1
ip link set dev vif1.0 up
ip address replace 192.168.1.1/32 dev vif1.0
ip route replace 192.168.1.2/32 dev vif1.0 src 192.168.1.1 metric 2 proto 118
ip neighbour replace 192.168.1.2 lladdr 00:16:3e:00:00:01 dev vif1.0 nud permanent
ip address replace 203.0.113.44/32 dev eth0
conntrack -D --orig-dst 203.0.113.44 --reply-src 203.0.113.44 || true
conntrack -D --orig-src 192.168.1.2 --reply-dst 192.168.1.2 || true
conntrack -D -p tcp --orig-dst 203.0.113.40 --orig-port-dst 3389 --reply-src 203.0.113.40 || true`,
		},
		{
			name: "nat: vif-nat's own addresses, and masquerade", mode: "nat",
			request: func(r *plan.Request) { r.NIC.Domid, r.NIC.Devid = 300, 1 },
			want: `conntrack -D -s 10.1.44.2 || true
conntrack -D -d 10.1.44.2 || true
sysctl -w net/ipv6/conf/vif1.0/disable_ipv6=1
sysctl -w net/ipv4/conf/vif1.0/send_redirects=0
sysctl -w net/ipv4/neigh/vif1.0/proxy_delay=0
# firewall: mark what vif1.0 forwards
# firewall: drop new connections from outside to the guest behind vif1.0 but by its public addresses
# firewall: 10.1.44.2 leaves with the uplink's address
sysctl -w net/ipv4/conf/vif1.0/proxy_arp=1
ip link set dev vif1.0 up
ip address replace 10.1.44.129/32 dev vif1.0
ip route replace 10.1.44.2/32 dev vif1.0 src 10.1.44.129 metric 2 proto 118
conntrack -D --orig-src 10.1.44.2 --reply-dst 10.1.44.2 || true`,
		},
		{
			name: "route: a guest with IPv6 alone needs no IPv4 on the uplink", mode: "route",
			request: func(r *plan.Request) { r.IPs = prefixes("2001:db8:1::/64") },
			host:    func(s *plan.Snapshot) { s.Uplink.Addresses = s.Uplink.Addresses[1:] },
			want: `sysctl -w net/ipv6/conf/vif1.0/disable_ipv6=1
sysctl -w net/ipv6/conf/vif1.0/addr_gen_mode=1
sysctl -w net/ipv6/conf/vif1.0/accept_ra=0
sysctl -w net/ipv6/conf/vif1.0/disable_ipv6=0
sysctl -w net/ipv4/conf/vif1.0/send_redirects=0
sysctl -w net/ipv4/neigh/vif1.0/proxy_delay=0
sysctl -w net/ipv4/conf/vif1.0/proxy_arp=1
ip link set dev vif1.0 up
sysctl -w net/ipv6/neigh/vif1.0/proxy_delay=0
ip address replace fe80::1/64 dev vif1.0 scope link nodad
ip address replace 2001:db8:f::5/128 dev vif1.0 nodad noprefixroute
ip -6 route replace 2001:db8:1::/64 dev vif1.0 src 2001:db8:f::5 metric 2 proto 118`,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			mode, err := modes.Find(c.mode)
			require.NoError(t, err)
			s := host()
			if c.host != nil {
				c.host(s)
			}
			p, err := mode.Plan(request(c.request), s)
			require.NoError(t, err)
			require.Equal(t, c.want, commands(p.Steps, s))
			// Twice is once: all that is left to do is to say so.
			after := s.After(p.Steps)
			after.Known = map[string]bool{}
			for _, step := range p.Steps {
				after.Known[step.Key()] = true
			}
			again, err := mode.Plan(request(c.request), after)
			require.NoError(t, err)
			for _, line := range strings.Split(commands(again.Steps, after), "\n") {
				require.True(t, line == "" || strings.HasPrefix(line, "xenstore-write "), line)
			}
		})
	}
}

// What is announced on the uplink is what is reached through it and belongs to
// a network it is in, once all else is done.
func TestAnnouncements(t *testing.T) {
	t.Parallel()
	ips := prefixes("198.51.100.10/32", "192.0.2.10/32", "198.51.100.64/29", "2001:db8:f::10/128", "2001:db8::10/128")
	public := []netip.Addr{netip.MustParseAddr("198.51.100.44")}
	for _, c := range []struct {
		name, mode string
		request    func(*plan.Request)
		want       string
	}{
		{"route", "route", nil, "# announce 198.51.100.10 on eth0 by gratuitous ARP\n# announce 2001:db8:f::10 on eth0 by an unsolicited neighbour advertisement"},
		{"nat, where IPv4 is private", "nat", nil, "# announce 2001:db8:f::10 on eth0 by an unsolicited neighbour advertisement"},
		{
			"nat, public", "nat", func(r *plan.Request) { r.Public = public },
			"# announce 198.51.100.44 on eth0 by gratuitous ARP\n# announce 2001:db8:f::10 on eth0 by an unsolicited neighbour advertisement",
		},
		{"nat, all translated", "nat", func(r *plan.Request) { r.NAT66 = true }, ""},
		{"bridge", "bridge", nil, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			mode, err := modes.Find(c.mode)
			require.NoError(t, err)
			r := request(c.request)
			r.IPs = ips
			p, err := mode.Plan(r, host())
			require.NoError(t, err)
			first := slices.IndexFunc(p.Steps, announces)
			if first < 0 {
				first = len(p.Steps)
			}
			require.False(t, slices.ContainsFunc(p.Steps[first:], func(s plan.Step) bool { return !announces(s) }))
			require.Equal(t, c.want, commands(p.Steps[first:], host()))
		})
	}
}

// A guest of mode nat is reached by what is configured alone, in both families.
func TestPrivate(t *testing.T) {
	t.Parallel()
	const (
		no  = "# firewall: drop new connections from outside to the guest behind vif1.0 but by its public addresses"
		no4 = "# firewall: drop new IPv4 connections from outside to the guest behind vif1.0 but by its public addresses"
	)
	for _, c := range []struct {
		ips   []netip.Prefix
		open6 bool
		want  []string
	}{
		{prefixes("192.168.1.2/32", "2001:db8:f::10/128"), false, []string{no}},
		{prefixes("192.168.1.2/32", "2001:db8:f::10/128"), true, []string{no4}},
		{prefixes("2001:db8:f::10/128"), false, []string{no}},
		{prefixes("2001:db8:f::10/128"), true, nil},
		{prefixes("192.168.1.0/29", "2001:db8:f::10/128"), true, []string{no4}},
		{nil, false, []string{no}},
		{nil, true, []string{no4}},
	} {
		mode, err := modes.Find("nat")
		require.NoError(t, err)
		r := request(nil)
		r.IPs, r.Open6 = c.ips, c.open6
		p, err := mode.Plan(r, host())
		require.NoError(t, err)
		var got []string
		for _, line := range strings.Split(commands(p.Steps, host()), "\n") {
			if strings.Contains(line, "connections from outside") {
				got = append(got, line)
			}
		}
		require.Equal(t, c.want, got, "%v %v", c.ips, c.open6)
	}
}

func announces(s plan.Step) bool {
	_, ok := s.(plan.Announce)
	return ok
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		mode    string
		request func(*plan.Request)
		host    func(*plan.Snapshot)
		want    string
	}{
		{
			"no such bridge", "bridge",
			func(r *plan.Request) { r.Bridge = "xenbr9" }, nil,
			"vif1.0: attach to xenbr9: no such bridge",
		},
		{
			"VLANs on a kernel without", "bridge",
			func(r *plan.Request) { r.VLANs = vlans("10") }, nil,
			"vif1.0: vlan= is given, and this kernel's bridges know no VLANs (CONFIG_BRIDGE_VLAN_FILTERING): take vlan= out, or use a bridge of Open vSwitch's",
		},
		{
			"VLANs on a bridge that does not keep them apart", "bridge",
			func(r *plan.Request) { r.VLANs = vlans("10") },
			func(s *plan.Snapshot) { filter(s, plan.VLANsOff) },
			"vif1.0: vlan= is given, but xenbr0 does not keep VLANs apart: `ip link set xenbr0 type bridge vlan_filtering 1`, which is about all of its ports",
		},
		{
			"VLANs named twice", "openvswitch",
			func(r *plan.Request) { r.Bridge, r.VLANs = "ovs0.10", vlans("10") }, nil,
			"vif1.0: attach to ovs0.10: both bridge= and vlan= name VLANs: name them in one of them",
		},
		{
			"several VLANs untagged", "openvswitch",
			func(r *plan.Request) { r.Bridge, r.VLANs = "ovs0", vlans("10p/20u") }, nil,
			"vif1.0: attach to ovs0: vlan= has VLAN 20 untagged, and with Open vSwitch that can be one alone, the one of untagged frames",
		},
		{
			"no such bridge of Open vSwitch's", "openvswitch",
			func(r *plan.Request) { r.Bridge = "ovs9.10" }, nil,
			"vif1.0: attach to ovs9: Open vSwitch has no such bridge",
		},
		{
			"no Open vSwitch", "openvswitch",
			func(r *plan.Request) { r.Bridge = "ovs9" },
			func(s *plan.Snapshot) { s.NoSwitch = "Open vSwitch does not run here" },
			"vif1.0: attach to ovs9: Open vSwitch does not run here",
		},
		{
			"Linux's bridge for Open vSwitch", "openvswitch",
			func(r *plan.Request) { r.Bridge = "xenbr0" }, nil,
			"vif1.0: attach to xenbr0: it is a bridge of Linux's own, not of Open vSwitch's: give the guest script=vif-bridge",
		},
		{
			"no bridge for Open vSwitch", "openvswitch", nil, nil,
			"vif1.0: no bridge was named: set bridge= for the guest, as in bridge=xenbr0.10",
		},
		{
			"a tag that is none", "openvswitch",
			func(r *plan.Request) { r.Bridge = "ovs0.4095" }, nil,
			`vif1.0: bridge="ovs0.4095" cannot be used: its tag "4095" is no VLAN from 1 to 4094; it is written as in xenbr0.10 or xenbr0:20:30`,
		},
		{
			"a trunk that is none", "openvswitch",
			func(r *plan.Request) { r.Bridge = "ovs0:20:" }, nil,
			`vif1.0: bridge="ovs0:20:" cannot be used: its trunk "" is no VLAN from 1 to 4094; it is written as in xenbr0.10 or xenbr0:20:30`,
		},
		{
			"a VLAN within a VLAN", "openvswitch",
			func(r *plan.Request) { r.Bridge = "vlan7.10" }, nil,
			"vif1.0: attach to vlan7.10: vlan7 is VLAN 7 of ovs0 already, and cannot have others: name ovs0",
		},
		{
			"antispoofing on a controller's bridge", "openvswitch",
			func(r *plan.Request) { r.Bridge, r.Antispoof = "br-int", plan.AntispoofMAC }, nil,
			`vif1.0: antispoofing is on, but the flows of br-int are a controller's: let its port security do it, and write antispoof = "off" for this guest`,
		},
		{
			"not a bridge", "bridge",
			func(r *plan.Request) { r.Bridge = "eth0" }, nil,
			"vif1.0: attach to eth0: it is an interface, but not a bridge",
		},
		{
			"no bridge at all", "bridge", nil,
			func(s *plan.Snapshot) { s.Bridges = nil },
			"vif1.0: no bridge was named and this host has none: create one, or set bridge= for the guest",
		},
		{
			"no such uplink", "route",
			func(r *plan.Request) { r.Uplink = "eth9" },
			func(s *plan.Snapshot) { s.Uplink = nil },
			"vif1.0: the uplink eth9 does not exist: bring it up, or name another with gatewaydev=",
		},
		{
			"no default route", "route", nil,
			func(s *plan.Snapshot) { s.Uplink = nil },
			"vif1.0: this host has no default route to take its uplink from: name the uplink with gatewaydev=",
		},
		{
			"an uplink without an address", "route", nil,
			func(s *plan.Snapshot) { s.Uplink.Addresses = nil },
			"vif1.0: the uplink eth0 has no IPv4 address to share with the guest: bring it up, or name another with gatewaydev=",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			mode, err := modes.Find(c.mode)
			require.NoError(t, err)
			s := host()
			if c.host != nil {
				c.host(s)
			}
			_, err = mode.Plan(request(c.request), s)
			require.EqualError(t, err, c.want)
		})
	}
	_, err := modes.Find("wlan")
	require.EqualError(t, err, `there is no mode "wlan"; there are `+strings.Join(modes.Names(), ", "))
	require.IsIncreasing(t, modes.Names())
}

func TestOldBridgeNames(t *testing.T) {
	t.Parallel()
	mode, err := modes.Find("bridge")
	require.NoError(t, err)
	s := host()
	b := s.Links[bridgeIndex]
	b.Name = "eth1"
	s.Links[bridgeIndex] = b
	r := request(func(r *plan.Request) { r.Bridge = "xenbr1" })
	require.Equal(t, []string{"xenbr1", "eth1"}, mode.Needs(r).Names)
	p, err := mode.Plan(r, s)
	require.NoError(t, err)
	require.Equal(t, "eth1", p.Bridge)
}
