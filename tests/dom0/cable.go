package dom0

import (
	"errors"
	"fmt"
	"net"
	"slices"

	"github.com/vishvananda/netlink"
)

// A Bridge is a bridge of the host, as an administrator's network configuration would make it.
type Bridge struct {
	Name  string
	MTU   int      // 0 is the kernel's 1500
	Ports []string // interfaces of the host that are its ports: Uplink, or none
}

// Uplink is the name of the host's way out.
const Uplink = "eth0"

// cable lays the cable between the host's uplink and the client, makes the bridges, and gives everybody addresses.
func (d *Dom0) cable() error {
	// Fixed MACs all over: two dom0s of one kind are the same to the last byte.
	if err := d.veth(Uplink, "00:16:3e:00:00:02", d.Client, "eth0", "00:16:3e:00:00:01"); err != nil {
		return err
	}
	holder := Uplink
	for i, b := range d.options.Bridges {
		if err := d.bridge(b, i); err != nil {
			return fmt.Errorf("bridge %s: %w", b.Name, err)
		}
		if slices.Contains(b.Ports, Uplink) && holder == Uplink {
			holder = b.Name
		}
	}
	if d.options.Switch != "" {
		if err := d.startSwitch(d.options.Switch); err != nil {
			return fmt.Errorf("Open vSwitch: %w", err) //nolint:staticcheck // a name
		}
		holder = d.options.Switch
	}
	if err := d.Client.Configure("eth0", ClientAddress+"/24", ClientIPv6+"/64"); err != nil {
		return err
	}
	if err := d.up(Uplink); err != nil {
		return err
	}
	if err := d.Configure(holder, HostAddress+"/24", HostIPv6+"/64"); err != nil {
		return err
	}
	for _, gateway := range []string{ClientAddress, ClientIPv6} {
		if err := d.DefaultRoute(gateway, ""); err != nil {
			return err
		}
	}
	if !d.options.Router {
		return nil
	}
	return d.Do(func() error { return router(holder) })
}

// router sets what network-route sets; proxy_ndp is IPv6's half of answering for guests.
func router(uplink string) error {
	return errors.Join(
		setSysctl("net/ipv4/ip_forward", "1"),
		setSysctl("net/ipv6/conf/all/forwarding", "1"),
		setSysctl("net/ipv4/conf/"+uplink+"/proxy_arp", "1"),
		setSysctl("net/ipv6/conf/"+uplink+"/proxy_ndp", "1"),
	)
}

func (d *Dom0) bridge(b Bridge, index int) error {
	link := &netlink.Bridge{LinkAttrs: netlink.NewLinkAttrs()}
	link.Name, link.HardwareAddr = b.Name, net.HardwareAddr{0x02, 0, 0, 0, 1, byte(index)}
	if err := d.nl.LinkAdd(link); err != nil {
		return err
	}
	if b.MTU != 0 {
		if err := d.nl.LinkSetMTU(link, b.MTU); err != nil {
			return err
		}
	}
	for _, name := range b.Ports {
		port, err := d.nl.LinkByName(name)
		if err != nil {
			return err
		}
		if err := d.nl.LinkSetMaster(port, link); err != nil {
			return err
		}
	}
	return d.nl.LinkSetUp(link)
}

// veth lays a cable between two namespaces; both ends stay down.
func (n *Namespace) veth(name, mac string, to *Namespace, peerName, peerMAC string) error {
	here, err := net.ParseMAC(mac)
	if err != nil {
		return err
	}
	there, err := net.ParseMAC(peerMAC)
	if err != nil {
		return err
	}
	link := &netlink.Veth{
		LinkAttrs:        netlink.NewLinkAttrs(),
		PeerName:         peerName,
		PeerHardwareAddr: there,
		PeerNamespace:    netlink.NsFd(to.fd),
	}
	link.Name, link.HardwareAddr, link.MTU = name, here, 1500
	if err := n.nl.LinkAdd(link); err != nil {
		return fmt.Errorf("%s: make %s: %w", n.Name, name, err)
	}
	return nil
}

func (n *Namespace) up(name string) error {
	link, err := n.nl.LinkByName(name)
	if err != nil {
		return fmt.Errorf("%s: %s: %w", n.Name, name, err)
	}
	return n.nl.LinkSetUp(link)
}

// Configure brings an interface up with addresses, given with their prefix length. IPv6 ones are left out where the kernel
// has no IPv6.
func (n *Namespace) Configure(name string, addresses ...string) error {
	if err := n.up(name); err != nil {
		return err
	}
	link, err := n.nl.LinkByName(name)
	if err != nil {
		return err
	}
	for _, address := range addresses {
		addr, err := netlink.ParseAddr(address)
		if err != nil {
			return fmt.Errorf("%s: %s: address %q: %w", n.Name, name, address, err)
		}
		if addr.IP.To4() == nil && !HasIPv6() {
			continue
		}
		if err := n.nl.AddrReplace(link, addr); err != nil {
			return fmt.Errorf("%s: %s: address %s: %w", n.Name, name, address, err)
		}
	}
	return nil
}

// DefaultRoute makes a default route through a gateway. With a device the gateway is taken to be right behind it, even outside
// of the namespace's own networks. One of IPv6 is left out where the kernel has no IPv6.
func (n *Namespace) DefaultRoute(gateway, device string) error {
	route := &netlink.Route{Gw: net.ParseIP(gateway)}
	if route.Gw.To4() == nil && !HasIPv6() {
		return nil
	}
	if device != "" {
		link, err := n.nl.LinkByName(device)
		if err != nil {
			return fmt.Errorf("%s: %s: %w", n.Name, device, err)
		}
		route.LinkIndex, route.Flags = link.Attrs().Index, int(netlink.FLAG_ONLINK)
	}
	if err := n.nl.RouteReplace(route); err != nil {
		return fmt.Errorf("%s: default route through %s: %w", n.Name, gateway, err)
	}
	return nil
}
