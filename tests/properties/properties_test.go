package properties

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"vifctl/tests/dom0"
)

// TestOfflineUndoesOnline: online, offline is nothing; twice is once, both ways.
func TestOfflineUndoesOnline(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	rapid.Check(t, func(rt *rapid.T) {
		tr := h.try(rt, draw(rt))
		defer tr.end(rt)
		before := tr.State()

		tr.succeed(rt, tr.up(), "at first")
		tr.connected(rt)
		online := tr.State()
		tr.succeed(rt, tr.up(), "again")
		tr.connected(rt)
		tr.is(rt, online, "after online, online")

		tr.succeed(rt, tr.down(), "down")
		tr.is(rt, before, "after online, online, offline")
		tr.succeed(rt, tr.down(), "down again")
		tr.is(rt, before, "after another offline")
	})
}

// TestKilledAnywhere: a call that is killed somewhere is made good by the next, whichever that is.
func TestKilledAnywhere(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	rapid.Check(t, func(rt *rapid.T) {
		tr := h.try(rt, draw(rt))
		defer tr.end(rt)
		nth := rapid.IntRange(1, 35)
		before := tr.State()

		tr.killed(rt, tr.up(), nth.Draw(rt, "online killed at"))
		tr.succeed(rt, tr.down(), "offline after a killed online")
		tr.is(rt, before, "after a killed online and offline")

		tr.succeed(rt, tr.up(), "online")
		online := tr.State()
		tr.killed(rt, tr.down(), nth.Draw(rt, "offline killed at"))
		tr.succeed(rt, tr.down(), "offline after a killed offline")
		tr.is(rt, before, "after a killed offline and offline")

		tr.killed(rt, tr.up(), nth.Draw(rt, "another online killed at"))
		tr.succeed(rt, tr.up(), "online after a killed online")
		tr.connected(rt)
		tr.is(rt, online, "after a killed online and online")
		tr.succeed(rt, tr.down(), "offline")
		tr.is(rt, before, "at the end")
	})
}

// connected: netback has been told. It waits for no call for a tap.
func (tr *trial) connected(t failer) {
	t.Helper()
	if tr.Tap {
		return
	}
	status, _ := tr.Read(tr.port.Backend + "/hotplug-status")
	require.Equal(t, "connected", status, "hotplug-status\n%s", tr.example)
}

// TestKilledEverywhere: the same for two guests at every single change.
func TestKilledEverywhere(t *testing.T) {
	for name, e := range map[string]example{
		"bridge": {Script: "vif-bridge", NIC: dom0.NIC{Domid: 1, Vifname: "www", MTU: 1400}, Before: []string{
			"ip link set PORT mtu 1350 up",
		}},
		"nat": {Script: "vif-nat", Tap: true, Stride: 5, NIC: dom0.NIC{Domid: 1, HVM: true, IP: "192.168.1.2", Rate: "5000,50000"}, Config: `
			[host]
			antispoof = "strict"
			dhcp = "dnsmasq"
			[[guest]]
			name = "guest1"
			public = ["203.0.113.44"]`},
		"openvswitch": {Script: "vif-openvswitch", Switch: true, Stride: 5, NIC: dom0.NIC{Domid: 1, Bridge: "ovs0.10:20", IP: "10.0.0.5"}, Config: `
			[host]
			antispoof = "strict"`},
		"route": {Script: "vif-route", NIC: dom0.NIC{Domid: 1, Vifname: "www", MTU: 1400, IP: "10.0.0.5 10.9.0.0/24 2001:db8::5"}},
	} {
		t.Run(name+"/online", func(t *testing.T) {
			t.Parallel()
			e.killedOnline(t)
		})
		t.Run(name+"/offline", func(t *testing.T) {
			t.Parallel()
			e.killedOffline(t)
		})
	}
}

// killedOnline: killed anywhere, then offline, is nothing; killed anywhere, then online, is online.
func (e example) killedOnline(t *testing.T) {
	tr := e.host(t).try(t, e)
	before := tr.State()
	tr.succeed(t, tr.up(), "online")
	online := tr.State()
	tr.succeed(t, tr.down(), "offline")
	for n := 1; tr.killed(t, tr.up(), n); n += max(e.Stride, 1) {
		tr.succeed(t, tr.down(), "offline after a killed online")
		tr.is(t, before, "after online killed at change "+strconv.Itoa(n)+" and offline")

		tr.killed(t, tr.up(), n)
		tr.succeed(t, tr.up(), "online after a killed online")
		tr.connected(t)
		tr.is(t, online, "after online killed at change "+strconv.Itoa(n)+" and online")
		tr.succeed(t, tr.down(), "offline")
	}
	tr.connected(t)
	tr.is(t, online, "after online that was killed at no change")
}

// killedOffline: killed anywhere, then offline again, is nothing; killed anywhere, then online, is online.
func (e example) killedOffline(t *testing.T) {
	tr := e.host(t).try(t, e)
	before := tr.State()
	tr.succeed(t, tr.up(), "online")
	online := tr.State()
	for n := 1; tr.killed(t, tr.down(), n); n += max(e.Stride, 1) {
		tr.succeed(t, tr.down(), "offline after a killed offline")
		tr.is(t, before, "after offline killed at change "+strconv.Itoa(n)+" and offline")

		tr.succeed(t, tr.up(), "online")
		tr.killed(t, tr.down(), n)
		tr.succeed(t, tr.up(), "online after a killed offline")
		tr.connected(t)
		tr.is(t, online, "after offline killed at change "+strconv.Itoa(n)+" and online")
	}
	tr.is(t, before, "after offline that was killed at no change")
}
