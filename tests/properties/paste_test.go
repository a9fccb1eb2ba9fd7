package properties

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"vifctl/tests/dom0"
)

// TestPlanPasted: whoever pastes what `--dry-run` prints for a call, as a script that ends at
// its first failure, has what the call leaves, rules included: for every mode and backend, on
// a host where the firewall has nothing yet and on one where it has all but the guest.
func TestPlanPasted(t *testing.T) {
	guest := `
		[[guest]]
		name = "guest1"
		public = ["203.0.113.44", "2001:db8:2::44"]
		[[guest.forward]]
		listen = "203.0.113.45:2222"
		to = 22
		[[guest.forward]]
		listen = ":8000-8002"
		proto = "udp"
		from = ["198.51.100.0/24"]`
	nat := dom0.NIC{Domid: 1, HVM: true, IP: "192.168.1.2 fd00::2", Rate: "5000,50000"}
	routed := dom0.NIC{Domid: 1, IP: "10.0.0.5 10.9.0.0/24 2001:db8::5 2001:db8:5::/64"}
	for name, e := range map[string]example{
		"bridge":             {Script: "vif-bridge", NIC: dom0.NIC{Domid: 1, Vifname: "www", MTU: 1400}},
		"bridge, strict":     {Script: "vif-bridge", NIC: dom0.NIC{Domid: 1, IP: "10.0.0.5 10.9.0.0/24 2001:db8::5 2001:db8:5::/64"}, Config: "[host]\nantispoof = \"strict\""},
		"bridge, mac, a tap": {Script: "vif-bridge", Tap: true, NIC: dom0.NIC{Domid: 1, HVM: true}, Config: "[host]\nantispoof = \"mac\""},
		"route":              {Script: "vif-route", NIC: routed},
		"route, strict":      {Script: "vif-route", NIC: routed, Config: "[host]\nantispoof = \"strict\""},
		"route, iptables":    {Script: "vif-route", NIC: routed, Config: "[host]\nantispoof = \"strict\"\nfirewall = \"iptables\""},
		"nat, strict, a tap": {Script: "vif-nat", Tap: true, NIC: nat, Config: "[host]\nantispoof = \"strict\"\ndhcp = \"dnsmasq\"" + guest},
		"nat, iptables":      {Script: "vif-nat", NIC: nat, Config: "[host]\nantispoof = \"strict\"\nfirewall = \"iptables\"" + guest},
		"openvswitch":        {Script: "vif-openvswitch", Switch: true, NIC: dom0.NIC{Domid: 1, Bridge: "ovs0.10:20", IP: "10.0.0.5"}, Config: "[host]\nantispoof = \"strict\""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			called, pasted := e.bare(t).try(t, e), e.bare(t).try(t, e)
			called.succeed(t, called.up(), "online")
			online := called.State()
			plan := pasted.paste(t, pasted.up())
			if strings.Contains(e.Config, `"strict"`) {
				checked := max(strings.Index(plan, "strict_ports { "), strings.Index(plan, "add-flows"))
				up := strings.Index(plan, " up\n")
				require.True(t, checked > 0 && checked < up, "the port comes up before what it sends is checked:\n%s", plan)
			}
			pasted.connected(t)
			pasted.is(t, online, "after the plan of online was pasted")
			// Of what was pasted no call has written down the interface's new name, and the ip of
			// most distributions cannot say that a public address is a guest's.
			if e.NIC.Vifname == "" && e.Script != "vif-nat" {
				pasted.succeed(t, pasted.up(), "online after a pasted one")
				pasted.is(t, online, "after the plan of online was pasted, and online")
			}

			called.paste(t, called.down())
			offline := called.State()
			called.succeed(t, called.down(), "offline after a pasted one")
			called.is(t, offline, "after the plan of offline was pasted, and offline")
			called.paste(t, called.up())
			called.is(t, online, "after the plan of online was pasted once more")
		})
	}
}

// bare is a host on which nothing was done yet.
func (e example) bare(t *testing.T) (h host) {
	if e.Switch {
		h.Dom0 = dom0.New(t, dom0.Options{Switch: "ovs0"})
	} else {
		h = newHost(t)
	}
	if e.Config != "" {
		require.NoError(t, h.WriteFile(dom0.ConfigFile, e.Config, 0o644))
	}
	return h
}

// paste has a shell do what a call's --dry-run prints, and returns that.
func (tr *trial) paste(t *testing.T, c dom0.Call) string {
	t.Helper()
	c.Args = append(c.Args, "--dry-run")
	plan := tr.Call(c)
	require.Zero(t, plan.Exit, plan.Stderr)
	require.NoError(t, tr.WriteFile("/run/plan.sh", plan.Stderr, 0o644))
	r := tr.Run("sh", "-e", "/run/plan.sh")
	require.Zero(t, r.Exit, "%s\n%s\n%s", r.Stderr, plan.Stderr, tr.example)
	return plan.Stderr
}
