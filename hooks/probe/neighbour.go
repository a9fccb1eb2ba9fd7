package probe

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// whoHas asks for an address at an interface, by ARP or by neighbour discovery,
// and returns who answers, nil for no answer. It sees answers also on the port
// of a bridge, which the bridge takes away from the host's own ARP.
func whoHas(ctx context.Context, index int, source, ip netip.Addr) (mac net.HardwareAddr, took time.Duration, err error) {
	own, err := ownMAC(index)
	if err != nil {
		return nil, 0, err
	}
	all := binary.BigEndian.Uint16(binary.NativeEndian.AppendUint16(nil, unix.ETH_P_ALL))
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, int(all))
	if err != nil {
		return nil, 0, err
	}
	defer unix.Close(fd)
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Ifindex: index, Protocol: all}); err != nil {
		return nil, 0, err
	}
	wait := unix.NsecToTimeval(int64(patience / 30))
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &wait); err != nil {
		return nil, 0, err
	}
	question := arpRequest(own, source, ip)
	if ip.Is6() {
		question = solicitation(own, source, ip)
	}
	began := time.Now()
	var asked time.Time
	buffer := make([]byte, 2048)
	for time.Since(began) < patience && ctx.Err() == nil {
		if time.Since(asked) > patience/3 {
			if _, err := unix.Write(fd, question); err != nil {
				return nil, 0, err
			}
			asked = time.Now()
		}
		n, err := unix.Read(fd, buffer)
		switch {
		case errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return nil, 0, err
		}
		if mac := answerTo(buffer[:n], own, ip); mac != nil {
			return mac, time.Since(began), nil
		}
	}
	return nil, 0, nil
}

var everybody = net.HardwareAddr{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}

// arpRequest is the frame that asks for ip (RFC 826).
func arpRequest(own net.HardwareAddr, source, ip netip.Addr) []byte {
	m := append(append([]byte{}, everybody...), own...)
	m = append(m, 8, 6, 0, 1, 8, 0, 6, 4, 0, 1)
	m = append(append(m, own...), source.AsSlice()...)
	return append(append(m, make([]byte, 6)...), ip.AsSlice()...)
}

// solicitation is the frame that asks for ip (RFC 4861, section 4.3).
func solicitation(own net.HardwareAddr, source, ip netip.Addr) []byte {
	target := ip.As16()
	group := [16]byte{0xff, 2, 11: 1, 12: 0xff, 13: target[13], 14: target[14], 15: target[15]}
	body := append([]byte{135, 0, 0, 0, 0, 0, 0, 0}, target[:]...)
	if !source.IsUnspecified() {
		body = append(append(body, 1, 1), own...)
	}
	from := source.As16()
	sum := checksum(from, group, body)
	binary.BigEndian.PutUint16(body[2:], sum)
	m := append([]byte{0x33, 0x33, group[12], group[13], group[14], group[15]}, own...)
	m = append(m, 0x86, 0xdd, 0x60, 0, 0, 0, 0, byte(len(body)), unix.IPPROTO_ICMPV6, 255)
	m = append(append(m, from[:]...), group[:]...)
	return append(m, body...)
}

// checksum is ICMPv6's (RFC 4443, section 2.3).
func checksum(from, to [16]byte, body []byte) uint16 {
	pseudo := append(append(append([]byte{}, from[:]...), to[:]...), 0, 0, 0, byte(len(body)), 0, 0, 0, unix.IPPROTO_ICMPV6)
	var sum uint32
	for data := append(pseudo, body...); len(data) > 0; {
		if len(data) == 1 {
			data = append(data, 0)
		}
		sum += uint32(binary.BigEndian.Uint16(data))
		data = data[2:]
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}

// answerTo returns who says in a frame that it has ip, nil for any other frame.
func answerTo(frame []byte, own net.HardwareAddr, ip netip.Addr) net.HardwareAddr {
	if len(frame) < 14 || bytes.Equal(frame[6:12], own) {
		return nil
	}
	kind, body := binary.BigEndian.Uint16(frame[12:]), frame[14:]
	switch {
	case kind == unix.ETH_P_ARP && ip.Is4() && len(body) >= 28:
		if from, _ := netip.AddrFromSlice(body[14:18]); from == ip && body[7] == 2 {
			return net.HardwareAddr(bytes.Clone(body[8:14]))
		}
	case kind == unix.ETH_P_IPV6 && ip.Is6() && len(body) >= 40+24 && body[6] == unix.IPPROTO_ICMPV6 && body[40] == 136:
		if target, _ := netip.AddrFromSlice(body[48:64]); target == ip {
			return net.HardwareAddr(bytes.Clone(frame[6:12]))
		}
	}
	return nil
}
