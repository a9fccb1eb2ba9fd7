package properties

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"vifctl/tests/dom0"
	"vifctl/tests/speed"
)

// solicit asks who has an IPv6 address, from one of one's own, or, from the unspecified one, whether it is free (RFC 4862).
func (e *ear) solicit(sender, target string) {
	from, about := netip.MustParseAddr(sender), netip.MustParseAddr(target).As16()
	group := netip.MustParseAddr("ff02::1:ff00:0").As16()
	copy(group[13:], about[13:])
	message := slices.Concat([]byte{135, 0, 0, 0, 0, 0, 0, 0}, about[:])
	if !from.IsUnspecified() {
		message = slices.Concat(message, []byte{1, 1}, e.own)
	}
	size := binary.BigEndian.AppendUint16(nil, uint16(len(message)))
	addresses := slices.Concat(from.AsSlice(), group[:])
	sum := uint32(0)
	for pseudo := slices.Concat(addresses, []byte{0, 0}, size, []byte{0, 0, 0, unix.IPPROTO_ICMPV6}, message); len(pseudo) > 0; pseudo = pseudo[2:] {
		sum += uint32(binary.BigEndian.Uint16(pseudo))
	}
	binary.BigEndian.PutUint16(message[2:], ^uint16(sum>>16+sum&0xffff+(sum>>16+sum&0xffff)>>16))
	frame := slices.Concat(
		[]byte{0x33, 0x33}, group[12:], e.own, []byte{0x86, 0xdd},
		[]byte{0x60, 0, 0, 0}, size, []byte{unix.IPPROTO_ICMPV6, 255}, addresses, message,
	)
	_, err := unix.Write(e.fd, frame)
	require.NoError(e.t, err)
}

// answered6 is answered for neighbour discovery. The gateway, which is solicited last, must answer; of two answers the second
// may come first, so it is asked again.
func (e *ear) answered6(own, gateway string) (found bool) {
	for range 3 {
		e.solicit("::", own)
		e.solicit(own, own)
		e.solicit(own, gateway)
		found = e.hearsBefore(own, gateway) || found
	}
	return found
}

// hearsBefore reports whether an advertisement of one address comes before that of another.
func (e *ear) hearsBefore(own, gateway string) (found bool) {
	room := make([]byte, 2048)
	for {
		n, err := unix.Read(e.fd, room)
		if err == unix.EINTR {
			continue
		}
		require.NoError(e.t, err)
		const header = 14 + 40
		if n < header+24 || room[12] != 0x86 || room[13] != 0xdd || room[20] != unix.IPPROTO_ICMPV6 || room[header] != 136 {
			continue
		}
		switch about, _ := netip.AddrFromSlice(room[header+8 : header+24]); about.String() {
		case own:
			found = true
		case gateway:
			return found
		}
	}
}

// TestOwnIPv6AddressIsFree: neither does the host answer a guest about its own IPv6 address, when it looks whether that is
// free and when it has it; it would if the address were its own.
func TestOwnIPv6AddressIsFree(t *testing.T) {
	for _, mode := range []string{"nat", "route"} {
		for _, antispoof := range []string{"strict", "off"} {
			t.Run(mode+" "+antispoof, func(t *testing.T) {
				t.Parallel()
				d := dom0.New(t, dom0.Options{Router: true})
				require.NoError(t, d.WriteFile(dom0.ConfigFile, "[host]\nantispoof = \""+antispoof+"\"\n", 0o600))
				const own, gateway = "2001:db8:7::2", "fe80::1"
				port, err := d.Attach(dom0.NIC{Domid: 1, HVM: true, Script: "vif-" + mode, IP: "192.168.1.2 " + own})
				require.NoError(t, err)
				guest, err := d.Guest(1)
				require.NoError(t, err)
				for _, call := range []dom0.Result{port.Call("vif-"+mode, "online", "type_if=vif"), port.Call("vif-"+mode, "add", "type_if=tap")} {
					require.Zero(t, call.Exit, call.Stderr)
				}
				d.Settle()
				// An answer for another would wait for that one's own.
				at := func(command string) { require.Zero(t, d.Run("sh", "-c", command).Exit, command) }
				at("sysctl -qw net/ipv6/neigh/" + port.Vif + "/proxy_delay=0 net/ipv6/neigh/" + port.Tap + "/proxy_delay=0")
				vif, tap := newEar(t, guest, "eth0"), newEar(t, guest, "emu0")
				require.False(t, vif.answered6(own, gateway))
				require.False(t, tap.answered6(own, gateway))
				at("ip address add " + own + "/128 dev " + port.Vif + " nodad")
				require.Eventually(t, func() bool { return vif.answered6(own, gateway) }, speed.Patience, time.Millisecond, "an address of the host's it answers for")
			})
		}
	}
}
