package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// vlanScene: vlan= on a Linux bridge.
var vlanScene = Scene{
	Name:  "vlan",
	About: "guests on one bridge, which keeps their VLANs apart",
	Host: func(d *Dom0) error {
		yes := true
		link := &netlink.Bridge{LinkAttrs: netlink.NewLinkAttrs(), VlanFiltering: &yes}
		link.Name = "xenbr1"
		link.HardwareAddr, _ = net.ParseMAC("00:16:3e:00:00:08")
		err := d.kernel.LinkAdd(link)
		if errors.Is(err, unix.EOPNOTSUPP) {
			return notHere{fmt.Errorf("this kernel's bridges keep no VLANs apart (CONFIG_BRIDGE_VLAN_FILTERING; %w)", err)}
		}
		if err != nil {
			return fmt.Errorf("dom0: make the bridge xenbr1: %w", err)
		}
		// It is for guests alone, and without one it has no carrier that a link-local address would come with.
		return errors.Join(d.Do(func() error { return setting("ipv6/conf/xenbr1/disable_ipv6", "1") }), d.up("xenbr1"))
	},
	Play: func(ctx context.Context, d *Dom0) error {
		d.Report.Note("dom0 has xenbr1: ip link add xenbr1 type bridge vlan_filtering 1")
		guest := func(name string, domid int, vlan, address string) Guest {
			return Guest{
				Name: name, Domid: domid, Script: "vif-bridge", Bridge: "xenbr1", VLAN: vlan, Group: "vlan",
				IP: address, Addresses: prefixes(address + "/24"),
			}
		}
		return d.keepsApart(ctx, "VLAN 10",
			guest("red1", 10, "10", "192.0.2.101"), guest("red2", 11, "10", "192.0.2.102"), guest("blue", 12, "20", "192.0.2.103"))
	},
}

// keepsApart starts guests of which the last one is in another VLAN than the others, and checks who hears whom.
func (d *Dom0) keepsApart(ctx context.Context, where string, one, two, other Guest) error {
	var up []*Domain
	for _, g := range []Guest{one, two, other} {
		domain, err := d.Start(ctx, g)
		if err != nil {
			return err
		}
		up = append(up, domain)
	}
	first, second, stranger := up[0], up[1], up[2]
	d.Pings(ctx, first.Machine, second.Machine, " in "+where, second.Addresses...)
	// To all of the network, or the stranger would already fail to find out whom to tell.
	all := netip.AddrFrom4([4]byte{255, 255, 255, 255})
	err := first.drownsOut(ctx, stranger, second, all)
	d.Report.Check(Check{
		What: fmt.Sprintf("%s, in another VLAN, calls all: %s does not hear it", stranger.Guest.Name, second.Guest.Name), Err: err,
	})
	return nil
}

// drownsOut has a stranger say something, and then the guest itself, which the listener hears: so it is not for want of time
// that the stranger is not heard.
func (g *Domain) drownsOut(ctx context.Context, stranger, listener *Domain, to netip.Addr) error {
	ear, err := listener.datagrams(netip.AddrPortFrom(netip.IPv4Unspecified(), servicePort))
	if err != nil {
		return err
	}
	defer func() { _ = ear.Close() }()
	// Without a stranger's word first: there is a way.
	for _, strangerToo := range []bool{false, true} {
		heard := ""
		for tried := 1; ; tried++ {
			if strangerToo {
				if err := stranger.say(word{"from " + stranger.Guest.Name, stranger.Addresses[0].Addr(), to}); err != nil {
					return err
				}
			}
			own := "from " + g.Guest.Name
			if err := g.say(word{own, g.Addresses[0].Addr(), to}); err != nil {
				return err
			}
			arrived, err := listen(ear, own)
			heard += arrived
			if err == nil {
				break
			}
			if tried == talkTries || ctx.Err() != nil {
				return fmt.Errorf("%s hears nothing, not even %q: %w", listener.Guest.Name, own, err)
			}
		}
		if strings.Contains(heard, "from "+stranger.Guest.Name) {
			return fmt.Errorf("%s heard %s", listener.Guest.Name, stranger.Guest.Name)
		}
	}
	return nil
}
