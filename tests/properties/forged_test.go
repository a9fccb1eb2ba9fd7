package properties

import (
	"encoding/binary"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"vifctl/tests/dom0"
)

// forged is an address that no guest has, from which every guest sends without end.
const forged = "10.66.6.6"

// sendForged sends UDP from the forged address to the client, by an interface of the guest's, until it is stopped.
func sendForged(t failer, guest *dom0.Namespace, by, mac string, bridged bool) (stop func()) {
	t.Helper()
	to := "fe:ff:ff:ff:ff:ff"
	if bridged {
		to = "00:16:3e:00:00:01" // the client
	}
	frame := udpFrame(t, mac, to)
	var fd, index int
	require.NoError(t, guest.Do(func() (err error) {
		i, err := net.InterfaceByName(by)
		if err != nil {
			return err
		}
		index = i.Index
		fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
		return err
	}))
	done := make(chan struct{})
	var sending sync.WaitGroup
	sending.Go(func() {
		for {
			select {
			case <-done:
				return
			case <-time.After(time.Millisecond):
				_ = unix.Sendto(fd, frame, 0, &unix.SockaddrLinklayer{Ifindex: index, Halen: 6})
			}
		}
	})
	return func() {
		close(done)
		sending.Wait()
		_ = unix.Close(fd)
	}
}

// udpFrame is an empty datagram from the forged address to the client.
func udpFrame(t failer, from, to string) []byte {
	t.Helper()
	var frame []byte
	for _, mac := range []string{to, from} {
		a, err := net.ParseMAC(mac)
		require.NoError(t, err)
		frame = append(frame, a...)
	}
	header := []byte{0x45, 0, 0, 28, 0, 0, 0, 0, 64, unix.IPPROTO_UDP, 0, 0}
	for _, a := range []string{forged, dom0.ClientAddress} {
		header = append(header, netip.MustParseAddr(a).AsSlice()...)
	}
	sum := 0
	for i := 0; i < len(header); i += 2 {
		sum += int(binary.BigEndian.Uint16(header[i:]))
	}
	binary.BigEndian.PutUint16(header[10:], ^uint16(sum+sum>>16))
	return append(append(append(frame, 0x08, 0x00), header...), 0, 7, 0, 7, 0, 8, 0, 0)
}

// listenForForged counts the forged packets that reach the client's card.
func listenForForged(t *testing.T, client *dom0.Namespace) *atomic.Int64 {
	t.Helper()
	var fd int
	require.NoError(t, client.Do(func() (err error) {
		i, err := net.InterfaceByName("eth0")
		if err != nil {
			return err
		}
		if fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0); err != nil {
			return err
		}
		patience := unix.NsecToTimeval(int64(50 * time.Millisecond))
		if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &patience); err != nil {
			return err
		}
		const ethernetIP = 0x0800
		return unix.Bind(fd, &unix.SockaddrLinklayer{Ifindex: i.Index, Protocol: ethernetIP>>8 | ethernetIP&0xff<<8})
	}))
	count := &atomic.Int64{}
	done := make(chan struct{})
	var listening sync.WaitGroup
	listening.Go(func() {
		b := make([]byte, 64)
		for {
			select {
			case <-done:
				return
			default:
			}
			if n, _, err := unix.Recvfrom(fd, b, 0); err == nil && n >= 20 && net.IP(b[12:16]).String() == forged {
				count.Add(1)
			}
		}
	})
	t.Cleanup(func() {
		close(done)
		listening.Wait()
		_ = unix.Close(fd)
	})
	return count
}
