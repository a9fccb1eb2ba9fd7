package kernel

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"vifctl/hooks/plan"
)

func (k *Kernel) readAddresses(q plan.Query, s *plan.Snapshot) error {
	for _, index := range q.Addresses {
		if _, known := s.Addresses[index]; known {
			continue
		}
		list, err := k.AddressesOf(index)
		if err != nil {
			return err
		}
		s.Addresses[index] = list
	}
	return nil
}

// AddressesOf lists one interface's addresses of both families in the kernel's order; an
// interface that has gone has none.
func (k *Kernel) AddressesOf(index int) ([]plan.Addr, error) {
	list, err := k.addresses(index)
	if err != nil {
		return nil, fmt.Errorf("list the addresses of %s: %w", plan.Dev{Index: index}, err)
	}
	if list[index] == nil {
		return []plan.Addr{}, nil
	}
	return list[index], nil
}

// addresses lists those of one interface, or of all where index is 0, by ifindex.
func (k *Kernel) addresses(index int) (map[int][]plan.Addr, error) {
	req := nl.NewNetlinkRequest(unix.RTM_GETADDR, unix.NLM_F_DUMP)
	msg := nl.NewIfAddrmsg(unix.AF_UNSPEC)
	msg.Index = uint32(index)
	req.AddData(msg)
	list := map[int][]plan.Addr{}
	err := k.conn.ask(req, unix.RTM_NEWADDR, func(m []byte) error {
		msg := nl.DeserializeIfAddrmsg(m)
		of := int(msg.Index)
		// An old kernel tells all it has.
		if index != 0 && of != index || msg.Family != unix.AF_INET && msg.Family != unix.AF_INET6 {
			return nil
		}
		a, err := parseAddress(msg, m[msg.Len():])
		same := func(b plan.Addr) bool { return a.Prefix == b.Prefix && a.Peer == b.Peer }
		if !slices.ContainsFunc(list[of], same) { // asked again, it comes again
			list[of] = append(list[of], a)
		}
		return err
	})
	if errors.Is(err, unix.ENODEV) {
		return list, nil
	}
	return list, err
}

// ifaProto is IFA_PROTO of linux/if_addr.h, since Linux 5.18; older kernels ignore it.
const ifaProto = 11

// forever is the kernel's INFINITY_LIFE_TIME.
const forever = 1<<32 - 1

// parseAddress reads the attributes of an RTM_NEWADDR message.
func parseAddress(msg *nl.IfAddrmsg, data []byte) (plan.Addr, error) {
	a := plan.Addr{Scope: int(msg.Scope)}
	flags := uint32(msg.Flags)
	var address, local netip.Addr
	err := Attributes(data, func(kind uint16, value []byte) error {
		switch kind {
		case unix.IFA_ADDRESS:
			address, _ = netip.AddrFromSlice(value)
		case unix.IFA_LOCAL:
			local, _ = netip.AddrFromSlice(value)
		case unix.IFA_BROADCAST:
			a.Broadcast, _ = netip.AddrFromSlice(value)
		case unix.IFA_LABEL:
			a.Label = unix.ByteSliceToString(value)
		case unix.IFA_FLAGS:
			flags = uint32(word(value))
		case unix.IFA_RT_PRIORITY:
			a.Metric = word(value)
		case ifaProto:
			a.Origin = int(value[0])
			a.Guests = a.Origin == plan.RouteProtocol
		case unix.IFA_CACHEINFO:
			if len(value) >= 8 {
				preferred, valid := binary.NativeEndian.Uint32(value), binary.NativeEndian.Uint32(value[4:])
				if valid != forever {
					a.Preferred, a.Valid = preferred, max(valid, 1)
				}
			}
		}
		return nil
	})
	if err != nil {
		return plan.Addr{}, fmt.Errorf("an address the kernel reported: %w", err)
	}
	if !local.IsValid() {
		local = address // IPv6 without a peer has no IFA_LOCAL
	}
	a.Prefix = netip.PrefixFrom(local, int(msg.Prefixlen))
	if address.IsValid() && address != local {
		a.Peer = netip.PrefixFrom(address, int(msg.Prefixlen))
		a.Prefix = netip.PrefixFrom(local, local.BitLen())
	}
	a.NoPrefixRoute = flags&unix.IFA_F_NOPREFIXROUTE != 0
	a.NoDAD = flags&unix.IFA_F_NODAD != 0
	a.Secondary = flags&unix.IFA_F_SECONDARY != 0
	a.Deprecated = flags&unix.IFA_F_DEPRECATED != 0
	a.ManageTemporary = flags&unix.IFA_F_MANAGETEMPADDR != 0
	// A kernel's own link-local address is permanent, but comes and goes with
	// the link: it is not ours to put back.
	a.Dynamic = flags&unix.IFA_F_PERMANENT == 0 || local.Is6() && local.IsLinkLocalUnicast()
	return a, nil
}

// SetAddress adds or removes one address; adding what is there and removing what
// is not are no errors.
func (k *Kernel) SetAddress(s plan.Address) error {
	local := s.Addr.Prefix.Addr()
	kind, flags, change := unix.RTM_NEWADDR, unix.NLM_F_CREATE|unix.NLM_F_REPLACE, "add the address "
	if s.Absent {
		kind, flags, change = unix.RTM_DELADDR, 0, "remove the address "
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
	req.AddData(attr(unix.IFA_LOCAL, local.AsSlice()))
	req.AddData(attr(unix.IFA_ADDRESS, far.AsSlice()))
	if !s.Absent {
		addressDetails(req, s.Addr)
	}
	if s.Addr.Proven && !s.Addr.NoDAD && !s.Absent {
		// The flag is taken back at once: it is not the address's own, and the
		// kernel does not begin detection for want of it.
		quick := s
		quick.Addr.NoDAD = true
		if err := k.SetAddress(quick); err != nil {
			return err
		}
	}
	err := k.conn.ask(req, 0, nil)
	if s.Absent && errors.Is(err, unix.EADDRNOTAVAIL) {
		err = nil
	}
	return say(s.Dev, change+s.Addr.Prefix.String(), err)
}

func addressDetails(req *nl.NetlinkRequest, a plan.Addr) {
	if a.Broadcast.IsValid() {
		req.AddData(attr(unix.IFA_BROADCAST, a.Broadcast.AsSlice()))
	}
	if a.Label != "" {
		req.AddData(attr(unix.IFA_LABEL, nl.ZeroTerminated(a.Label)))
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
		req.AddData(attr(unix.IFA_FLAGS, number(int(flags))))
	}
	if a.Metric != 0 {
		req.AddData(attr(unix.IFA_RT_PRIORITY, number(a.Metric)))
	}
	if a.Origin != 0 {
		req.AddData(attr(ifaProto, []byte{byte(a.Origin)}))
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
		req.AddData(attr(unix.IFA_CACHEINFO, info))
	}
}

func family(a netip.Addr) int {
	if a.Is6() {
		return unix.AF_INET6
	}
	return unix.AF_INET
}
