package apply

import (
	"encoding/binary"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"vifctl/hooks/plan"
)

// bridgeVLAN takes a port out of all VLANs and puts it into those it is to be
// in. What is not there goes without a word.
func (x *Executor) bridgeVLAN(s plan.BridgeVLAN) error {
	all := []plan.VLANRange{{First: plan.MinVLAN, Last: plan.MaxVLAN}}
	if err := x.kernel.Ask(vlanRequest(unix.RTM_DELLINK, s.Dev, all), 0, nil); err != nil {
		return err
	}
	if len(s.VLANs) == 0 {
		return nil
	}
	return x.kernel.Ask(vlanRequest(unix.RTM_SETLINK, s.Dev, s.VLANs), 0, nil)
}

// vlanRequest is what `bridge vlan` sends: for each VLAN, or the first and the
// last of several, a struct bridge_vlan_info (linux/if_bridge.h).
func vlanRequest(kind int, port plan.Dev, vlans []plan.VLANRange) *nl.NetlinkRequest {
	req := nl.NewNetlinkRequest(kind, unix.NLM_F_ACK)
	msg := nl.NewIfInfomsg(unix.AF_BRIDGE)
	msg.Index = int32(port.Index)
	req.AddData(msg)
	spec := nl.NewRtAttr(unix.IFLA_AF_SPEC, nil)
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
