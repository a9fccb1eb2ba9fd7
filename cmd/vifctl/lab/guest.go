package lab

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strconv"

	"golang.org/x/sys/unix"

	"vifctl/xenscripts"
)

// Guest is what a guest's xl configuration says, as far as its one network interface goes, and what the guest itself
// makes of that interface.
type Guest struct {
	Name  string
	Domid int
	// HVM guests have an emulated NIC beside the PV one, until their driver unplugs it.
	HVM bool
	// Late: the emulated NIC comes seconds after xl has called everything, and nobody calls for it (comeLate).
	Late bool
	// Script is the hotplug script: vif-bridge, vif-route, …
	Script string
	// The rest of the vif=[…] entry; what is zero is not written.
	IP, Bridge, Vifname, VLAN string
	MTU                       int
	// Rate as libxl writes it: bytes, and the microseconds in which they may be sent.
	Rate string
	// Public is what the configuration gives it.
	Public netip.Addr
	// Group is what guests are of whose calls come to the same but for names and addresses. The report lists the
	// commands of the first, and of the others what is different.
	Group string

	// Addresses and Gateways are what the guest's administrator configured inside. None: something else, such as DHCP,
	// is to do it.
	Addresses []netip.Prefix
	Gateways  []netip.Addr
}

// Names inside a guest.
const (
	pvNIC        = "eth0"
	emulatedName = "emu0"
)

// Vif is the PV backend's name, as netback gives it.
func (g Guest) Vif() string { return fmt.Sprintf("vif%d.0", g.Domid) }

// Tap is the emulated NIC's, as libxl gives it; "" for a guest without one.
func (g Guest) Tap() string {
	if !g.HVM {
		return ""
	}
	return g.Vif() + "-emu"
}

// Port is what the vif is called once it is online.
func (g Guest) Port() string { return cmp.Or(g.Vifname, g.Vif()) }

// TapPort is what the tap is called once it is added.
func (g Guest) TapPort() string { return g.Port() + "-emu" }

// MAC is in the range of Xen's own (00:16:3e).
func (g Guest) MAC() string { return fmt.Sprintf("00:16:3e:01:00:%02x", g.Domid%256) }

// terms are the words by which a guest's commands differ from another's.
func (g Guest) terms() []string {
	return []string{
		g.Vif(), fmt.Sprintf("vif/%d/", g.Domid), fmt.Sprintf("domain/%d/", g.Domid), g.MAC(), g.linkLocal(),
		first(g.Addresses), g.Public.String(),
	}
}

func first(addresses []netip.Prefix) string {
	if len(addresses) == 0 {
		return ""
	}
	return addresses[0].Addr().String()
}

// linkLocal is the IPv6 address made of the MAC.
func (g Guest) linkLocal() string { return fmt.Sprintf("fe80::216:3eff:fe01:%x", g.Domid%256) }

func (g Guest) backend() string { return fmt.Sprintf("/local/domain/0/backend/vif/%d/0", g.Domid) }

// keys are those that libxl writes (libxl__set_xenstore_nic and libxl__device_add in tools/libs/light), and who the
// domain is.
func (g Guest) keys() []string {
	domid := strconv.Itoa(g.Domid)
	home, uuid := "/local/domain/"+domid, fmt.Sprintf("/vm/5f2b7a00-0000-4000-8000-%012d", g.Domid)
	frontend := home + "/device/vif/0"
	kind, mtu, frontendMTU := "vif", "", "1500"
	if g.HVM {
		kind = "vif_ioemu"
	}
	if g.MTU != 0 && g.MTU != 1500 {
		mtu = strconv.Itoa(g.MTU)
		frontendMTU = mtu
	}
	var pairs []string
	add := func(dir string, keys ...string) {
		for i := 0; i < len(keys); i += 2 {
			if keys[i+1] != "" {
				pairs = append(pairs, dir+"/"+keys[i], keys[i+1])
			}
		}
	}
	add(home, "name", g.Name, "domid", domid, "vm", uuid)
	add(uuid, "name", g.Name, "uuid", uuid[len("/vm/"):])
	add(frontend, "backend", g.backend(), "backend-id", "0", "state", "1", "handle", "0", "mac", g.MAC(), "mtu", frontendMTU)
	add(g.backend(), "frontend", frontend, "frontend-id", domid, "online", "1", "state", "1",
		"script", xenscripts.Dir+"/"+g.Script, "mac", g.MAC(), "handle", "0", "type", kind,
		"ip", g.IP, "bridge", g.Bridge, "vifname", g.Vifname, "mtu", mtu, "vlan", g.VLAN, "rate", g.Rate)
	// Empty, it makes netback wait for the script.
	return append(pairs, g.backend()+"/hotplug-status", "")
}

// Domain is a guest that was started.
type Domain struct {
	Guest
	*Machine

	// device is the emulated NIC's model; nil without one, or where a veth stands in for it.
	device *emulatedNIC
	// hasTap: the emulated NIC is plugged in.
	hasTap bool
	// plugged is what dom0's ends were before the first call.
	plugged state
}

// nic is the one the guest uses: the emulated one as long as there is one.
func (g *Domain) nic() string {
	if g.hasTap {
		return emulatedName
	}
	return pvNIC
}

// plug makes what netback and the device model make before libxl calls the script: the vif (down, the highest unicast
// address as its MAC) and the tap.
func (d *Dom0) plug(g *Domain) error {
	const netback = "fe:ff:ff:ff:ff:ff"
	if err := cable(end{d.Machine, g.Vif(), netback}, end{g.Machine, pvNIC, g.MAC()}); err != nil {
		return err
	}
	if !g.HVM || g.Late {
		return nil
	}
	return d.plugTap(g)
}

// plugTap makes the device model's tap.
func (d *Dom0) plugTap(g *Domain) error {
	g.hasTap = true
	if d.tapTrouble() != nil {
		return cable(end{d.Machine, g.Tap(), ""}, end{g.Machine, emulatedName, g.MAC()})
	}
	var err error
	if g.device, err = emulate(d.Machine, g.Tap(), g.Machine, emulatedName); err != nil {
		return err
	}
	return g.setMAC(emulatedName, g.MAC())
}

// unplugEmulated takes the emulated NIC away, as a guest's PV driver does, or a device model that ends.
func (d *Dom0) unplugEmulated(g *Domain) error {
	if !g.hasTap {
		return nil
	}
	g.hasTap = false
	if g.device == nil {
		return g.remove(emulatedName)
	}
	g.device.close()
	g.device = nil
	return nil
}

// tapTrouble says why there can be no tap here; nil where there can.
func (d *Dom0) tapTrouble() error {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("/dev/net/tun: %w", err)
	}
	return unix.Close(fd)
}

// use configures one of the guest's NICs, as its operating system does at boot or when its driver changes, and waits
// until dom0 has noticed.
func (d *Dom0) use(ctx context.Context, g *Domain, nic string) error {
	port := g.Port()
	if nic == emulatedName {
		port = g.TapPort()
	}
	for _, step := range []func() error{
		func() error { return g.configure(nic, g.Addresses...) },
		func() error { return g.gateways(nic, g.Gateways...) },
		func() error { return g.carrier(ctx, nic) },
		func() error { return g.settle(ctx) },
		func() error { return d.carrier(ctx, port) },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	if nic == pvNIC {
		return d.store.Write(ctx, g.backend()+"/state", "4") // as netback does when the driver has connected
	}
	return nil
}

// Start does what xl create does for a guest's network: the keys, the interfaces, the scripts' calls, and then the
// guest runs. Its emulated NIC comes first, for a BIOS knows no other.
func (d *Dom0) Start(ctx context.Context, guest Guest) (*Domain, error) {
	machine, err := newMachine(guest.Name)
	if err != nil {
		return nil, err
	}
	g := &Domain{Guest: guest, Machine: machine}
	if err := errors.Join(d.write(ctx, g.keys()...), d.plug(g)); err != nil {
		return nil, err
	}
	d.Domains = append(d.Domains, g)
	all, err := d.state()
	if err != nil {
		return nil, err
	}
	g.plugged = all.of(g.Vif())
	if err := d.call(ctx, g, online); err != nil {
		return nil, err
	}
	d.connected(ctx, g)
	switch {
	case g.Late:
		return g, nil
	case g.HVM:
		if err := d.call(ctx, g, add); err != nil {
			return nil, err
		}
		return g, d.use(ctx, g, emulatedName)
	}
	return g, d.use(ctx, g, pvNIC)
}

// SwitchToPV lets an HVM guest's PV driver take over, and the emulated NIC go.
func (d *Dom0) SwitchToPV(ctx context.Context, g *Domain) error {
	if err := d.unplugEmulated(g); err != nil {
		return err
	}
	d.Report.Gap()
	d.Report.Note("%s's PV driver takes over: the emulated NIC is unplugged, and %s is gone", g.Guest.Name, g.Tap())
	return d.use(ctx, g, pvNIC)
}

// connected checks that netback will let the guest connect.
func (d *Dom0) connected(ctx context.Context, g *Domain) {
	d.Report.Check(d.storeCheck(ctx, g.backend()+"/hotplug-status", "connected"))
}
