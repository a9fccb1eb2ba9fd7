package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
)

// The network that the bridge extends to the guests.
var (
	clientLAN = prefixes("192.0.2.1/24", "2001:db8:2::1/64")
	dom0LAN   = prefixes("192.0.2.2/24", "2001:db8:2::2/64")
)

// bridgeScene: vif-bridge. The guests are on the client's own network.
var bridgeScene = Scene{
	Name:  "bridge",
	About: "guests as ports of xenbr0, where the client's cable is another",
	Host: func(d *Dom0) error {
		if err := cable(end{d.Machine, "eth1", "00:16:3e:00:00:04"}, end{d.Client, "eth1", "00:16:3e:00:00:03"}); err != nil {
			return err
		}
		return errors.Join(
			d.bridge("xenbr0", "00:16:3e:00:00:04", "eth1"),
			d.configure("xenbr0", dom0LAN...),
			d.Client.configure("eth1", clientLAN...),
		)
	},
	Play: playBridge,
}

func playBridge(ctx context.Context, d *Dom0) error {
	d.Report.Note("client eth1 %s  ──  eth1 in xenbr0 %s dom0", addressesOf(clientLAN), addressesOf(dom0LAN))
	web, err := d.Start(ctx, Guest{
		Name: "web", Domid: 1, Script: "vif-bridge", Bridge: "xenbr0", Vifname: "web0",
		Addresses: prefixes("192.0.2.11/24", "2001:db8:2::11/64"),
	})
	if err != nil {
		return err
	}
	d.Report.Check(Check{What: "web0 is up and a port of xenbr0, with Xen's neutral MAC", Err: d.isPort("web0", "xenbr0")})
	d.Pings(ctx, d.Client, web.Machine, "", web.Addresses...)
	d.Pings(ctx, web.Machine, d.Client, "", clientLAN...)

	win, err := d.Start(ctx, Guest{
		Name: "win", Domid: 2, HVM: true, Script: "vif-bridge", Bridge: "xenbr0",
		Addresses: prefixes("192.0.2.12/24", "2001:db8:2::12/64"),
	})
	if err != nil {
		return err
	}
	d.Pings(ctx, d.Client, win.Machine, " by its emulated NIC", win.Addresses...)
	d.Pings(ctx, win.Machine, web.Machine, "", web.Addresses...)
	if err := d.SwitchToPV(ctx, win); err != nil {
		return err
	}
	d.Pings(ctx, d.Client, win.Machine, " by its PV NIC", win.Addresses...)
	return nil
}

// isPort looks at a bridge's port.
func (d *Dom0) isPort(name, bridge string) error {
	port, err := d.kernel.LinkByName(name)
	if err != nil {
		return err
	}
	master, err := d.kernel.LinkByIndex(port.Attrs().MasterIndex)
	if err != nil {
		return fmt.Errorf("it is no port: %w", err)
	}
	a := port.Attrs()
	if a.Flags&net.FlagUp == 0 || master.Attrs().Name != bridge || a.HardwareAddr.String() != "fe:ff:ff:ff:ff:ff" {
		return fmt.Errorf("flags %v, bridge %s, MAC %s", a.Flags, master.Attrs().Name, a.HardwareAddr)
	}
	return nil
}
