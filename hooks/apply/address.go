package apply

import (
	"encoding/binary"
	"errors"
	"net/netip"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"vifctl/hooks/plan"
)

// address adds or removes one address; adding what is there and removing what
// is not are no errors.
func (x *Executor) address(s plan.Address) error {
	local := s.Addr.Prefix.Addr()
	kind, flags, deed := unix.RTM_NEWADDR, unix.NLM_F_CREATE|unix.NLM_F_REPLACE, "add the address "
	if s.Absent {
		kind, flags, deed = unix.RTM_DELADDR, 0, "remove the address "
	}
	req := nl.NewNetlinkRequest(kind, flags|unix.NLM_F_ACK)
	msg := nl.NewIfAddrmsg(family(local))
	msg.Index = uint32(s.Dev.Index)
	msg.Prefixlen = uint8(s.Addr.Prefix.Bits())
	msg.Scope = uint8(s.Addr.Scope)
	req.AddData(msg)
	far := local
	if s.Addr.Peer.IsValid() {
		far = s.Addr.Peer.Addr()
		msg.Prefixlen = uint8(s.Addr.Peer.Bits())
	}
	req.AddData(nl.NewRtAttr(unix.IFA_LOCAL, local.AsSlice()))
	req.AddData(nl.NewRtAttr(unix.IFA_ADDRESS, far.AsSlice()))
	if !s.Absent {
		addressDetails(req, s.Addr)
	}
	if s.Addr.Proven && !s.Addr.NoDAD && !s.Absent {
		// The flag is taken back at once: it is not the address's own, and the
		// kernel does not begin detection for want of it.
		quick := s
		quick.Addr.NoDAD = true
		if err := x.address(quick); err != nil {
			return err
		}
	}
	err := x.kernel.Ask(req, 0, nil)
	if s.Absent && errors.Is(err, unix.EADDRNOTAVAIL) {
		err = nil
	}
	return say(s.Dev, deed+s.Addr.Prefix.String(), err)
}

func addressDetails(req *nl.NetlinkRequest, a plan.Addr) {
	if a.Broadcast.IsValid() {
		req.AddData(nl.NewRtAttr(unix.IFA_BROADCAST, a.Broadcast.AsSlice()))
	}
	if a.Label != "" {
		req.AddData(nl.NewRtAttr(unix.IFA_LABEL, nl.ZeroTerminated(a.Label)))
	}
	var flags uint32
	if a.NoPrefixRoute {
		flags |= unix.IFA_F_NOPREFIXROUTE
	}
	if a.NoDAD {
		flags |= unix.IFA_F_NODAD
	}
	if a.ManageTemporary {
		flags |= unix.IFA_F_MANAGETEMPADDR
	}
	if flags != 0 {
		req.AddData(nl.NewRtAttr(unix.IFA_FLAGS, nl.Uint32Attr(flags)))
	}
	if a.Metric != 0 {
		req.AddData(nl.NewRtAttr(unix.IFA_RT_PRIORITY, nl.Uint32Attr(uint32(a.Metric))))
	}
	if a.Origin != 0 {
		req.AddData(nl.NewRtAttr(ifaProto, []byte{byte(a.Origin)}))
	}
	if a.Deprecated || a.Valid != 0 {
		// struct ifa_cacheinfo: how long it is preferred, and how long valid.
		info := make([]byte, 16)
		preferred, valid := uint32(0), uint32(forever)
		if a.Valid != 0 {
			preferred, valid = a.Preferred, a.Valid
		}
		binary.NativeEndian.PutUint32(info, preferred)
		binary.NativeEndian.PutUint32(info[4:], valid)
		req.AddData(nl.NewRtAttr(unix.IFA_CACHEINFO, info))
	}
}

// ifaProto is IFA_PROTO of linux/if_addr.h; kernels before 5.18 ignore it.
const ifaProto = 11

// forever is the kernel's INFINITY_LIFE_TIME.
const forever = 1<<32 - 1

func family(a netip.Addr) int {
	if a.Is6() {
		return unix.AF_INET6
	}
	return unix.AF_INET
}
