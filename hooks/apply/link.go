package apply

import (
	"net"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"vifctl/hooks/plan"
)

// rank is the place of an attribute in the order in which the kernel takes
// those of one message (do_setlink of net/core/rtnetlink.c), 0 for a step that
// is none.
func rank(s plan.Step) int {
	switch s.(type) {
	case plan.MAC:
		return 1
	case plan.MTU:
		return 2
	case plan.Master:
		return 3
	case plan.Up:
		return 4
	}
	return 0
}

// oneMessage reports whether the kernel, given both attributes, takes a before
// b: an MTU that follows leaving a bridge must not be taken while the port is
// still in it. Down and off the bridge are as well done the other way round.
func oneMessage(a, b plan.Step) bool {
	if rank(a) == 0 || rank(b) == 0 || plan.DevOf(a).Index != plan.DevOf(b).Index {
		return false
	}
	if up, ok := a.(plan.Up); ok && !up.Want {
		_, ok = b.(plan.Master)
		return ok
	}
	return rank(a) < rank(b)
}

// setLink sets several attributes of one link by one message. Each message
// about a bridge's port makes the kernel go through the bridge's other ports,
// so fewer are faster on a full host. The link is known by its ifindex alone: a
// name may have been given to another interface meanwhile.
func (x *Executor) setLink(steps ...plan.Step) error {
	req := nl.NewNetlinkRequest(unix.RTM_SETLINK, unix.NLM_F_ACK)
	msg := nl.NewIfInfomsg(unix.AF_UNSPEC)
	msg.Index = int32(plan.DevOf(steps[0]).Index)
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
