package probe

import (
	"net"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

var (
	ours   = net.HardwareAddr{0xfe, 0xff, 0xff, 0xff, 0xff, 0xff}
	theirs = net.HardwareAddr{0, 0x16, 0x3e, 0, 0, 1}
	four   = netip.MustParseAddr("192.0.2.1")
	six    = netip.MustParseAddr("2001:db8::1")
)

// reply is the ARP answer to what arpRequest asks.
func reply(ip netip.Addr) []byte {
	frame := arpRequest(theirs, ip, ip)
	frame[21] = 2
	return frame
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	require.Equal(t, theirs, answerTo(reply(four), ours, four))
	require.Nil(t, answerTo(reply(four), ours, netip.MustParseAddr("192.0.2.2")), "another address")
	require.Nil(t, answerTo(arpRequest(theirs, four, four), ours, four), "a question")
	require.Nil(t, answerTo(reply(four), theirs, four), "our own frame")
	advertisement := solicitation(theirs, netip.MustParseAddr("fe80::1"), six)
	require.Nil(t, answerTo(advertisement, ours, six), "a question")
	advertisement[14+40] = 136
	require.Equal(t, theirs, answerTo(advertisement, ours, six))
	require.Nil(t, answerTo(advertisement, ours, four))
}

// A checksum over a message that holds its own checksum comes to nothing (RFC
// 1071).
func TestChecksum(t *testing.T) {
	t.Parallel()
	for _, source := range []netip.Addr{netip.IPv6Unspecified(), netip.MustParseAddr("fe80::1")} {
		frame := solicitation(ours, source, six)
		var from, to [16]byte
		copy(from[:], frame[14+8:])
		copy(to[:], frame[14+24:])
		require.Zero(t, checksum(from, to, frame[14+40:]))
		require.Equal(t, byte(len(frame)-14-40), frame[14+5], "the length")
	}
}

// Whatever a guest sends, reading it does no harm.
func FuzzAnswer(f *testing.F) {
	f.Add(reply(four))
	f.Add(solicitation(theirs, six, six))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, frame []byte) {
		for _, ip := range []netip.Addr{four, six} {
			if mac := answerTo(frame, ours, ip); mac != nil && len(mac) != 6 {
				t.Fatalf("%v", mac)
			}
		}
	})
}
