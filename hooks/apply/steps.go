package apply

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"vifctl/hooks/plan"
)

// errNoLink: the interface a step is about has gone.
var errNoLink = errors.New("no such interface")

// sysctls is where the kernel keeps the settings of the calling thread's
// network namespace.
const sysctls = "/proc/sys/net"

// Do takes one step, whatever the state it finds: taking it twice is taking it
// once. The error names the interface, what failed and why.
func (x *Executor) Do(ctx context.Context, step plan.Step) error {
	switch s := step.(type) {
	case plan.Name:
		return say(s.Dev, "rename to "+s.Want, x.rename(s))
	case plan.MAC:
		return say(s.Dev, "set the hardware address "+s.Want, x.setMAC(s))
	case plan.MTU:
		return say(s.Dev, fmt.Sprintf("set the MTU %d", s.Want), x.kernel.LinkSetMTU(link(s.Dev), s.Want))
	case plan.Master:
		if s.Bridge.IsZero() {
			return say(s.Dev, "take off its bridge", x.kernel.LinkSetNoMaster(link(s.Dev)))
		}
		return say(s.Dev, "attach to "+s.Bridge.Name, x.kernel.LinkSetMasterByIndex(link(s.Dev), s.Bridge.Index))
	case plan.Up:
		if s.Want {
			return say(s.Dev, "bring up", x.kernel.LinkSetUp(link(s.Dev)))
		}
		return say(s.Dev, "take down", x.kernel.LinkSetDown(link(s.Dev)))
	case plan.Address:
		return x.address(s)
	case plan.Route:
		return x.route(s)
	case plan.ProxyNeighbour:
		return x.proxyNeighbour(s)
	case plan.Neighbour:
		return x.neighbour(s)
	case plan.Flows:
		return x.flows(s)
	case plan.Sysctl:
		return x.sysctl(s)
	case plan.XenstoreWrite:
		if err := x.Xenstore.Write(ctx, s.Path, s.Value); err != nil {
			return fmt.Errorf("write %q to xenstore: %w", s.Value, err)
		}
		return nil
	case plan.Rule:
		return x.do(ctx, []plan.Step{s})
	case plan.HookRun:
		return x.Hooks.Run(ctx, s)
	}
	panic(fmt.Sprintf("apply: no way to take a step of type %T", step))
}

// say puts the subject and the deed in front of an error.
func say(d plan.Dev, deed string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %s: %w", d, deed, err)
}

// forever is the kernel's INFINITY_LIFE_TIME.
const forever = 1<<32 - 1

func (x *Executor) rename(s plan.Name) error {
	err := x.kernel.LinkSetName(link(s.Dev), s.Want)
	if errors.Is(err, unix.EBUSY) {
		// Before Linux 6.2 an interface that is up keeps its name.
		err = errors.Join(x.kernel.LinkSetDown(link(s.Dev)), x.kernel.LinkSetName(link(s.Dev), s.Want), x.kernel.LinkSetUp(link(s.Dev)))
	}
	if errors.Is(err, unix.EEXIST) {
		// A rename to the name it has is EEXIST to some kernels, too.
		if l, lookErr := x.kernel.LinkByIndex(s.Dev.Index); lookErr == nil && l.Attrs().Name == s.Want {
			return nil
		}
		return fmt.Errorf("an interface of that name exists: %w", err)
	}
	return err
}

func (x *Executor) setMAC(s plan.MAC) error {
	hw, err := net.ParseMAC(s.Want)
	if err != nil {
		return err
	}
	return x.kernel.LinkSetHardwareAddr(link(s.Dev), hw)
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}

func (x *Executor) address(s plan.Address) error {
	a := &netlink.Addr{IPNet: ipNet(s.Addr.Prefix), Label: s.Addr.Label, Scope: s.Addr.Scope}
	if s.Addr.Peer.IsValid() {
		a.Peer = ipNet(s.Addr.Peer)
	}
	if s.Addr.Broadcast.IsValid() {
		a.Broadcast = s.Addr.Broadcast.AsSlice()
	} else if s.Addr.Prefix.Addr().Is4() {
		// The library makes up a broadcast address unless it is given one,
		// even the useless one.
		a.Broadcast = net.IPv4zero
	}
	if s.Addr.NoPrefixRoute {
		a.Flags |= unix.IFA_F_NOPREFIXROUTE
	}
	if s.Addr.Deprecated {
		// 0 is for ever to the library unless the other lifetime says so.
		a.ValidLft, a.PreferedLft = forever, 0
	}
	if s.Addr.NoDAD {
		a.Flags |= unix.IFA_F_NODAD
	}
	if s.Absent {
		a.Label = "" // a rename may have changed it
		err := x.kernel.AddrDel(link(s.Dev), a)
		if errors.Is(err, unix.EADDRNOTAVAIL) {
			err = nil
		}
		return say(s.Dev, "remove the address "+s.Addr.Prefix.String(), err)
	}
	return say(s.Dev, "add the address "+s.Addr.Prefix.String(), x.kernel.AddrReplace(link(s.Dev), a))
}

// route never replaces: a route to the same place with the same metric through
// another device is somebody else's.
func (x *Executor) route(s plan.Route) error {
	r := &netlink.Route{
		LinkIndex: s.Dev.Index,
		Dst:       ipNet(s.Route.Dst),
		Priority:  s.Route.Metric,
		Protocol:  netlink.RouteProtocol(s.Route.Protocol),
		Table:     unix.RT_TABLE_MAIN,
		Type:      unix.RTN_UNICAST,
	}
	if s.Route.Dst.Addr().Is4() {
		r.Scope = unix.RT_SCOPE_LINK
	}
	if s.Route.Source.IsValid() {
		r.Src = s.Route.Source.AsSlice()
	}
	if s.Absent {
		r.Protocol, r.Src = 0, nil // the destination, the metric and the device are what tells routes apart
		err := x.kernel.RouteDel(r)
		if errors.Is(err, unix.ESRCH) {
			err = nil
		}
		return say(s.Dev, "remove the route to "+s.Route.Dst.String(), err)
	}
	deed := "add the route to " + s.Route.Dst.String()
	err := x.kernel.RouteAdd(r)
	if !errors.Is(err, unix.EEXIST) {
		return say(s.Dev, deed, err)
	}
	// Ours, but with another source or protocol: take its place.
	there, listErr := x.kernel.RouteListFiltered(family(s.Route.Dst.Addr()),
		&netlink.Route{Dst: r.Dst, Table: unix.RT_TABLE_MAIN}, netlink.RT_FILTER_DST|netlink.RT_FILTER_TABLE)
	if listErr != nil {
		return say(s.Dev, deed, listErr)
	}
	for _, t := range there {
		if t.Priority == s.Route.Metric && t.LinkIndex != s.Dev.Index {
			return say(s.Dev, deed, fmt.Errorf("there is one with metric %d through %s: %w", t.Priority, x.nameOf(t.LinkIndex), err))
		}
	}
	return say(s.Dev, deed, x.kernel.RouteReplace(r))
}

func (x *Executor) nameOf(index int) string {
	if l, err := x.kernel.LinkByIndex(index); err == nil {
		return l.Attrs().Name
	}
	return fmt.Sprintf("interface number %d", index)
}

func family(a netip.Addr) int {
	if a.Is6() {
		return unix.AF_INET6
	}
	return unix.AF_INET
}

func (x *Executor) proxyNeighbour(s plan.ProxyNeighbour) error {
	n := &netlink.Neigh{LinkIndex: s.Dev.Index, Family: family(s.IP), Flags: unix.NTF_PROXY, IP: s.IP.AsSlice()}
	if s.Absent {
		err := x.kernel.NeighDel(n)
		if errors.Is(err, unix.ENOENT) {
			err = nil
		}
		return say(s.Dev, "stop answering for "+s.IP.String(), err)
	}
	return say(s.Dev, "answer for "+s.IP.String(), x.kernel.NeighSet(n))
}

func (x *Executor) neighbour(s plan.Neighbour) error {
	hw, err := net.ParseMAC(s.MAC)
	if err != nil {
		return say(s.Dev, "learn "+s.IP.String(), err)
	}
	n := &netlink.Neigh{
		LinkIndex: s.Dev.Index, Family: family(s.IP), State: unix.NUD_PERMANENT, IP: s.IP.AsSlice(), HardwareAddr: hw,
	}
	if s.Absent {
		err := x.kernel.NeighDel(n)
		if errors.Is(err, unix.ENOENT) {
			err = nil
		}
		return say(s.Dev, "forget "+s.IP.String(), err)
	}
	return say(s.Dev, "learn that "+s.IP.String()+" is "+s.MAC, x.kernel.NeighSet(n))
}

// sysctl writes one setting below the name the interface has now, which a
// rename may have changed since the step was written down.
func (x *Executor) sysctl(s plan.Sysctl) error {
	name, err := x.nameByIndex(s.Dev.Index)
	if err != nil {
		return say(s.Dev, "set "+s.Name, err)
	}
	path := filepath.Join(sysctls, s.Table, name, s.Name)
	err = writeSetting(path, s.Want)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.ENOENT):
		if s.Optional {
			return nil
		}
		return say(s.Dev, "set "+s.Name, fmt.Errorf("this kernel has no %s", path))
	}
	// A container's read-only /proc/sys is fine where the value is right.
	if now, readErr := os.ReadFile(path); readErr == nil && string(trimNewline(now)) == s.Want {
		return nil
	}
	return say(s.Dev, fmt.Sprintf("set %s to %s", s.Name, s.Want), err)
}

// nameByIndex asks for no more than the name, which a netlink message would
// bury in a kilobyte of other facts.
func (x *Executor) nameByIndex(index int) (string, error) {
	// The request's union starts with the index as well as with the flags, so
	// any name makes room for it.
	req, err := unix.NewIfreq("?")
	if err != nil {
		return "", err
	}
	req.SetUint32(uint32(index))
	err = unix.IoctlIfreq(x.names, unix.SIOCGIFNAME, req)
	if errors.Is(err, unix.ENODEV) {
		return "", errNoLink
	}
	return req.Name(), err
}

// writeSetting is os.WriteFile without its preparations for waiting.
func writeSetting(path, value string) error {
	fd, err := unix.Open(path, unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	_, err = unix.Write(fd, []byte(value))
	return errors.Join(err, unix.Close(fd))
}

func trimNewline(b []byte) []byte {
	for len(b) > 0 && b[len(b)-1] == '\n' {
		b = b[:len(b)-1]
	}
	return b
}
