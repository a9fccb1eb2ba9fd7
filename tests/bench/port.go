package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strconv"

	"golang.org/x/sys/unix"

	"vifctl/tests/dom0"
)

// A port is one guest's vif: a tap device, which is the cheapest there is that can do what a vif can.
type port struct {
	domid  int
	name   string
	script string
	bridge string // "" for a port that is routed
	ip     netip.Addr
	hvm    bool // it has an emulated NIC beside it
}

// Domids of the ports that calls are made for; those that are just there count from 1.
const (
	firstProbe     = 20001
	prototypeDomid = 30001
)

// port is a port of this host's mode on the bridge of that number.
func (h *host) port(domid, bridge int) port {
	ip := netip.AddrFrom4([4]byte{10, 64, byte(domid >> 8), byte(domid)})
	p := port{domid: domid, name: fmt.Sprintf("vif%d.0", domid), script: h.mode.script, ip: ip}
	if h.mode.name == "bridge" {
		p.bridge = fmt.Sprintf("xenbr%d", bridge)
	}
	return p
}

// probe is one of the ports that calls are made for. It joins the bridge that is fullest.
func (h *host) probe(i int) port { return h.port(firstProbe+i, 0) }

// tap is the emulated NIC's interface, of the ports that have one.
func (p port) tap() string { return p.name + "-emu" }

// guest is its guest's name.
func (p port) guest() string { return fmt.Sprintf("guest%d", p.domid) }

// public is the address that the guest is reached by, of a network for benchmarks (RFC 2544).
func (p port) public() netip.Addr {
	return netip.AddrFrom4([4]byte{198, 18, byte(p.domid >> 8), byte(p.domid)})
}

// backend is the folder of the port's backend keys; the environment names it relative to dom0's home.
func (p port) backend() string { return fmt.Sprintf("/local/domain/0/backend/vif/%d/0", p.domid) }

// keys are those that libxl writes for a NIC and vifctl or the scripts may look at.
func (p port) keys() [][2]string {
	id := strconv.Itoa(p.domid)
	mac := fmt.Sprintf("00:16:3e:01:%02x:%02x", p.domid>>8, p.domid&0xff)
	domain, vm := "/local/domain/"+id, fmt.Sprintf("/vm/5f2b7a00-0000-4000-8000-%012d", p.domid)
	frontend := domain + "/device/vif/0"
	kind := "vif"
	if p.hvm {
		kind = "vif_ioemu"
	}
	keys := [][2]string{
		{domain + "/name", p.guest()},
		{domain + "/vm", vm},
		{vm + "/name", p.guest()},
	}
	for _, kv := range [][2]string{
		{"frontend", frontend},
		{"frontend-id", id},
		{"online", "1"},
		{"state", "1"},
		{"script", dom0.ScriptsDir + "/" + p.script},
		{"mac", mac},
		{"ip", p.ip.String()},
		{"bridge", cmp.Or(p.bridge, "xenbr0")}, // which xl writes for every mode
		{"handle", "0"},
		{"type", kind},
		{"hotplug-status", ""},
	} {
		keys = append(keys, [2]string{p.backend() + "/" + kv[0], kv[1]})
	}
	for _, kv := range [][2]string{{"backend", p.backend()}, {"state", "1"}, {"mac", mac}, {"mtu", "1500"}} {
		keys = append(keys, [2]string{frontend + "/" + kv[0], kv[1]})
	}
	return keys
}

func (h *host) writeKeys(ctx context.Context, p port) error {
	for _, kv := range p.keys() {
		if err := h.store.Write(ctx, kv[0], kv[1]); err != nil {
			return err
		}
	}
	return nil
}

// plug makes the port as netback leaves it: its keys are there, and it is down, without a carrier.
func (h *host) plug(ctx context.Context, p port) error {
	if err := h.writeKeys(ctx, p); err != nil {
		return err
	}
	return h.Do(func() error {
		if p.hvm {
			if err := makeTap(p.tap()); err != nil {
				return err
			}
		}
		return makeTap(p.name)
	})
}

// makeTap makes a tap device that no program has open.
func makeTap(name string) error {
	fd, err := openTap(name)
	if err != nil {
		return err
	}
	return unix.Close(fd)
}

// unplug takes the port away, and its keys with it.
func (h *host) unplug(ctx context.Context, p port) error {
	failed := []error{h.Do(func() error {
		if p.hvm {
			return errors.Join(h.unmake(p.tap()), h.unmake(p.name))
		}
		return h.unmake(p.name)
	})}
	id := strconv.Itoa(p.domid)
	for _, path := range []string{"/local/domain/0/backend/vif/" + id, "/local/domain/" + id} {
		failed = append(failed, h.store.Remove(ctx, path))
	}
	return errors.Join(failed...)
}

// unmake takes an interface away, inside.
func (h *host) unmake(name string) error {
	link, err := h.kernel.LinkByName(name)
	if err != nil {
		return err
	}
	return h.kernel.LinkDel(link)
}

// openTap makes a persistent tap device in the namespace of the calling thread. It has a carrier while it is open.
func openTap(name string) (int, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return -1, fmt.Errorf("make %s: %w", name, err)
	}
	request, err := unix.NewIfreq(name)
	if err == nil {
		request.SetUint16(unix.IFF_TAP | unix.IFF_NO_PI)
		err = unix.IoctlIfreq(fd, unix.TUNSETIFF, request)
	}
	if err == nil {
		err = unix.IoctlSetInt(fd, unix.TUNSETPERSIST, 1)
	}
	if err != nil {
		_ = unix.Close(fd)
		return -1, fmt.Errorf("make %s: %w", name, err)
	}
	return fd, nil
}

// check looks whether a call did what it is for: the exit code alone would let a fast nothing win.
func (h *host) check(ctx context.Context, p port, command string) error {
	device := p.name
	if command == add || command == remove {
		device = p.tap()
	}
	if command == online {
		status, err := h.store.Read(ctx, p.backend()+"/hotplug-status")
		if err != nil {
			return err
		}
		if status != "connected" {
			return fmt.Errorf("hotplug-status is %q", status)
		}
	}
	return h.Do(func() error {
		link, err := h.kernel.LinkByName(device)
		if err != nil {
			return err
		}
		attached := link.Attrs().MasterIndex != 0
		if p.bridge == "" {
			routes, err := h.kernel.RouteGet(p.ip.AsSlice())
			if err != nil {
				return fmt.Errorf("the route to %s: %w", p.ip, err)
			}
			attached = len(routes) == 1 && routes[0].LinkIndex == link.Attrs().Index
			// A tap's route comes before its vif's: a watcher may have brought it up meanwhile.
			if tap, err := h.kernel.LinkByName(p.tap()); p.hvm && err == nil && command == online {
				attached = attached || len(routes) == 1 && routes[0].LinkIndex == tap.Attrs().Index
			}
		}
		switch {
		case (command == online || command == add) && !attached:
			return fmt.Errorf("%s is not attached", device)
		case (command == offline || command == remove) && attached:
			return fmt.Errorf("%s is still attached", device)
		}
		return nil
	})
}
