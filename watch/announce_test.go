package watch_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"

	"vifctl/tests/dom0"
	"vifctl/tests/speed"
)

// What a machine on the uplink's network hears when a guest's ports come up,
// from a call and from the watcher alike.
func TestAnnouncements(t *testing.T) {
	t.Parallel()
	mac := []byte{0x00, 0x16, 0x3e, 0, 0, 0x02} // the uplink's
	wanted := func(ips ...string) []string {
		var all []string
		for _, ip := range ips {
			a := netip.MustParseAddr(ip)
			if a.Is4() {
				frame := append([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, mac...)
				frame = append(append(frame, 0x08, 0x06, 0, 1, 8, 0, 6, 4, 0, 1), mac...)
				frame = append(append(frame, a.AsSlice()...), 0, 0, 0, 0, 0, 0)
				all = append(all, string(append(frame, a.AsSlice()...)))
				continue
			}
			// Router and Override, and the target's link-layer address.
			body := append(append([]byte{0xa0, 0, 0, 0}, a.AsSlice()...), append([]byte{2, 1}, mac...)...)
			m := icmp.Message{Type: ipv6.ICMPTypeNeighborAdvertisement, Body: &icmp.RawBody{Data: body}}
			text, err := m.Marshal(nil)
			require.NoError(t, err)
			all = append(all, string(text))
		}
		return all
	}
	for mode, ips := range map[string][]string{
		"route":  {"10.0.0.5", "2001:db8::5"},
		"nat":    {"10.0.0.9", "2001:db8::5"},
		"bridge": nil,
	} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			d := newDom0(t)
			config := "[[guest]]\nname = \"win\"\nmode = \"" + mode + "\"\n"
			if mode == "nat" {
				config += "public = [\"10.0.0.9\"]\n"
			}
			require.NoError(t, d.WriteFile(dom0.ConfigFile, config, 0o644))
			p, err := d.Attach(dom0.NIC{Domid: 1, Guest: "win", HVM: true, TapDevice: true, Unplugged: true, IP: "10.0.0.5 192.0.2.5 2001:db8::5"})
			require.NoError(t, err)
			require.NoError(t, p.PlugVif())
			heard := listen(t, d.Client)
			online(t, p, mode)
			require.ElementsMatch(t, wanted(ips...), heard(len(ips)))

			w := watcher(t, d)
			says(t, w, "watching", 1)
			plugTap(t, p)
			says(t, w, "vif1.0-emu came late and is up", 1)
			require.ElementsMatch(t, wanted(ips...), heard(len(ips)))
			ends(t, w)
		})
	}
}

// listen returns what tells of the gratuitous ARP frames, whole, and the
// neighbour advertisements, without their headers, that have come in: as many
// as wanted, and whatever else comes within a moment.
func listen(t *testing.T, n *dom0.Namespace) func(wanted int) []string {
	t.Helper()
	var fd int
	const all = unix.ETH_P_ALL<<8&0xff00 | unix.ETH_P_ALL>>8
	require.NoError(t, n.Do(func() (err error) {
		fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, all)
		return err
	}))
	t.Cleanup(func() { unix.Close(fd) })
	return func(wanted int) []string {
		var heard []string
		moment := time.Now().Add(300 * time.Millisecond)
		for end := time.Now().Add(speed.Patience); time.Now().Before(end); {
			frame := make([]byte, 2048)
			n, from, err := unix.Recvfrom(fd, frame, 0)
			if err != nil {
				if len(heard) >= wanted && time.Now().After(moment) {
					break
				}
				time.Sleep(time.Millisecond)
				continue
			}
			if from.(*unix.SockaddrLinklayer).Pkttype == unix.PACKET_OUTGOING {
				continue
			}
			frame = frame[:n]
			const ip, arpSender, arpTarget = 14, 28, 38
			switch {
			case frame[12] == 0x08 && frame[13] == 0x06 && string(frame[arpSender:arpSender+4]) == string(frame[arpTarget:arpTarget+4]):
				heard = append(heard, string(frame[:42]))
			case frame[12] == 0x86 && frame[13] == 0xdd && frame[ip+6] == unix.IPPROTO_ICMPV6 && frame[ip+40] == 136:
				require.EqualValues(t, 255, frame[ip+7], "hop limit")
				source, _ := netip.AddrFromSlice(frame[ip+8 : ip+24])
				require.True(t, source.IsLinkLocalUnicast(), source)
				text := frame[ip+40:]
				text[2], text[3] = 0, 0 // the kernel has seen to the checksum
				heard = append(heard, string(text))
			}
		}
		return heard
	}
}
