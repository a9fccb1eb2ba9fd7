package apply

import (
	"encoding/binary"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"vifctl/hooks/plan"
)

// wayRequest is the message about a route of the host's own.
func wayRequest(s plan.Route, kind, flags int) *nl.NetlinkRequest {
	r, w := s.Route, s.Route.Way
	is6 := r.Dst.Addr().Is6()
	req := nl.NewNetlinkRequest(kind, flags|unix.NLM_F_ACK)
	msg := &nl.RtMsg{RtMsg: unix.RtMsg{
		Family: uint8(family(r.Dst.Addr())), Dst_len: uint8(r.Dst.Bits()), Tos: uint8(w.TOS), Type: uint8(w.Type), Scope: uint8(w.Scope),
	}}
	req.AddData(msg)
	add := func(kind int, value []byte) { req.AddData(nl.NewRtAttr(kind, value)) }
	add(unix.RTA_TABLE, nl.Uint32Attr(uint32(w.Table)))
	add(unix.RTA_PRIORITY, nl.Uint32Attr(uint32(r.Metric)))
	if r.Dst.Bits() > 0 {
		add(unix.RTA_DST, r.Dst.Addr().AsSlice())
	}
	if w.Gateway.IsValid() {
		add(gatewayAttr(w.Gateway, is6))
	}
	if len(w.Hops) == 0 {
		add(unix.RTA_OIF, nl.Uint32Attr(uint32(s.Dev.Index)))
	}
	if s.Absent {
		return req
	}
	msg.Protocol = uint8(r.Protocol)
	if w.OnLink {
		msg.Flags |= unix.RTNH_F_ONLINK
	}
	if r.Source.IsValid() {
		add(unix.RTA_PREFSRC, r.Source.AsSlice())
	}
	if w.Lifetime != 0 {
		add(unix.RTA_EXPIRES, nl.Uint32Attr(w.Lifetime))
	}
	if is6 {
		add(unix.RTA_PREF, []byte{byte(w.Preference)})
	}
	if len(w.Metrics) > 0 {
		metrics := nl.NewRtAttr(unix.RTA_METRICS, nil)
		for _, m := range w.Metrics {
			metrics.AddRtAttr(m.Kind, m.Value)
		}
		req.AddData(metrics)
	}
	if len(w.Hops) > 0 {
		var hops []byte
		for _, h := range w.Hops {
			hops = append(hops, hopBytes(h, is6)...)
		}
		add(unix.RTA_MULTIPATH, hops)
	}
	return req
}

// hopBytes is a struct rtnexthop with its attributes.
func hopBytes(h plan.Hop, is6 bool) []byte {
	head := make([]byte, unix.SizeofRtNexthop)
	if h.OnLink {
		head[2] = unix.RTNH_F_ONLINK
	}
	head[3] = byte(h.Weight - 1)
	binary.NativeEndian.PutUint32(head[4:], uint32(h.Dev.Index))
	if h.Gateway.IsValid() {
		head = slices.Concat(head, nl.NewRtAttr(gatewayAttr(h.Gateway, is6)).Serialize())
	}
	binary.NativeEndian.PutUint16(head, uint16(len(head)))
	return head
}

// gatewayAttr is RTA_GATEWAY, or RTA_VIA for a gateway of another family than
// the route's.
func gatewayAttr(gateway netip.Addr, is6 bool) (kind int, value []byte) {
	if gateway.Is6() == is6 {
		return unix.RTA_GATEWAY, gateway.AsSlice()
	}
	via := binary.NativeEndian.AppendUint16(nil, uint16(family(gateway)))
	return unix.RTA_VIA, append(via, gateway.AsSlice()...)
}
