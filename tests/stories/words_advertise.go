package stories

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"

	"golang.org/x/sys/unix"
)

// advertise is `advertise PREFIX`: the client is a router, and says so once (RFC 4861, section 4.2): it is a default router
// for half an hour, and addresses of the prefix may be made for an hour.
func (t *telling) advertise(args []string) {
	if len(args) != 1 {
		t.ts.Fatalf("usage: advertise PREFIX")
	}
	prefix, err := netip.ParsePrefix(args[0])
	t.ts.Check(err)
	t.dom0.Settle()
	t.ts.Check(t.dom0.Client.Do(func() error { return advertise("eth0", prefix) }))
}

// advertise sends one advertisement to everybody, from the interface's link-local address, on the calling thread's network.
func advertise(device string, prefix netip.Prefix) error {
	link, err := net.InterfaceByName(device)
	if err != nil {
		return err
	}
	fd, err := unix.Socket(unix.AF_INET6, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_ICMPV6)
	if err != nil {
		return fmt.Errorf("open a socket: %w", err)
	}
	defer unix.Close(fd)
	// What comes from farther than the next host is no advertisement.
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_HOPS, 255); err != nil {
		return err
	}
	// Type, code, checksum (the kernel's work), hop limit, flags, lifetime in seconds, two timers.
	message := []byte{134, 0, 0, 0, 64, 0, 0x07, 0x08, 0, 0, 0, 0, 0, 0, 0, 0}
	// Option 3: length in eights, prefix length, on link and for autoconfiguration, valid, preferred.
	message = append(message, 3, 4, byte(prefix.Bits()), 0xc0)
	message = binary.BigEndian.AppendUint32(message, 3600)
	message = binary.BigEndian.AppendUint32(message, 1800)
	message = append(append(message, 0, 0, 0, 0), prefix.Addr().AsSlice()...)
	// Option 1: the router's hardware address.
	message = append(append(message, 1, 1), link.HardwareAddr...)
	to := &unix.SockaddrInet6{ZoneId: uint32(link.Index), Addr: netip.MustParseAddr("ff02::1").As16()}
	return unix.Sendto(fd, message, 0, to)
}
