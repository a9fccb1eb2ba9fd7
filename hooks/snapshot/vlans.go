package snapshot

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

	attributeType = 0x3fff // NLA_TYPE_MASK
)

// bridgeVLANs reads what a bridge says of VLANs in general; a kernel built
// without them says nothing.
func bridgeVLANs(data []byte) (filtering plan.VLANFiltering, defaultPVID int) {
	// Not by the library: a bridge has half a hundred attributes, and these
	// two are wanted.
	for len(data) >= unix.SizeofRtAttr {
		length := int(binary.NativeEndian.Uint16(data))
		kind := binary.NativeEndian.Uint16(data[2:]) & attributeType
		if length < unix.SizeofRtAttr || length > len(data) {
			return filtering, defaultPVID
		}
		value := data[unix.SizeofRtAttr:length]
		switch {
		case kind == vlanFiltering && len(value) >= 1:
			filtering = plan.VLANsOff
			if value[0] != 0 {
				filtering = plan.VLANsApart
			}
		case kind == vlanDefaultPVID && len(value) >= 2:
			defaultPVID = int(binary.NativeEndian.Uint16(value))
		}
		data = data[min(len(data), (length+3)&^3):]
	}
	return filtering, defaultPVID
}

// readVLANs asks for the VLANs of ports, one by one. Kernels before 5.6 do not
// answer, as if there were none to tell of.
func (r *Reader) readVLANs(q plan.Query, s *plan.Snapshot) error {
	for _, index := range q.VLANs {
		if s.Links[s.Links[index].Master].VLANs != plan.VLANsApart {
			continue
		}
		list := []plan.VLANRange{}
		req := nl.NewNetlinkRequest(unix.RTM_GETVLAN, unix.NLM_F_DUMP)
		req.AddData(vlanMessage(index))
		err := r.kernel.Ask(req, unix.RTM_NEWVLAN, func(m []byte) error {
			more, err := parseVLANs(m)
			list = append(list, more...)
			return err
		})
		if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EINVAL) {
			continue
		}
		if err != nil {
			return fmt.Errorf("list the VLANs of %s: %w", s.Links[index].Dev, err)
		}
		s.VLANs[index] = plan.JoinVLANs(list)
	}
	return nil
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

// parseVLANs reads one message of the VLANs of a port.
func parseVLANs(m []byte) (list []plan.VLANRange, err error) {
	if len(m) < 8 {
		return nil, errors.New("what the kernel says of VLANs is cut off")
	}
	entries, err := nl.ParseRouteAttr(m[8:])
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if e.Attr.Type&attributeType != vlanEntry {
			continue
		}
		attrs, err := nl.ParseRouteAttr(e.Value)
		if err != nil {
			return nil, err
		}
		var v plan.VLANRange
		for _, a := range attrs {
			switch kind := a.Attr.Type & attributeType; {
			case kind == vlanEntryInfo && len(a.Value) >= 4:
				flags := binary.NativeEndian.Uint16(a.Value)
				v.First = int(binary.NativeEndian.Uint16(a.Value[2:]))
				v.PVID = flags&nl.BRIDGE_VLAN_INFO_PVID != 0
				v.Untagged = flags&nl.BRIDGE_VLAN_INFO_UNTAGGED != 0
			case kind == vlanEntryRange && len(a.Value) >= 2:
				v.Last = int(binary.NativeEndian.Uint16(a.Value))
			}
		}
		v.Last = max(v.Last, v.First)
		list = append(list, v)
	}
	return list, nil
}
