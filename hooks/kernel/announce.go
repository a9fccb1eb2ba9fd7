package kernel

import (
	"encoding/binary"
	"net"

	"golang.org/x/sys/unix"

	"vifctl/hooks/plan"
	"vifctl/hooks/process"
)

// announcer holds the sockets that announcements leave through, each opened
// when it is first needed.
type announcer struct{ arp, icmp int }

// silent has none.
var silent = announcer{-1, -1}

// Announce tells the network behind an interface where an address is.
func (k *Kernel) Announce(s plan.Announce) error {
	return say(s.Dev, "announce "+s.IP.String(), k.announcer.announce(s))
}

func (a *announcer) announce(s plan.Announce) error {
	mac, err := net.ParseMAC(s.MAC)
	if err != nil {
		return err
	}
	if s.IP.Is4() {
		return a.gratuitousARP(s, mac)
	}
	return a.advertisement(s, mac)
}

// gratuitousARP broadcasts the ARP announcement of RFC 5227 (section 2.3): a
// request for the address, from the address.
func (a *announcer) gratuitousARP(s plan.Announce, mac net.HardwareAddr) error {
	if a.arp < 0 {
		// Protocol 0: nothing is ever received.
		fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		a.arp = fd
	}
	m := []byte{0, 1, 8, 0, 6, 4, 0, 1} // Ethernet, IPv4, 6 and 4 bytes, a request
	m = append(append(m, mac...), s.IP.AsSlice()...)
	m = append(append(m, make([]byte, len(mac))...), s.IP.AsSlice()...)
	to := &unix.SockaddrLinklayer{
		Ifindex: s.Dev.Index, Halen: uint8(len(mac)), Addr: [8]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
		Protocol: binary.NativeEndian.Uint16([]byte{unix.ETH_P_ARP >> 8, unix.ETH_P_ARP & 0xff}),
	}
	return unix.Sendto(a.arp, m, unix.MSG_DONTWAIT, to)
}

// advertisement sends all nodes an unsolicited neighbour advertisement (RFC
// 4861, section 7.2.6) that overrides what they know. The kernel adds the
// source, one of the interface's own addresses, and the checksum.
func (a *announcer) advertisement(s plan.Announce, mac net.HardwareAddr) error {
	if a.icmp < 0 {
		fd, err := unix.Socket(unix.AF_INET6, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_ICMPV6)
		if err != nil {
			return err
		}
		a.icmp = fd
		for option, value := range map[int]int{unix.IPV6_MULTICAST_HOPS: 255, unix.IPV6_MULTICAST_LOOP: 0} {
			if err := unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, option, value); err != nil {
				return err
			}
		}
	}
	const neighbourAdvertisement, router, override, targetLinkLayer = 136, 1 << 7, 1 << 5, 2
	flags := byte(override)
	if s.Router {
		flags |= router
	}
	m := append([]byte{neighbourAdvertisement, 0, 0, 0, flags, 0, 0, 0}, s.IP.AsSlice()...)
	m = append(append(m, targetLinkLayer, 1), mac...)
	allNodes := [16]byte{0: 0xff, 1: 2, 15: 1}
	return unix.Sendto(a.icmp, m, unix.MSG_DONTWAIT, &unix.SockaddrInet6{Addr: allNodes, ZoneId: uint32(s.Dev.Index)})
}

func (a *announcer) close() {
	for _, fd := range []int{a.arp, a.icmp} {
		if fd >= 0 {
			_ = unix.Close(fd)
		}
	}
	*a = silent
}

// Leave is for a process that is about to end: it does not wait for what the kernel
// would let it wait for then.
func (k *Kernel) Leave() {
	if k.announcer.arp >= 0 {
		process.Leave(k.announcer.arp)
		k.announcer.arp = -1
	}
}
