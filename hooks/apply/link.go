package apply

import (
	"net"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"vifctl/hooks/plan"
)

// setLink sets several attributes of one link by one message. Each message
// about a bridge's port makes the kernel go through the bridge's other ports,
// so fewer are faster on a full host. The link is known by its ifindex alone: a
// name may have been given to another interface meanwhile.
func (x *Executor) setLink(steps ...plan.Step) error {
	req := nl.NewNetlinkRequest(unix.RTM_SETLINK, unix.NLM_F_ACK)
	msg := nl.NewIfInfomsg(unix.AF_UNSPEC)
	msg.Index = int32(steps[0].Traits().Dev.Index)
	req.AddData(msg)
	for _, s := range steps {
		switch s := s.(type) {
		case plan.Name:
			req.AddData(nl.NewRtAttr(unix.IFLA_IFNAME, nl.ZeroTerminated(s.Want)))
		case plan.MAC:
			hw, err := net.ParseMAC(s.Want)
			if err != nil {
				return err
			}
			req.AddData(nl.NewRtAttr(unix.IFLA_ADDRESS, hw))
		case plan.MTU:
			req.AddData(nl.NewRtAttr(unix.IFLA_MTU, nl.Uint32Attr(uint32(s.Want))))
		case plan.Master:
			req.AddData(nl.NewRtAttr(unix.IFLA_MASTER, nl.Uint32Attr(uint32(s.Bridge.Index))))
		case plan.Up:
			msg.Change |= unix.IFF_UP
			if s.Want {
				msg.Flags |= unix.IFF_UP
			}
		}
	}
	return x.kernel.Ask(req, 0, nil)
}
