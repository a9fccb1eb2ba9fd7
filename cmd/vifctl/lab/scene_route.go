package lab

import (
	"context"
	"fmt"
	"net/netip"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// routeScene: vif-route. The guests have addresses of the uplink's network, and dom0 answers for them there.
var routeScene = Scene{
	Name:  "route",
	About: "guests behind dom0, which routes to them and answers for them on its uplink",
	Host:  routingHost,
	Play:  playRoute,
}

// routingHost makes the host a router, as at boot.
func routingHost(d *Dom0) error {
	ctx := context.Background()
	start := []string{"start", "netdev=eth0"}
	dry, _, err := networkScript(ctx, "network-route", append(start, "--dry-run")...)
	if err == nil {
		d.routing = commands(dry, "")
		_, _, err = networkScript(ctx, "network-route", start...)
	}
	return err
}

// routedGateways are a routed guest's: the uplink's own IPv4 address, and the link-local one that dom0 has on every
// port.
func routedGateways() []netip.Addr {
	return []netip.Addr{dom0Uplink[0].Addr(), netip.MustParseAddr("fe80::1")}
}

func playRoute(ctx context.Context, d *Dom0) error {
	d.Report.Note("dom0 was made a router, as at boot: network-route start netdev=eth0")
	d.Report.Steps(d.routing...)
	mail, err := d.Start(ctx, Guest{
		Name: "mail", Domid: 3, Script: "vif-route", Bridge: "xenbr0", MTU: 1400,
		IP:        "198.51.100.25 198.51.100.26 2001:db8:100::25",
		Addresses: prefixes("198.51.100.25/32", "198.51.100.26/32", "2001:db8:100::25/128"),
		Gateways:  routedGateways(),
	})
	if err != nil {
		return err
	}
	d.Report.Check(d.storeCheck(ctx, "/local/domain/3/device/vif/0/mtu", "1400"))
	d.Pings(ctx, d.Client, mail.Machine, "", mail.Addresses...)
	d.Pings(ctx, mail.Machine, d.Client, "", clientUplink...)

	desk, err := d.Start(ctx, Guest{
		Name: "desk", Domid: 4, HVM: true, Script: "vif-route", Bridge: "xenbr0",
		IP:        "198.51.100.27 2001:db8:100::27",
		Addresses: prefixes("198.51.100.27/32", "2001:db8:100::27/128"),
		Gateways:  routedGateways(),
	})
	if err != nil {
		return err
	}
	d.routes("198.51.100.27/32", "vif4.0-emu metric 1, vif4.0 metric 2")
	d.Pings(ctx, d.Client, desk.Machine, " by its emulated NIC", desk.Addresses...)
	if err := d.SwitchToPV(ctx, desk); err != nil {
		return err
	}
	d.routes("198.51.100.27/32", "vif4.0 metric 2")
	d.Pings(ctx, d.Client, desk.Machine, " by its PV NIC", desk.Addresses...)
	return nil
}

// routes checks the host's routes to a guest's address, the preferred one first.
func (d *Dom0) routes(to, want string) {
	filter := &netlink.Route{Dst: ipNet(netip.MustParsePrefix(to)), Table: unix.RT_TABLE_MAIN}
	list, err := again(func() ([]netlink.Route, error) {
		return d.kernel.RouteListFiltered(unix.AF_INET, filter, netlink.RT_FILTER_DST|netlink.RT_FILTER_TABLE)
	})
	var found []string
	for _, r := range list {
		name := fmt.Sprint(r.LinkIndex)
		if l, err := d.kernel.LinkByIndex(r.LinkIndex); err == nil {
			name = l.Attrs().Name
		}
		found = append(found, fmt.Sprintf("%s metric %d", name, r.Priority))
	}
	got := strings.Join(found, ", ")
	if err == nil && got != want {
		err = fmt.Errorf("they are %s", got)
	}
	d.Report.Check(Check{What: "routes to " + to + ": " + want, Err: err})
}
