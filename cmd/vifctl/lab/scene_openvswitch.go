package lab

import (
	"context"
	"fmt"
	"os"
	"strings"

	"vifctl/hooks/openvswitch"
)

// switchScene: vif-openvswitch, with a switch of the lab's own.
var switchScene = Scene{
	Name:  "openvswitch",
	About: "guests on a bridge of Open vSwitch's, in VLANs that their bridge= names",
	Host:  switchHost,
	Play:  playSwitch,
}

// switchPrograms are what it takes of Open vSwitch.
var switchPrograms = []string{"ovs-vsctl", "ovsdb-tool", "ovsdb-server", "ovs-vswitchd"}

// switchHost starts Open vSwitch, as the machine's service does, with the datapath that needs no kernel module.
func switchHost(d *Dom0) error {
	ctx := context.Background()
	paths, err := needs("Open vSwitch (Debian: openvswitch-switch)", switchPrograms...)
	if err != nil {
		return err
	}
	if err := d.tapTrouble(); err != nil {
		return notHere{fmt.Errorf("its own datapath takes taps (%w)", err)}
	}
	const (
		database = openvswitch.RunDir + "/conf.db"
		socket   = openvswitch.RunDir + "/db.sock"
		schema   = "/usr/share/openvswitch/vswitch.ovsschema"
	)
	if err := os.MkdirAll(openvswitch.RunDir, 0o755); err != nil {
		return err
	}
	if _, err := d.run(ctx, paths["ovsdb-tool"], "create", database, schema); err != nil {
		return notHere{err}
	}
	_, err = d.daemon(ctx, appears(socket), paths["ovsdb-server"], database, "--remote=punix:"+socket,
		"--unixctl="+openvswitch.RunDir+"/db.ctl", "-vconsole:warn")
	if err != nil {
		return notHere{err}
	}
	if _, err := d.run(ctx, paths["ovs-vsctl"], "--retry", "--timeout=20", "--no-wait", "init"); err != nil {
		return notHere{err}
	}
	_, err = d.daemon(ctx, appears(openvswitch.RunDir+"/switch.ctl"), paths["ovs-vswitchd"], "unix:"+socket,
		"--unixctl="+openvswitch.RunDir+"/switch.ctl", "-vconsole:warn")
	if err != nil {
		return notHere{err}
	}
	_, err = d.run(ctx, paths["ovs-vsctl"], "--timeout=20", "--", "add-br", "ovs0", "--", "set", "bridge", "ovs0", "datapath_type=netdev",
		"other_config:hwaddr=00:16:3e:00:00:09")
	if err != nil {
		return notHere{err}
	}
	return d.up("ovs0")
}

func playSwitch(ctx context.Context, d *Dom0) error {
	paths, err := needs("Open vSwitch", switchPrograms...)
	if err != nil {
		return err
	}
	d.Report.Note("dom0 has ovs0: ovs-vsctl add-br ovs0")
	guest := func(name string, domid int, bridge, address string) Guest {
		return Guest{
			Name: name, Domid: domid, Script: "vif-openvswitch", Bridge: bridge, Group: "openvswitch",
			IP: address, Addresses: prefixes(address + "/24"),
		}
	}
	one := guest("green1", 13, "ovs0.10", "192.0.2.111")
	err = d.keepsApart(ctx, "VLAN 10", one, guest("green2", 14, "ovs0.10:20:30", "192.0.2.112"), guest("gold", 15, "ovs0.20", "192.0.2.113"))
	if err != nil {
		return err
	}
	want := fmt.Sprintf("5f2b7a00-0000-4000-8000-%012d.0", one.Domid)
	found, err := d.run(ctx, paths["ovs-vsctl"], "--timeout=10", "get", "Interface", one.Vif(), "external_ids:iface-id")
	if found = strings.Trim(strings.TrimSpace(found), `"`); err == nil && found != want {
		err = fmt.Errorf("it is %s", found)
	}
	d.Report.Check(Check{What: "green1's port is known by its iface-id", Found: found, Err: err})
	return nil
}
