package apply

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

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
		return say(s.Dev, "set the hardware address "+s.Want, x.setLink(s))
	case plan.MTU:
		return say(s.Dev, fmt.Sprintf("set the MTU %d", s.Want), x.setLink(s))
	case plan.Master:
		if s.Bridge.IsZero() {
			return say(s.Dev, "take off its bridge", x.setLink(s))
		}
		return say(s.Dev, "attach to "+s.Bridge.Name, x.setLink(s))
	case plan.Up:
		if s.Want {
			return say(s.Dev, "bring up", x.setLink(s))
		}
		return say(s.Dev, "take down", x.setLink(s))
	case plan.Address:
		return x.address(s)
	case plan.Route:
		return x.route(s)
	case plan.ProxyNeighbour:
		return x.proxyNeighbour(s)
	case plan.Neighbour:
		return x.neighbour(s)
	case plan.Flows:
		return x.flows([]plan.Step{s})
	case plan.Sysctl:
		return x.sysctl(s)
	case plan.XenstoreWrite:
		if err := x.Xenstore.Write(ctx, s.Path, s.Value); err != nil {
			return fmt.Errorf("write %q to xenstore: %w", s.Value, err)
		}
		return nil
	case plan.Rule:
		return x.do(ctx, []plan.Step{s})
	case plan.DHCPHost:
		return x.DHCP.SetDHCP(ctx, s)
	case plan.Limit:
		return x.Limits.SetLimit(ctx, s)
	case plan.BridgeVLAN:
		return say(s.Dev, "set its VLANs", x.bridgeVLAN(s))
	case plan.SwitchPort:
		return x.Switch.SetPort(ctx, s)
	case plan.SwitchGuard:
		return x.Switch.SetGuard(ctx, s)
	case plan.HookRun:
		return x.Hooks.Run(ctx, s)
	case plan.Announce:
		return say(s.Dev, "announce "+s.IP.String(), x.announcer.announce(s))
	case plan.Bridge:
		return x.bridge(s)
	case plan.Setting:
		return x.setting(s)
	case plan.Forwarding:
		return x.setting(plan.Setting{Path: s.Path(), Want: "1"})
	case plan.Answers:
		return x.answers(ctx, s)
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

func (x *Executor) rename(s plan.Name) error {
	err := x.setLink(s)
	if errors.Is(err, unix.EBUSY) {
		// Before Linux 6.2 an interface that is up keeps its name.
		err = errors.Join(x.setLink(plan.Up{Dev: s.Dev}), x.setLink(s), x.setLink(plan.Up{Dev: s.Dev, Want: true}))
	}
	if errors.Is(err, unix.EEXIST) {
		// A rename to the name it has is EEXIST to some kernels, too.
		if name, lookErr := x.nameByIndex(s.Dev.Index); lookErr == nil && name == s.Want {
			return nil
		}
		return fmt.Errorf("an interface of that name exists: %w", err)
	}
	return err
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
