package properties

import (
	"testing"

	"vifctl/tests/dom0"
)

// TestUnusualPorts: online twice is online, and offline undoes it, for ports in states that are too seldom for the drawn
// examples, or that those leave out.
func TestUnusualPorts(t *testing.T) {
	for name, before := range map[string]string{
		"IPv6 address on a port that is down": "ip address add 2001:db8:9::9/64 dev PORT",
		"IPv6 address on a port that is up":   "ip link set PORT up; ip address add 2001:db8:9::9/64 dev PORT",
		"two addresses of one subnet":         "ip address add 192.0.2.8/24 dev PORT; ip address add 192.0.2.9/24 dev PORT",
		"point-to-point address":              "ip address add 192.0.2.8 peer 192.0.2.9 dev PORT",
		// Below 1280 bytes an interface has no IPv6 at all, nor the settings that keep it quiet.
		"MTU too small for IPv6": "ip link set PORT mtu 1000",
		"many settings": "sysctl -q -w net/ipv6/conf/PORT/addr_gen_mode=1 net/ipv6/conf/PORT/accept_ra=0 " +
			"net/ipv4/conf/PORT/send_redirects=0 net/ipv4/neigh/PORT/proxy_delay=7; ip link set PORT up",
	} {
		for kind, e := range map[string]example{
			"bridge": {Script: "vif-bridge", NIC: dom0.NIC{Domid: 1, MTU: 1400}},
			"route":  {Script: "vif-route", NIC: dom0.NIC{Domid: 1, MTU: 1400, IP: "10.0.0.5 2001:db8::5"}},
			// A guest without IPv6 has its port's switched off.
			"route without IPv6": {Script: "vif-route", NIC: dom0.NIC{Domid: 1, MTU: 1400, IP: "10.0.0.5"}},
		} {
			e.Before = []string{before}
			t.Run(kind+"/"+name, func(t *testing.T) {
				t.Parallel()
				tr := newHost(t).try(t, e)
				bare := tr.State()
				tr.succeed(t, tr.up(), "at first")
				online := tr.State()
				tr.succeed(t, tr.up(), "again")
				tr.is(t, online, "after online, online")
				tr.succeed(t, tr.down(), "down")
				tr.is(t, bare, "after offline")
			})
		}
	}
}
