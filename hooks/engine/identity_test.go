package engine

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"vifctl/configs"
	"vifctl/hooks/journal"
	"vifctl/hooks/plan"
)

const (
	uuidA = "11111111-1111-4111-8111-111111111111"
	uuidB = "22222222-2222-4222-8222-222222222222"
)

// What the backend's keys, the configuration and the guest's identity come to: the mode,
// the guest's entry and the call that brings the port up again.
func TestDerive(t *testing.T) {
	t.Parallel()
	const text = `
[[guest]]
name = "web"
mode = "nat"
address = ["192.168.1.2"]
public = ["203.0.113.44"]

[[guest]]
uuid = "` + uuidB + `"
mode = "route"
address = ["198.51.100.7"]
`
	path := filepath.Join(t.TempDir(), "vifctl.toml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	config, err := configs.Load(path)
	require.NoError(t, err)
	type identity = map[string]string
	named := func(domid, name, uuid string) identity {
		return identity{"/local/domain/" + domid + "/name": name, "/local/domain/" + domid + "/vm": "/vm/" + uuid}
	}
	stub := named("8", "web-dm", uuidB)
	stub["/local/domain/8/target"] = "5"
	for k, v := range named("5", "web", uuidA) {
		stub[k] = v
	}
	for _, c := range []struct {
		name    string
		nic     plan.NIC
		script  string
		ip      string
		who     identity
		running string // the UUID of a guest called web that is up here
		config  configs.Config

		mode, guest, address, public, online string
		dead                                 bool
	}{
		{
			name: "the script says the mode", nic: plan.NIC{Domid: 5}, script: "/etc/xen/scripts/vif-bridge", ip: "10.0.0.5", who: named("5", "db", uuidA),
			mode: "bridge", guest: "db", address: "10.0.0.5", online: "/etc/xen/scripts/vif-bridge online type_if=vif XENBUS_PATH=backend/vif/5/0",
		},
		{
			name: "SUSE's name", nic: plan.NIC{Domid: 5}, script: "/etc/xen/scripts/vif-route-ifup", who: named("5", "db", uuidA),
			mode: "route", guest: "db", online: "/etc/xen/scripts/vif-route-ifup online type_if=vif XENBUS_PATH=backend/vif/5/0",
		},
		{
			name: "vifctl, without an entry", nic: plan.NIC{Domid: 5, Devid: 1}, script: "/etc/xen/scripts/vifctl", who: named("5", "db", uuidA),
			mode: "bridge", guest: "db", online: "/etc/xen/scripts/vifctl online type_if=vif XENBUS_PATH=backend/vif/5/1",
		},
		{
			name: "vifctl, with an entry", nic: plan.NIC{Domid: 5}, script: "/etc/xen/scripts/vifctl", who: named("5", "web", uuidA), config: config,
			mode: "nat", guest: "web", address: "192.168.1.2", public: "203.0.113.44",
			online: "/etc/xen/scripts/vifctl online type_if=vif XENBUS_PATH=backend/vif/5/0",
		},
		{
			name: "the entry's addresses stand before the toolstack's", nic: plan.NIC{Domid: 5}, script: "vif-nat", ip: "10.0.0.5", who: named("5", "web", uuidA),
			config: config, mode: "nat", guest: "web", address: "192.168.1.2", public: "203.0.113.44", online: "vif-nat online type_if=vif XENBUS_PATH=backend/vif/5/0",
		},
		{
			name: "no public address where the mode has none", nic: plan.NIC{Domid: 5}, script: "/etc/xen/scripts/vif-route", who: named("5", "web", uuidA),
			config: config, mode: "route", guest: "web", address: "192.168.1.2", online: "/etc/xen/scripts/vif-route online type_if=vif XENBUS_PATH=backend/vif/5/0",
		},
		{
			name: "by its UUID", nic: plan.NIC{Domid: 5}, script: "/etc/xen/scripts/vifctl", who: named("5", "other", uuidB), config: config,
			mode: "route", guest: "other", address: "198.51.100.7", online: "/etc/xen/scripts/vifctl online type_if=vif XENBUS_PATH=backend/vif/5/0",
		},
		{
			name: "arriving", nic: plan.NIC{Domid: 5}, script: "/etc/xen/scripts/vif-nat", who: named("5", "web--incoming", uuidA), config: config,
			mode: "nat", guest: "web", address: "192.168.1.2", public: "203.0.113.44",
			online: "/etc/xen/scripts/vif-nat online type_if=vif XENBUS_PATH=backend/vif/5/0",
		},
		{
			name: "arriving from this very host", nic: plan.NIC{Domid: 5}, script: "/etc/xen/scripts/vif-nat", who: named("5", "web--incoming", uuidA),
			running: uuidA, config: config, mode: "nat", guest: "web", address: "192.168.1.2", public: "203.0.113.44",
			online: "/etc/xen/scripts/vif-nat online type_if=vif XENBUS_PATH=backend/vif/5/0",
		},
		{
			name: "left for another host", nic: plan.NIC{Domid: 5}, script: "/etc/xen/scripts/vif-nat", who: named("5", "web--migratedaway", uuidA),
			running: uuidA, config: config, mode: "nat", guest: "web", address: "192.168.1.2", public: "203.0.113.44",
			online: "/etc/xen/scripts/vif-nat online type_if=vif XENBUS_PATH=backend/vif/5/0",
		},
		{
			name: "called as if it arrived", nic: plan.NIC{Domid: 5}, script: "/etc/xen/scripts/vif-nat", who: named("5", "web--incoming", uuidA),
			running: "33333333-3333-4333-8333-333333333333", config: config,
			mode: "nat", guest: "web--incoming", online: "/etc/xen/scripts/vif-nat online type_if=vif XENBUS_PATH=backend/vif/5/0",
		},
		{
			name: "a stub domain is its guest", nic: plan.NIC{Domid: 8}, script: "/etc/xen/scripts/vifctl", who: stub, config: config,
			mode: "nat", guest: "web", address: "192.168.1.2", public: "203.0.113.44",
			online: "/etc/xen/scripts/vifctl online type_if=vif XENBUS_PATH=backend/vif/8/0",
		},
		{
			name: "another program's script", nic: plan.NIC{Domid: 5}, script: "/opt/vif-own", who: named("5", "db", uuidA),
			guest: "db", online: "/opt/vif-own online type_if=vif XENBUS_PATH=backend/vif/5/0",
		},
		{
			name: "gone", nic: plan.NIC{Domid: 5}, dead: true,
			online: "/etc/xen/scripts/vif-bridge online type_if=vif XENBUS_PATH=backend/vif/5/0",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			e := Engine{Xenstore: toolstack(c.who), Journal: journal.Open(t.TempDir()), Config: c.config, Log: slog.New(slog.DiscardHandler)}
			if c.running != "" {
				require.NoError(t, e.Journal.Write(&journal.Record{
					Port: journal.Port{NIC: plan.NIC{Domid: 3}, Kind: plan.Vif, UUID: c.running, Index: 7, Boot: "b", Name: "vif3.0", Device: "vif3.0"}, Mode: "nat", Guest: "web",
					Entries: []journal.Entry{{Step: plan.Up{Dev: plan.Dev{Name: "vif3.0", Index: 7}, Want: true}}},
				}))
			}
			keys := map[string]string{"ip": c.ip}
			if c.script != "" {
				keys["script"] = c.script
			}
			d := e.Derive(t.Context(), c.nic, keys)
			require.Equal(t, c.mode, d.Mode)
			require.Equal(t, c.guest, d.Name)
			require.Equal(t, !c.dead, d.Alive)
			require.Equal(t, c.address, joinPrefixes(d.Addresses))
			public := ""
			if len(d.Public) > 0 {
				public = d.Public[0].String()
			}
			require.Equal(t, c.public, public)
			require.Equal(t, c.online, d.Online(plan.Vif, ""))
		})
	}
}
