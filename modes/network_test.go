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

// rewirable is a host whose uplink has addresses and routes of all kinds.
func rewirable() *plan.Snapshot {
	s := host()
	delete(s.Links, portIndex)
	delete(s.Links, bridgeIndex)
	s.Bridges = nil
	s.Addresses[uplinkIndex] = []plan.Addr{
		{Prefix: netip.MustParsePrefix("198.51.100.5/24"), Label: "eth0"},
		{Prefix: netip.MustParsePrefix("198.51.100.6/24"), Label: "eth0:web", Secondary: true},
		{Prefix: netip.MustParsePrefix("2001:db8:f::99/64"), Secondary: true, Dynamic: true, Valid: 600},                    // temporary
		{Prefix: netip.MustParsePrefix("2001:db8:f::5/64"), Origin: 2, Valid: 3600, Preferred: 1800, ManageTemporary: true}, // advertised
		{Prefix: netip.MustParsePrefix("fe80::ff:fe00:2/64"), Scope: 253, Origin: 3},                                        // the kernel's
	}
	main := func(r plan.RouteEntry, gateway string) plan.RouteEntry {
		r.Attrs = plan.RouteAttrs{Table: plan.MainTable, Type: 1}
		if gateway != "" {
			r.Attrs.Gateway = netip.MustParseAddr(gateway)
		}
		return r
	}
	s.Routes[uplinkIndex] = []plan.RouteEntry{
		main(plan.RouteEntry{Dst: netip.MustParsePrefix("0.0.0.0/0")}, "198.51.100.1"),
		main(plan.RouteEntry{Dst: netip.MustParsePrefix("198.51.100.0/24"), Protocol: 2}, ""),
		main(plan.RouteEntry{Dst: netip.MustParsePrefix("203.0.113.0/24"), Protocol: 4, Source: netip.MustParseAddr("198.51.100.6")}, ""),
		main(plan.RouteEntry{Dst: netip.MustParsePrefix("::/0"), Protocol: 9, Metric: 1024}, "fe80::1"),
		main(plan.RouteEntry{Dst: netip.MustParsePrefix("2001:db8:f::/64"), Protocol: 2, Metric: 256}, ""),
	}
	s.Sysctls[plan.SysctlKey{Index: uplinkIndex, Table: "ipv6/conf", Name: "accept_ra"}] = "1"
	s.Sysctls[plan.SysctlKey{Index: uplinkIndex, Table: "ipv4/conf", Name: "rp_filter"}] = "2"
	s.Sysctls[plan.SysctlKey{Index: uplinkIndex, Table: "ipv6/conf", Name: "disable_ipv6"}] = "0"
	s.Sysctls[plan.SysctlKey{Index: uplinkIndex, Table: "ipv4/conf", Name: "proxy_arp"}] = "0"
	for _, family := range []string{"ipv4", "ipv6"} {
		s.Sysctls[plan.SysctlKey{Index: uplinkIndex, Table: family + "/neigh", Name: "proxy_delay"}] = "80"
		s.Sysctls[plan.SysctlKey{Index: uplinkIndex, Table: family + "/conf", Name: "forwarding"}] = "0"
	}
	s.Settings = map[string]string{
		"net/ipv4/conf/default/rp_filter":     "1",
		"net/ipv4/conf/all/rp_filter":         "0",
		"net/ipv6/conf/default/accept_ra":     "1",
		"net/ipv6/conf/default/disable_ipv6":  "0",
		"net/ipv4/conf/default/proxy_arp":     "0",
		"net/ipv6/conf/default/proxy_ndp":     "0",
		"net/ipv4/ip_forward":                 "0",
		"net/ipv4/conf/default/forwarding":    "0",
		"net/ipv4/conf/all/accept_redirects":  "1",
		"net/ipv6/conf/all/forwarding":        "0",
		"net/ipv6/conf/default/forwarding":    "0",
		"net/bridge/bridge-nf-call-iptables":  "1",
		"net/bridge/bridge-nf-call-ip6tables": "0",

		"net/netfilter/nf_conntrack_max":                     "65536",
		"net/netfilter/nf_conntrack_buckets":                 "1048576",
		"net/netfilter/nf_conntrack_tcp_timeout_established": "432000",
		"net/netfilter/nf_conntrack_generic_timeout":         "60",
		"net/ipv4/neigh/default/gc_thresh1":                  "128",
		"net/ipv4/neigh/default/gc_thresh2":                  "512",
		"net/ipv4/neigh/default/gc_thresh3":                  "1024",
	}
	s.Answering = []netip.Addr{netip.MustParseAddr("198.51.100.1")}
	return s
}

// A host's side as commands; what undoes it brings all of it back; twice is
// once.
func TestNetworks(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, mode string
		request    plan.HostRequest
		want       string
		warning    string
	}{
		{
			name: "a bridge takes over what the uplink has", mode: "bridge", request: plan.HostRequest{Bridge: "xenbr0"},
			want: `sysctl -w net/bridge/bridge-nf-call-iptables=0
ip link add name xenbr0 index 1007 address 02:00:00:00:00:02 type bridge stp_state 0 forward_delay 0
sysctl -w net/ipv4/conf/xenbr0/rp_filter=2
ip address replace fe80::ff:fe00:2/64 dev xenbr0 scope link
ip route del 0.0.0.0/0 via 198.51.100.1 dev eth0 metric 0
ip route del 203.0.113.0/24 dev eth0 metric 0
ip address del 2001:db8:f::5/64 dev eth0
ip address del 198.51.100.6/24 dev eth0
ip address del 198.51.100.5/24 dev eth0
sysctl -w net/ipv6/conf/eth0/disable_ipv6=1
ip link set dev eth0 master xenbr0
ip link set dev xenbr0 up
ip address replace 198.51.100.5/24 dev xenbr0
ip address replace 198.51.100.6/24 dev xenbr0
ip address replace 2001:db8:f::5/64 dev xenbr0 mngtmpaddr valid_lft 3600 preferred_lft 1800
ip route replace 203.0.113.0/24 dev xenbr0 src 198.51.100.6 metric 0 proto 4
ip route replace 0.0.0.0/0 via 198.51.100.1 dev xenbr0 metric 0 proto 0
ip -6 route replace ::/0 via fe80::1 dev xenbr0 metric 1025 proto 9
arping -f -w 5 -I xenbr0 198.51.100.1`,
		},
		{
			name: "a bridge takes the uplink's name", mode: "bridge",
			want: `sysctl -w net/bridge/bridge-nf-call-iptables=0
ip route del 0.0.0.0/0 via 198.51.100.1 dev eth0 metric 0
ip route del 203.0.113.0/24 dev eth0 metric 0
ip address del 2001:db8:f::5/64 dev eth0
ip address del 198.51.100.6/24 dev eth0
ip address del 198.51.100.5/24 dev eth0
sysctl -w net/ipv6/conf/eth0/disable_ipv6=1
ip link set dev eth0 name peth0
ip link add name eth0 index 1007 address 02:00:00:00:00:02 type bridge stp_state 0 forward_delay 0
sysctl -w net/ipv4/conf/eth0/rp_filter=2
ip address replace fe80::ff:fe00:2/64 dev eth0 scope link
ip link set dev peth0 master eth0
ip link set dev eth0 up
ip address replace 198.51.100.5/24 dev eth0
ip address replace 198.51.100.6/24 dev eth0
ip address replace 2001:db8:f::5/64 dev eth0 mngtmpaddr valid_lft 3600 preferred_lft 1800
ip route replace 203.0.113.0/24 dev eth0 src 198.51.100.6 metric 0 proto 4
ip route replace 0.0.0.0/0 via 198.51.100.1 dev eth0 metric 0 proto 0
ip -6 route replace ::/0 via fe80::1 dev eth0 metric 1025 proto 9
arping -f -w 5 -I eth0 198.51.100.1`,
		},
		{
			name: "a router", mode: "route",
			want: `sysctl -w net/ipv4/ip_forward=1
sysctl -w net/ipv6/conf/eth0/accept_ra=2
sysctl -w net/ipv6/conf/all/forwarding=1
sysctl -w net/ipv6/conf/eth0/proxy_ndp=1
sysctl -w net/ipv4/neigh/eth0/proxy_delay=0
sysctl -w net/ipv6/neigh/eth0/proxy_delay=0
sysctl -w net/ipv4/conf/default/rp_filter=2
sysctl -w net/ipv4/conf/eth0/proxy_arp=1`,
		},
		{
			name: "room for 200 guests: raised, lowered, left", mode: "nat", request: plan.HostRequest{Guests: 200},
			want: `sysctl -w net/ipv4/ip_forward=1
sysctl -w net/ipv6/conf/eth0/accept_ra=2
sysctl -w net/ipv6/conf/all/forwarding=1
sysctl -w net/ipv6/conf/eth0/proxy_ndp=1
sysctl -w net/ipv4/neigh/eth0/proxy_delay=0
sysctl -w net/ipv6/neigh/eth0/proxy_delay=0
sysctl -w net/ipv4/conf/default/rp_filter=2
sysctl -w net/netfilter/nf_conntrack_max=524288
sysctl -w net/netfilter/nf_conntrack_tcp_timeout_established=7440
sysctl -w net/ipv4/neigh/default/gc_thresh3=4096
sysctl -w net/ipv4/neigh/default/gc_thresh2=2048
sysctl -w net/ipv4/neigh/default/gc_thresh1=1024`,
			warning: "the tables for 200 guests are not all set: this kernel has no net/ipv6/neigh/default/gc_thresh3",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			net, err := modes.FindNetwork(c.mode)
			require.NoError(t, err)
			s := rewirable()
			c.request.Index = 1007
			p, err := net.Topology(c.request, s)
			require.NoError(t, err)
			require.Equal(t, "eth0", p.Uplink.Name)
			c.request.Bridge = p.Bridge
			settings := net.Settings(c.request, s)
			actions := plan.Resolve(slices.Concat(settings.Steps, p.Steps), s)
			var lines []string
			var undo []plan.Step
			for _, a := range actions {
				if !a.Satisfied {
					lines = append(lines, a.Step.Commands()...)
					undo = append(a.Undo, undo...)
				}
			}
			require.Equal(t, c.want, strings.Join(lines, "\n"))
			require.Contains(t, strings.Join(settings.Warnings, "\n"), c.warning)

			after := s.After(steps(actions))
			for _, a := range plan.Resolve(steps(actions), after) {
				_, passing := a.Step.(plan.Reachable)
				require.True(t, a.Satisfied || passing, a.Step.Key())
			}
			back := after.After(undo)
			require.Equal(t, s.Links, back.Links)
			require.Equal(t, s.Settings, back.Settings)
			require.Equal(t, s.Sysctls, back.Sysctls)
			require.ElementsMatch(t, s.Routes[uplinkIndex], back.Routes[uplinkIndex])
			for _, a := range s.Addresses[uplinkIndex] {
				require.True(t, slices.ContainsFunc(back.Addresses[uplinkIndex], func(b plan.Addr) bool { return b.Prefix == a.Prefix }), a.Prefix)
			}
		})
	}
	// What stands on the uplink would lose its routes.
	s := rewirable()
	s.Links[9] = plan.Link{Dev: plan.Dev{Name: "eth0.7", Index: 9}, Lower: uplinkIndex, Up: true}
	net, err := modes.FindNetwork("bridge")
	require.NoError(t, err)
	_, err = net.Topology(plan.HostRequest{DownToRename: true}, s)
	require.EqualError(t, err, "eth0: rename to peth0: eth0.7 stands on it, and would lose its routes, since this kernel takes eth0 down for that: give the bridge a name of its own with bridge=")
	_, err = net.Topology(plan.HostRequest{}, s)
	require.NoError(t, err)
	_, err = net.Topology(plan.HostRequest{DownToRename: true, Bridge: "xenbr0"}, s)
	require.NoError(t, err)
	_, err = modes.FindNetwork("wlan")
	require.EqualError(t, err, `there is no network of mode "wlan"; there are bridge, nat, route`)
}
