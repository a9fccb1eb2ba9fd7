package inventory

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"vifctl/configs"
	"vifctl/hooks/journal"
	"vifctl/hooks/kernel"
	"vifctl/hooks/plan"
)

func link(index int, name string, up, carrier bool) *kernel.Link {
	return &kernel.Link{Link: plan.Link{Dev: plan.Dev{Name: name, Index: index}, Up: up}, Carrier: carrier}
}

// The guest's traffic goes through the emulated NIC until its PV driver connects.
func TestCarrier(t *testing.T) {
	t.Parallel()
	vif := func(up, carrier bool) *Port {
		return &Port{Kind: plan.Vif, Name: "vif1.0", Link: link(5, "vif1.0", up, carrier)}
	}
	tap := func(up, carrier bool) *Port {
		return &Port{Kind: plan.Tap, Name: "tap1.0", Link: link(6, "tap1.0", up, carrier)}
	}
	noVif, noTap := &Port{Kind: plan.Vif, Name: "vif1.0"}, &Port{Kind: plan.Tap, Name: "tap1.0"}
	for _, c := range []struct {
		name     string
		vif, tap *Port
		want     plan.Kind
		port     string
		up       bool
	}{
		{"no port at all", nil, nil, "", "vif1.0", false},
		{"PV", vif(true, true), nil, plan.Vif, "vif1.0", true},
		{"PV, the guest has not connected", vif(true, false), nil, plan.Vif, "vif1.0", false},
		{"PV, down", vif(false, false), nil, plan.Vif, "vif1.0", false},
		{"the vif is not there", noVif, nil, plan.Vif, "vif1.0", false},
		{"HVM, booting", vif(true, false), tap(true, true), plan.Tap, "tap1.0", true},
		{"HVM, the PV driver has connected", vif(true, true), tap(false, false), plan.Vif, "vif1.0", true},
		{"HVM, both up", vif(true, true), tap(true, true), plan.Tap, "tap1.0", true},
		{"HVM, the tap without its device model", vif(true, true), tap(true, false), plan.Vif, "vif1.0", true},
		{"HVM, the vif down, the tap without its device model", vif(false, false), tap(true, false), plan.Tap, "tap1.0", false},
		{"HVM, the tap has gone", vif(true, true), noTap, plan.Vif, "vif1.0", true},
		{"the tap alone, down", noVif, tap(false, false), plan.Tap, "tap1.0", false},
		{"both down", vif(false, false), tap(false, false), plan.Vif, "vif1.0", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			n := &NIC{NIC: plan.NIC{Domid: 1}, Vif: c.vif, Tap: c.tap}
			var got plan.Kind
			if p := n.Carrier(); p != nil {
				got = p.Kind
			}
			require.Equal(t, c.want, got)
			require.Equal(t, c.port, n.Port())
			require.Equal(t, c.up, n.Up())
		})
	}
}

// What the host sends to either port the guest receives.
func TestTraffic(t *testing.T) {
	t.Parallel()
	vif, tap := link(5, "vif1.0", true, true), link(6, "tap1.0", true, true)
	vif.Sent, vif.Received = kernel.Count{Bytes: 100, Packets: 10, Dropped: 1}, kernel.Count{Bytes: 2000, Packets: 20, Dropped: 2}
	tap.Sent, tap.Received = kernel.Count{Bytes: 5, Packets: 3, Dropped: 7}, kernel.Count{Bytes: 6, Packets: 4, Dropped: 8}
	for _, c := range []struct {
		name           string
		nic            NIC
		received, sent kernel.Count
	}{
		{name: "no port"},
		{name: "a port that is not there", nic: NIC{Vif: &Port{}}},
		{"PV", NIC{Vif: &Port{Link: vif}}, kernel.Count{Bytes: 100, Packets: 10, Dropped: 1}, kernel.Count{Bytes: 2000, Packets: 20, Dropped: 2}},
		{
			"HVM",
			NIC{Vif: &Port{Link: vif}, Tap: &Port{Link: tap}},
			kernel.Count{Bytes: 105, Packets: 13, Dropped: 8},
			kernel.Count{Bytes: 2006, Packets: 24, Dropped: 10},
		},
	} {
		received, sent := c.nic.Traffic()
		require.Equal(t, c.received, received, c.name)
		require.Equal(t, c.sent, sent, c.name)
	}
}

func route(to string, index, metric int) kernel.Route {
	return kernel.Route{RouteEntry: plan.RouteEntry{Dst: netip.MustParsePrefix(to), Metric: metric}, Through: []int{index}}
}

// The toolstack's word stands before the configuration's, and that before the default route.
func TestUplink(t *testing.T) {
	t.Parallel()
	links := map[int]kernel.Link{2: *link(2, "eth0", true, true), 3: *link(3, "eth1", true, true)}
	for _, c := range []struct {
		name   string
		routes []kernel.Route
		nic    *NIC
		want   string
	}{
		{name: "none"},
		{name: "the default route's", routes: []kernel.Route{route("0.0.0.0/0", 2, 0)}, want: "eth0"},
		{name: "the better default route's", routes: []kernel.Route{route("0.0.0.0/0", 2, 200), route("0.0.0.0/0", 3, 100)}, want: "eth1"},
		{name: "half the world is no default", routes: []kernel.Route{route("0.0.0.0/1", 3, 0), route("0.0.0.0/0", 2, 0)}, want: "eth0"},
		{name: "IPv6 alone", routes: []kernel.Route{route("::/0", 3, 1024)}, want: "eth1"},
		{name: "IPv4 before IPv6", routes: []kernel.Route{route("::/0", 3, 1024), route("0.0.0.0/0", 2, 0)}, want: "eth0"},
		{name: "a guest without a word", routes: []kernel.Route{route("0.0.0.0/0", 2, 0)}, nic: &NIC{}, want: "eth0"},
		{
			name: "the configuration's", routes: []kernel.Route{route("0.0.0.0/0", 2, 0)},
			nic: &NIC{Entry: configs.Guest{Uplink: "eth1"}}, want: "eth1",
		},
		{name: "a guest without a word on a host without a default route", nic: &NIC{}, want: "eth0"},
		{name: "the toolstack's", nic: &NIC{Backend: map[string]string{"gatewaydev": "eth0"}, Entry: configs.Guest{Uplink: "eth1"}}, want: "eth0"},
	} {
		f := &Facts{Host: &kernel.Host{Links: links, Routes: c.routes}}
		require.Equal(t, c.want, f.Uplink(c.nic), c.name)
	}
}

func TestBridge(t *testing.T) {
	t.Parallel()
	f := &Facts{Host: &kernel.Host{Links: map[int]kernel.Link{9: *link(9, "xenbr0", true, true)}}}
	in := link(5, "vif1.0", true, true)
	in.Master = 9
	ovs := &journal.Record{Bridge: "ovsbr0", Entries: []journal.Entry{{Step: plan.SwitchPort{Dev: in.Dev}}}}
	for _, c := range []struct {
		name, want, wanted string
		nic                NIC
	}{
		{name: "no port"},
		{name: "not there", nic: NIC{Vif: &Port{}}},
		{name: "in none", nic: NIC{Vif: &Port{Link: link(5, "vif1.0", true, true)}}},
		{name: "in one", nic: NIC{Vif: &Port{Link: in}}, want: "xenbr0"},
		{name: "in Open vSwitch's", nic: NIC{Vif: &Port{Link: in, Record: ovs}}, want: "ovsbr0"},
		{name: "wanted by the toolstack", nic: NIC{Mode: "bridge", Backend: map[string]string{"bridge": "br1"}}, wanted: "br1"},
		{
			name: "wanted by the configuration", nic: NIC{Mode: "bridge", Backend: map[string]string{"bridge": "br1"}, Entry: configs.Guest{Bridge: "br2"}},
			wanted: "br2",
		},
		{
			name: "brought up in another", nic: NIC{Mode: "bridge", Entry: configs.Guest{Bridge: "br2"}, Vif: &Port{Record: &journal.Record{Bridge: "br3"}}},
			wanted: "br3",
		},
		{name: "not in this mode", nic: NIC{Mode: "route", Backend: map[string]string{"bridge": "br1"}}},
	} {
		require.Equal(t, c.want, f.Bridge(&c.nic), c.name)
		require.Equal(t, c.wanted, c.nic.WantedBridge(), c.name)
	}
}

// The longest prefix, then the smallest metric.
func TestBestRoute(t *testing.T) {
	t.Parallel()
	f := &Facts{Host: &kernel.Host{Routes: []kernel.Route{
		route("0.0.0.0/0", 2, 0), route("10.0.0.0/8", 3, 10), route("10.0.0.0/8", 4, 5), route("10.1.0.0/16", 5, 100),
		route("2001:db8::/32", 6, 1024),
	}}}
	for to, want := range map[string]int{"192.0.2.1": 2, "10.2.0.1": 4, "10.1.2.3": 5, "2001:db8::1": 6, "2001:db9::1": 0} {
		r, ok := BestRoute(f, netip.MustParseAddr(to))
		require.Equal(t, want != 0, ok, to)
		require.Equal(t, want, r.Index(), to)
	}
}
