package dom0

import (
	"errors"
	"fmt"
	"os"
	"strconv"

	"github.com/vishvananda/netlink"
)

// A NIC is what an entry of a guest's vif=[…] says, and whose it is. Empty fields are what xl fills in.
type NIC struct {
	Domid, Devid int
	Guest        string // the guest's name; "guest<domid>"
	HVM          bool   // type=vif_ioemu: the NIC has an emulated one, a tap, beside it
	Script       string // "vif-bridge"
	Bridge       string // "xenbr0", which xl writes for every mode
	MAC          string
	IP           string
	Vifname      string
	Gatewaydev   string
	Rate         string
	MTU          int // 0 or 1500: no key
	// Keys are written to the backend last, over the others; Absent ones are then removed. For what only other toolstacks
	// or the years of xend wrote.
	Keys   map[string]string
	Absent []string
	// TapDevice makes the emulated NIC a real tap device instead of a cable to the guest: frames go through Port.TapFile.
	TapDevice bool
	// Unplugged leaves the interfaces to Plug: the keys are there, the devices come later.
	Unplugged bool
}

// A Port is a guest's NIC in its dom0.
type Port struct {
	NIC
	Vif      string // vif1.0, whatever it is called now
	Tap      string // vif1.0-emu; "" for a NIC without an emulated one
	Backend  string // absolute
	Frontend string // absolute
	TapFile  *os.File
	dom0     *Dom0
}

// backendMAC is what netback gives every vif: the highest unicast address, which no bridge takes for its own.
const backendMAC = "fe:ff:ff:ff:ff:ff"

// Attach does what happens before libxl calls the script: the keys are written, netback makes the vif, and for an HVM
// guest the device model makes its tap.
func (d *Dom0) Attach(nic NIC) (*Port, error) {
	p := d.port(nic)
	if err := d.Write(p.keys()...); err != nil {
		return nil, err
	}
	for _, key := range nic.Absent {
		if err := d.Remove(p.Backend + "/" + key); err != nil {
			return nil, err
		}
	}
	if _, err := d.guest(nic.Domid, p.Guest); err != nil {
		return nil, err
	}
	d.mu.Lock()
	d.ports[p.Vif] = p
	d.mu.Unlock()
	if nic.Unplugged {
		return p, nil
	}
	return p, p.Plug()
}

// Port is an attached NIC, by its vif's first name (vif1.0); nil is none.
func (d *Dom0) Port(vif string) *Port {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.ports[vif]
}

func (d *Dom0) port(nic NIC) *Port {
	if nic.Guest == "" {
		nic.Guest = fmt.Sprintf("guest%d", nic.Domid)
	}
	if nic.Script == "" {
		nic.Script = "vif-bridge"
	}
	if nic.Bridge == "" {
		nic.Bridge = "xenbr0"
	}
	if nic.MAC == "" {
		nic.MAC = fmt.Sprintf("00:16:3e:01:%02x:%02x", nic.Domid%256, nic.Devid%256)
	}
	p := &Port{
		NIC:      nic,
		Vif:      fmt.Sprintf("vif%d.%d", nic.Domid, nic.Devid),
		Backend:  fmt.Sprintf("/local/domain/0/backend/vif/%d/%d", nic.Domid, nic.Devid),
		Frontend: fmt.Sprintf("/local/domain/%d/device/vif/%d", nic.Domid, nic.Devid),
		dom0:     d,
	}
	if nic.HVM {
		p.Tap = p.Vif + "-emu"
	}
	return p
}

// keys are those of libxl__set_xenstore_nic and libxl__device_add (tools/libs/light), and the domain's own.
func (p *Port) keys() []string {
	var pairs []string
	add := func(dir string, kv ...string) {
		for i := 0; i < len(kv); i += 2 {
			if kv[i+1] != "" {
				pairs = append(pairs, dir+"/"+kv[i], kv[i+1])
			}
		}
	}
	domid, devid := strconv.Itoa(p.Domid), strconv.Itoa(p.Devid)
	uuid := fmt.Sprintf("5f2b7a00-0000-4000-8000-%012d", p.Domid)
	add("/local/domain/"+domid, "name", p.Guest, "domid", domid, "vm", "/vm/"+uuid)
	add("/vm/"+uuid, "uuid", uuid, "name", p.Guest)

	kind, mtu, frontendMTU := "vif", "", "1500"
	if p.HVM {
		kind = "vif_ioemu"
	}
	if p.MTU != 0 && p.MTU != 1500 {
		mtu, frontendMTU = strconv.Itoa(p.MTU), strconv.Itoa(p.MTU)
	}
	backend := []string{
		"frontend", p.Frontend, "frontend-id", domid, "online", "1", "state", "1", "script", ScriptsDir + "/" + p.Script,
		"vifname", p.Vifname, "mac", p.MAC, "ip", p.IP, "gatewaydev", p.Gatewaydev, "rate", p.Rate, "mtu", mtu,
		"bridge", p.Bridge, "handle", devid, "type", kind,
	}
	add(p.Backend, backend...)
	// Empty, it makes netback wait for the script.
	pairs = append(pairs, p.Backend+"/hotplug-status", "")
	add(p.Frontend, "backend", p.Backend, "backend-id", "0", "state", "1", "handle", devid, "mac", p.MAC, "mtu", frontendMTU)
	add("/libxl/"+domid+"/device/vif/"+devid, append([]string{"backend", p.Backend}, backend...)...)
	for key, value := range p.Keys {
		pairs = append(pairs, p.Backend+"/"+key, value)
	}
	return pairs
}

// Guest is the guest's own namespace, where its NICs are eth0, eth1, …, and the emulated ones emu0, emu1, …; in OneRoom
// they are eth1.0, eth2.0, ….
func (d *Dom0) Guest(domid int) (*Namespace, error) {
	return d.guest(domid, fmt.Sprintf("guest%d", domid))
}

func (d *Dom0) guest(domid int, name string) (*Namespace, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.options.OneRoom {
		domid = 0
	}
	if guest, ok := d.guests[domid]; ok {
		return guest, nil
	}
	guest, err := newNamespace(name, nil)
	if err == nil {
		d.guests[domid] = guest
	}
	return guest, err
}

// Plug makes the interfaces: the vif as netback leaves it (down, its MAC, MTU 1500), and the tap.
func (p *Port) Plug() error {
	if err := p.PlugVif(); err != nil {
		return err
	}
	if p.Tap == "" {
		return nil
	}
	return p.PlugTap()
}

// PlugVif makes the vif. The guest's end is up at once, as a driver's would be.
func (p *Port) PlugVif() error {
	return p.plug(p.Vif, backendMAC, p.inside("eth"))
}

// PlugTap makes the emulated NIC's tap, which the device model gives a MAC of its own.
func (p *Port) PlugTap() error {
	mac := fmt.Sprintf("fe:54:00:01:%02x:%02x", p.Domid%256, p.Devid%256)
	if !p.TapDevice {
		return p.plug(p.Tap, mac, p.inside("emu"))
	}
	var err error
	p.TapFile, err = p.dom0.openTap(p.Tap, mac)
	return err
}

func (p *Port) plug(name, mac, inGuest string) error {
	guest, err := p.dom0.Guest(p.Domid)
	if err != nil {
		return err
	}
	if err := p.dom0.veth(name, mac, guest, inGuest, p.MAC); err != nil {
		return err
	}
	if p.dom0.options.Switch != "" {
		if err := guest.checksum(inGuest); err != nil {
			return err
		}
	}
	return guest.up(inGuest)
}

// Unplug takes the interfaces away, under whatever name they go now, as netback and a dying device model do.
func (p *Port) Unplug() error {
	return errors.Join(p.unplug("eth"), p.UnplugTap())
}

// UnplugTap takes the tap only: the device model is killed first at teardown, and a PV driver unplugs the emulated NIC.
func (p *Port) UnplugTap() error {
	if p.TapFile != nil {
		err := p.dom0.closeTap(p.TapFile)
		p.TapFile = nil
		return err
	}
	return p.unplug("emu")
}

// unplug pulls the cable on the guest's side, whose names no script changes.
func (p *Port) unplug(kind string) error {
	guest, err := p.dom0.Guest(p.Domid)
	if err != nil {
		return err
	}
	return guest.unplug(p.inside(kind))
}

// inside is what the guest calls its end.
func (p *Port) inside(kind string) string {
	if p.dom0.options.OneRoom {
		return fmt.Sprintf("%s%d.%d", kind, p.Domid, p.Devid)
	}
	return kind + strconv.Itoa(p.Devid)
}

func (n *Namespace) unplug(name string) error {
	link, err := n.nl.LinkByName(name)
	var gone netlink.LinkNotFoundError
	if errors.As(err, &gone) {
		return nil
	}
	if err != nil {
		return err
	}
	return n.nl.LinkDel(link)
}
