package snapshot

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

func (r *Reader) readAddresses(q plan.Query, s *plan.Snapshot) error {
	for _, index := range q.Addresses {
		if _, known := s.Addresses[index]; known {
			continue
		}
		list, err := r.addressesOf(index)
		if err != nil {
			return err
		}
		s.Addresses[index] = list
	}
	return nil
}

// addressesOf lists one interface's addresses of both families; an interface
// that has gone has none.
func (r *Reader) addressesOf(index int) ([]plan.Addr, error) {
	req := nl.NewNetlinkRequest(unix.RTM_GETADDR, unix.NLM_F_DUMP)
	msg := nl.NewIfAddrmsg(unix.AF_UNSPEC)
	msg.Index = uint32(index)
	req.AddData(msg)
	list := []plan.Addr{}
	err := r.kernel.Ask(req, unix.RTM_NEWADDR, func(m []byte) error {
		msg := nl.DeserializeIfAddrmsg(m)
		// An old kernel tells all it has.
		if int(msg.Index) != index || msg.Family != unix.AF_INET && msg.Family != unix.AF_INET6 {
			return nil
		}
		a, err := parseAddress(msg, m[msg.Len():])
		same := func(b plan.Addr) bool { return a.Prefix == b.Prefix && a.Peer == b.Peer }
		if !slices.ContainsFunc(list, same) { // asked again, it comes again
			list = append(list, a)
		}
		return err
	})
	if errors.Is(err, unix.ENODEV) {
		return list, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list the addresses of %s: %w", plan.Dev{Index: index}, err)
	}
	return list, nil
}

// ifaProto is IFA_PROTO of linux/if_addr.h, since Linux 5.18.
const ifaProto = 11

// forever is the kernel's INFINITY_LIFE_TIME.
const forever = 1<<32 - 1

func parseAddress(msg *nl.IfAddrmsg, data []byte) (plan.Addr, error) {
	attrs, err := nl.ParseRouteAttr(data)
	if err != nil {
		return plan.Addr{}, fmt.Errorf("an address the kernel reported: %w", err)
	}
	a := plan.Addr{Scope: int(msg.Scope)}
	flags := uint32(msg.Flags)
	var address, local netip.Addr
	for _, at := range attrs {
		switch at.Attr.Type {
		case unix.IFA_ADDRESS:
			address, _ = netip.AddrFromSlice(at.Value)
		case unix.IFA_LOCAL:
			local, _ = netip.AddrFromSlice(at.Value)
		case unix.IFA_BROADCAST:
			a.Broadcast, _ = netip.AddrFromSlice(at.Value)
		case unix.IFA_LABEL:
			a.Label = unix.ByteSliceToString(at.Value)
		case unix.IFA_FLAGS:
			flags = binary.NativeEndian.Uint32(at.Value)
		case unix.IFA_RT_PRIORITY:
			a.Metric = int(binary.NativeEndian.Uint32(at.Value))
		case ifaProto:
			a.Origin = int(at.Value[0])
		case unix.IFA_CACHEINFO:
			if len(at.Value) >= 8 {
				preferred, valid := binary.NativeEndian.Uint32(at.Value), binary.NativeEndian.Uint32(at.Value[4:])
				if valid != forever {
					a.Preferred, a.Valid = preferred, max(valid, 1)
				}
			}
		}
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
