package apply

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"vifctl/hooks/plan"
)

// bridge makes a bridge under the ifindex that was chosen for it, or takes the
// one that has it away.
func (x *Executor) bridge(s plan.Bridge) error {
	name, err := x.nameByIndex(s.Dev.Index)
	there := err == nil && name == s.Dev.Name
	switch {
	case err != nil && !errors.Is(err, errNoLink):
		return say(s.Dev, "look for the bridge", err)
	case there != s.Absent:
		return nil
	case s.Absent:
		req := nl.NewNetlinkRequest(unix.RTM_DELLINK, unix.NLM_F_ACK)
		msg := nl.NewIfInfomsg(unix.AF_UNSPEC)
		msg.Index = int32(s.Dev.Index)
		req.AddData(msg)
		return say(s.Dev, "take the bridge away", x.kernel.Ask(req, 0, nil))
	}
	req := nl.NewNetlinkRequest(unix.RTM_NEWLINK, unix.NLM_F_CREATE|unix.NLM_F_EXCL|unix.NLM_F_ACK)
	msg := nl.NewIfInfomsg(unix.AF_UNSPEC)
	msg.Index = int32(s.Dev.Index)
	req.AddData(msg)
	req.AddData(nl.NewRtAttr(unix.IFLA_IFNAME, nl.ZeroTerminated(s.Dev.Name)))
	if s.MAC != "" {
		hw, err := net.ParseMAC(s.MAC)
		if err != nil {
			return say(s.Dev, "make the bridge", err)
		}
		req.AddData(nl.NewRtAttr(unix.IFLA_ADDRESS, hw))
	}
	info := nl.NewRtAttr(unix.IFLA_LINKINFO, nil)
	info.AddRtAttr(nl.IFLA_INFO_KIND, nl.NonZeroTerminated("bridge"))
	data := info.AddRtAttr(nl.IFLA_INFO_DATA, nil)
	data.AddRtAttr(nl.IFLA_BR_FORWARD_DELAY, nl.Uint32Attr(0))
	data.AddRtAttr(nl.IFLA_BR_STP_STATE, nl.Uint32Attr(0))
	req.AddData(info)
	err = x.kernel.Ask(req, 0, nil)
	if errors.Is(err, unix.EEXIST) {
		err = fmt.Errorf("an interface of that name exists: %w", err)
	}
	return say(s.Dev, "make the bridge", err)
}

// setting writes one setting of the whole host.
func (*Executor) setting(s plan.Setting) error {
	path := filepath.Join("/proc/sys", s.Path)
	err := writeSetting(path, s.Want)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.ENOENT):
		return fmt.Errorf("set %s: this kernel has no such setting", s.Path)
	}
	// A container's read-only /proc/sys is fine where the value is right.
	if now, readErr := os.ReadFile(path); readErr == nil && string(trimNewline(now)) == s.Want {
		return nil
	}
	return fmt.Errorf("set %s to %s: %w", s.Path, s.Want, err)
}
