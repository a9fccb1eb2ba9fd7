package kernel

import (
	"encoding/binary"
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

// portGroupForward is IFLA_BRPORT_GROUP_FWD_MASK of linux/if_link.h, of 16 bits.
const portGroupForward = 31

// groupForward reads a bridge's port's group_fwd_mask; 0 where there is none.
func groupForward(data []byte) (mask int) {
	_ = Attributes(data, func(kind uint16, value []byte) error {
		if kind == portGroupForward && len(value) >= 2 {
			mask = int(binary.NativeEndian.Uint16(value))
		}
		return nil
	})
	return mask
}

// errNoGroupForward: a kernel passes over what it does not know.
var errNoGroupForward = errors.New(`this kernel's bridges learn from frames to reserved groups before any filter sees them (it has no group_fwd_mask for a port, ` +
	`as Linux 4.15 does), so a guest here could receive what is another's: take a newer kernel, or give the guest antispoof = "off"`)

// SetMaster makes an interface a port of a bridge. A guarded one that joins while it is up
// is down until the bridge has all of its frames filtered.
func (k *Kernel) SetMaster(s plan.Master) error {
	if !s.Guarded {
		return k.SetLink(s)
	}
	now, ok, err := k.LinkByIndex(s.Dev.Index)
	if err != nil {
		return err
	}
	if !ok {
		return ErrNoLink
	}
	if now.Master != s.Bridge.Index {
		if now.Up {
			if err := k.SetLink(plan.Up{Dev: s.Dev}); err != nil {
				return err
			}
		}
		if err := k.SetLink(s); err != nil {
			return err
		}
	}
	if err := k.setGroupForward(s.Dev.Index, plan.AllGroups); err != nil {
		return err
	}
	if now.Up && now.Master != s.Bridge.Index {
		return k.SetLink(plan.Up{Dev: s.Dev, Want: true})
	}
	return nil
}

// setGroupForward sets a bridge's port's group_fwd_mask, and makes sure that the kernel
// has it.
func (k *Kernel) setGroupForward(index, mask int) error {
	req := nl.NewNetlinkRequest(unix.RTM_SETLINK, unix.NLM_F_ACK)
	msg := nl.NewIfInfomsg(unix.AF_BRIDGE)
	msg.Index = int32(index)
	req.AddData(msg)
	port := attr(unix.IFLA_PROTINFO|unix.NLA_F_NESTED, nil)
	port.AddRtAttr(portGroupForward, nl.Uint16Attr(uint16(mask)))
	req.AddData(port)
	if err := k.conn.ask(req, 0, nil); err != nil {
		return err
	}
	l, ok, err := k.LinkByIndex(index)
	if err == nil && ok && l.GroupForward != mask {
		err = errNoGroupForward
	}
	return err
}
