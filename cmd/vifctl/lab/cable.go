package lab

import (
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
)

// end is one end of a cable: an interface of a machine. An empty MAC is the kernel's choice.
type end struct {
	machine   *Machine
	name, mac string
}

// cable lays a cable between two machines (a veth pair). Both ends stay down.
func cable(a, b end) error {
	link := &netlink.Veth{
		LinkAttrs:     netlink.NewLinkAttrs(),
		PeerName:      b.name,
		PeerNamespace: netlink.NsFd(b.machine.NS),
	}
	link.Name = a.name
	// MACs of our own making parse.
	link.HardwareAddr, _ = net.ParseMAC(a.mac)
	link.PeerHardwareAddr, _ = net.ParseMAC(b.mac)
	if err := a.machine.kernel.LinkAdd(link); err != nil {
		return fmt.Errorf("lay a cable (veth) from %s's %s to %s's %s: %w", a.machine.Name, a.name, b.machine.Name, b.name, err)
	}
	return nil
}

// up brings an interface up.
func (m *Machine) up(name string) error {
	link, err := m.kernel.LinkByName(name)
	if err == nil {
		err = m.kernel.LinkSetUp(link)
	}
	if err != nil {
		return fmt.Errorf("%s: bring %s up: %w", m.Name, name, err)
	}
	return nil
}

// setMAC gives an interface a hardware address of our own making, which parses.
func (m *Machine) setMAC(name, mac string) error {
	hw, _ := net.ParseMAC(mac)
	link, err := m.kernel.LinkByName(name)
	if err == nil {
		err = m.kernel.LinkSetHardwareAddr(link, hw)
	}
	if err != nil {
		return fmt.Errorf("%s: give %s the MAC %s: %w", m.Name, name, mac, err)
	}
	return nil
}

// remove takes an interface away, and a cable's other end with it.
func (m *Machine) remove(name string) error {
	link, err := m.kernel.LinkByName(name)
	if err == nil {
		err = m.kernel.LinkDel(link)
	}
	if err != nil {
		return fmt.Errorf("%s: remove %s: %w", m.Name, name, err)
	}
	return nil
}

// configure brings an interface up with addresses. IPv6 ones are left out where the kernel has none.
func (m *Machine) configure(name string, addresses ...netip.Prefix) error {
	if err := m.up(name); err != nil {
		return err
	}
	link, err := m.kernel.LinkByName(name)
	if err != nil {
		return fmt.Errorf("%s: %s: %w", m.Name, name, err)
	}
	for _, a := range speakable(addresses) {
		if err := m.kernel.AddrReplace(link, &netlink.Addr{IPNet: ipNet(a)}); err != nil {
			return fmt.Errorf("%s: give %s the address %s: %w", m.Name, name, a, err)
		}
	}
	return nil
}

// forget takes an address from an interface.
func (m *Machine) forget(name string, address netip.Prefix) error {
	link, err := m.kernel.LinkByName(name)
	if err == nil {
		err = m.kernel.AddrDel(link, &netlink.Addr{IPNet: ipNet(address)})
	}
	if err != nil {
		return fmt.Errorf("%s: take %s from %s: %w", m.Name, address, name, err)
	}
	return nil
}

// gateways gives a machine its default routes. A gateway may be outside of the machine's own networks: it is taken to
// be right behind the interface.
func (m *Machine) gateways(name string, gateways ...netip.Addr) error {
	link, err := m.kernel.LinkByName(name)
	if err != nil {
		return fmt.Errorf("%s: %s: %w", m.Name, name, err)
	}
	for _, g := range gateways {
		if g.Is6() && !hasIPv6() {
			continue
		}
		route := &netlink.Route{LinkIndex: link.Attrs().Index, Gw: g.AsSlice(), Flags: int(netlink.FLAG_ONLINK)}
		if err := m.kernel.RouteReplace(route); err != nil {
			return fmt.Errorf("%s: default route through %s: %w", m.Name, g, err)
		}
	}
	return nil
}

// bridge makes a bridge, up, with the given ports.
func (m *Machine) bridge(name, mac string, ports ...string) error {
	link := &netlink.Bridge{LinkAttrs: netlink.NewLinkAttrs()}
	link.Name = name
	link.HardwareAddr, _ = net.ParseMAC(mac)
	if err := m.kernel.LinkAdd(link); err != nil {
		return fmt.Errorf("%s: make the bridge %s: %w", m.Name, name, err)
	}
	for _, port := range ports {
		l, err := m.kernel.LinkByName(port)
		if err == nil {
			err = m.kernel.LinkSetMaster(l, link)
		}
		if err != nil {
			return fmt.Errorf("%s: attach %s to %s: %w", m.Name, port, name, err)
		}
		if err := m.up(port); err != nil {
			return err
		}
	}
	return m.up(name)
}

// speakable leaves out the IPv6 addresses on a kernel without IPv6.
func speakable(addresses []netip.Prefix) []netip.Prefix {
	if hasIPv6() {
		return addresses
	}
	var v4 []netip.Prefix
	for _, a := range addresses {
		if a.Addr().Is4() {
			v4 = append(v4, a)
		}
	}
	return v4
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}

// prefixes reads addresses of our own making, which parse.
func prefixes(texts ...string) []netip.Prefix {
	list := make([]netip.Prefix, len(texts))
	for i, t := range texts {
		list[i] = netip.MustParsePrefix(t)
	}
	return list
}
