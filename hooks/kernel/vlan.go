package kernel

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"vifctl/hooks/plan"
)

// Numbers of linux/if_link.h and linux/if_bridge.h.
const (
	vlanFiltering   = 7  // IFLA_BR_VLAN_FILTERING
	vlanDefaultPVID = 39 // IFLA_BR_VLAN_DEFAULT_PVID

	vlanEntry      = 1 // BRIDGE_VLANDB_ENTRY
	vlanEntryInfo  = 1 // BRIDGE_VLANDB_ENTRY_INFO: struct bridge_vlan_info
	vlanEntryRange = 2 // BRIDGE_VLANDB_ENTRY_RANGE: the last of several
)

// bridgeVLANs reads what a bridge says of VLANs in general, of its half a hundred
// attributes; a kernel built without them says nothing.
func bridgeVLANs(data []byte) (filtering plan.VLANFiltering, defaultPVID int) {
	_ = Attributes(data, func(kind uint16, value []byte) error {
		switch {
		case kind == vlanFiltering && len(value) >= 1:
			filtering = plan.VLANsOff
			if value[0] != 0 {
				filtering = plan.VLANsApart
			}
		case kind == vlanDefaultPVID && len(value) >= 2:
			defaultPVID = int(binary.NativeEndian.Uint16(value))
		}
		return nil
	})
	return filtering, defaultPVID
}

// readVLANs asks for the VLANs of ports, one by one.
func (k *Kernel) readVLANs(q plan.Query, s *plan.Snapshot) error {
	for _, index := range q.VLANs {
		if s.Links[s.Links[index].Master].VLANs != plan.VLANsApart {
			continue
		}
		list, known, err := k.vlans(index)
		if err != nil {
			return fmt.Errorf("list the VLANs of %s: %w", s.Links[index].Dev, err)
		}
		if known {
			s.VLANs[index] = plan.JoinVLANs(list[index])
		}
	}
	return nil
}

// vlans lists the VLANs of one port, or of all where index is 0, by ifindex. known is
// false for a kernel that does not answer, as those before 5.6 and those without VLAN
// filtering, as if there were none to tell of.
func (k *Kernel) vlans(index int) (list map[int][]plan.VLANRange, known bool, err error) {
	list = map[int][]plan.VLANRange{}
	req := nl.NewNetlinkRequest(unix.RTM_GETVLAN, unix.NLM_F_DUMP)
	req.AddData(vlanMessage(index))
	err = k.conn.ask(req, unix.RTM_NEWVLAN, func(m []byte) error {
		of, more, err := parseVLANs(m)
		list[of] = append(list[of], more...)
		return err
	})
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EINVAL) {
		return nil, false, nil
	}
	return list, err == nil, err
}

// vlanMessage is a struct br_vlan_msg: a family, padding, an ifindex.
type vlanMessage int

func (vlanMessage) Len() int { return 8 }

func (m vlanMessage) Serialize() []byte {
	b := make([]byte, 8)
	b[0] = unix.AF_BRIDGE
	binary.NativeEndian.PutUint32(b[4:], uint32(m))
	return b
}

// parseVLANs reads one message of the VLANs of a port, and whose they are.
func parseVLANs(m []byte) (index int, list []plan.VLANRange, err error) {
	if len(m) < 8 {
		return 0, nil, ErrCutOff
	}
	err = Attributes(m[8:], func(kind uint16, entry []byte) error {
		if kind != vlanEntry {
			return nil
		}
		var v plan.VLANRange
		err := Attributes(entry, func(kind uint16, value []byte) error {
			switch {
			case kind == vlanEntryInfo && len(value) >= 4:
				flags := binary.NativeEndian.Uint16(value)
				v.First = int(binary.NativeEndian.Uint16(value[2:]))
				v.PVID = flags&nl.BRIDGE_VLAN_INFO_PVID != 0
				v.Untagged = flags&nl.BRIDGE_VLAN_INFO_UNTAGGED != 0
			case kind == vlanEntryRange && len(value) >= 2:
				v.Last = int(binary.NativeEndian.Uint16(value))
			}
			return nil
		})
		v.Last = max(v.Last, v.First)
		list = append(list, v)
		return err
	})
	return word(m[4:]), list, err
}

// SetBridgeVLAN takes a port out of all VLANs and puts it into those it is to be
// in. Removing what is not there is no error.
func (k *Kernel) SetBridgeVLAN(s plan.BridgeVLAN) error {
	all := []plan.VLANRange{{First: plan.MinVLAN, Last: plan.MaxVLAN}}
	if err := k.conn.ask(vlanRequest(unix.RTM_DELLINK, s.Dev, all), 0, nil); err != nil {
		return err
	}
	if len(s.VLANs) == 0 {
		return nil
	}
	return k.conn.ask(vlanRequest(unix.RTM_SETLINK, s.Dev, s.VLANs), 0, nil)
}

// vlanRequest is what `bridge vlan` sends: for each VLAN, or the first and the
// last of several, a struct bridge_vlan_info (linux/if_bridge.h).
func vlanRequest(kind int, port plan.Dev, vlans []plan.VLANRange) *nl.NetlinkRequest {
	req := nl.NewNetlinkRequest(kind, unix.NLM_F_ACK)
	msg := nl.NewIfInfomsg(unix.AF_BRIDGE)
	msg.Index = int32(port.Index)
	req.AddData(msg)
	spec := attr(unix.IFLA_AF_SPEC, nil)
	add := func(vid int, flags uint16) {
		info := make([]byte, 4)
		binary.NativeEndian.PutUint16(info, flags)
		binary.NativeEndian.PutUint16(info[2:], uint16(vid))
		spec.AddRtAttr(nl.IFLA_BRIDGE_VLAN_INFO, info)
	}
	for _, v := range vlans {
		var flags uint16
		if v.PVID {
			flags |= nl.BRIDGE_VLAN_INFO_PVID
		}
		if v.Untagged {
			flags |= nl.BRIDGE_VLAN_INFO_UNTAGGED
		}
		if v.First == v.Last {
			add(v.First, flags)
			continue
		}
		add(v.First, flags|nl.BRIDGE_VLAN_INFO_RANGE_BEGIN)
		add(v.Last, flags|nl.BRIDGE_VLAN_INFO_RANGE_END)
	}
	req.AddData(spec)
	return req
}
