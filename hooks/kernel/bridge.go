package kernel

import (
	"errors"
	"fmt"
	"net"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"vifctl/hooks/plan"
)

// SetBridge makes a bridge under the ifindex that was chosen for it, or takes the
// one that has it away.
func (k *Kernel) SetBridge(s plan.Bridge) error {
	name, err := k.nameByIndex(s.Dev.Index)
	there := err == nil && name == s.Dev.Name
	switch {
	case err != nil && !errors.Is(err, ErrNoLink):
		return say(s.Dev, "look for the bridge", err)
	case there != s.Absent:
		return nil
	case s.Absent:
		req := linkRequest(unix.RTM_DELLINK, unix.NLM_F_ACK, s.Dev.Index)
		return say(s.Dev, "take the bridge away", k.conn.ask(req, 0, nil))
	}
	req := linkRequest(unix.RTM_NEWLINK, unix.NLM_F_CREATE|unix.NLM_F_EXCL|unix.NLM_F_ACK, s.Dev.Index)
	req.AddData(attr(unix.IFLA_IFNAME, nl.ZeroTerminated(s.Dev.Name)))
	if s.MAC != "" {
		hw, err := net.ParseMAC(s.MAC)
		if err != nil {
			return say(s.Dev, "make the bridge", err)
		}
		req.AddData(attr(unix.IFLA_ADDRESS, hw))
	}
	info := attr(unix.IFLA_LINKINFO, nil)
	info.AddRtAttr(nl.IFLA_INFO_KIND, nl.NonZeroTerminated("bridge"))
	data := info.AddRtAttr(nl.IFLA_INFO_DATA, nil)
	data.AddRtAttr(nl.IFLA_BR_FORWARD_DELAY, number(0))
	data.AddRtAttr(nl.IFLA_BR_STP_STATE, number(0))
	req.AddData(info)
	err = k.conn.ask(req, 0, nil)
	if errors.Is(err, unix.EEXIST) {
		err = fmt.Errorf("an interface of that name exists: %w", err)
	}
	return say(s.Dev, "make the bridge", err)
}
