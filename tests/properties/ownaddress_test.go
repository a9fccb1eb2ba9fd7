package properties

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"vifctl/tests/dom0"
	"vifctl/tests/speed"
)

// ear is a socket at one end of a cable, in a guest, for frames.
type ear struct {
	t   *testing.T
	fd  int
	own []byte
}

func newEar(t *testing.T, guest *dom0.Namespace, name string) *ear {
	e := &ear{t: t}
	require.NoError(t, guest.Do(func() error {
		link, err := netlink.LinkByName(name)
		if err != nil {
			return err
		}
		e.own = link.Attrs().HardwareAddr
		const all = unix.ETH_P_ALL<<8&0xff00 | unix.ETH_P_ALL>>8
		if e.fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, all); err != nil {
			return err
		}
		return unix.Bind(e.fd, &unix.SockaddrLinklayer{Protocol: all, Ifindex: link.Attrs().Index})
	}))
	t.Cleanup(func() { _ = unix.Close(e.fd) })
	require.NoError(t, unix.SetsockoptTimeval(e.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: int64(speed.Patience / time.Second)}))
	return e
}

// ask sends an ARP request from one address about another.
func (e *ear) ask(sender, target string) {
	address := func(s string) []byte { return netip.MustParseAddr(s).AsSlice() }
	everybody := bytes.Repeat([]byte{0xff}, 6)
	frame := slices.Concat(
		everybody, e.own, []byte{8, 6, 0, 1, 8, 0, 6, 4, 0, 1},
		e.own, address(sender), make([]byte, 6), address(target), make([]byte, 18),
	)
	_, err := unix.Write(e.fd, frame)
	require.NoError(e.t, err)
}

// answered reports whether an answer about its own address comes before that about the gateway, which is asked for behind it.
func (e *ear) answered(own, gateway string) bool {
	e.ask(own, own)
	e.ask(own, gateway)
	room := make([]byte, 2048)
	found := false
	for {
		n, err := unix.Read(e.fd, room)
		if err == unix.EINTR {
			continue
		}
		require.NoError(e.t, err)
		frame := room[:n]
		if n < 42 || !bytes.Equal(frame[12:14], []byte{8, 6}) || frame[21] != 2 {
			continue
		}
		switch from, _ := netip.AddrFromSlice(frame[28:32]); from.String() {
		case own:
			found = true
		case gateway:
			return found
		}
	}
}

// TestOwnAddressIsFree: where the vif and the tap of a NIC are both up, the host does not answer a guest that tells the others
// which address it has, as if the address were taken (RFC 5227); it would, by the kernel's own settings.
func TestOwnAddressIsFree(t *testing.T) {
	for _, mode := range []string{"nat", "route"} {
		for _, antispoof := range []string{"strict", "mac", "off"} {
			t.Run(mode+" "+antispoof, func(t *testing.T) {
				t.Parallel()
				d := dom0.New(t, dom0.Options{Router: true})
				require.NoError(t, d.WriteFile("/etc/xen/vifctl.toml", "[host]\nantispoof = \""+antispoof+"\"\ngateway = \"192.168.1.1\"\n", 0o600))
				port, err := d.Attach(dom0.NIC{Domid: 1, HVM: true, Script: "vif-" + mode, IP: "192.168.1.2"})
				require.NoError(t, err)
				guest, err := d.Guest(1)
				require.NoError(t, err)
				for _, call := range []dom0.Result{port.Call("vif-"+mode, "online", "type_if=vif"), port.Call("vif-"+mode, "add", "type_if=tap")} {
					require.Zero(t, call.Exit, call.Stderr)
				}
				d.Settle()
				vif, tap := newEar(t, guest, "eth0"), newEar(t, guest, "emu0")
				const own, gateway = "192.168.1.2", "192.168.1.1"
				for range 3 {
					require.False(t, vif.answered(own, gateway))
					require.False(t, tap.answered(own, gateway))
				}
				// Another's is still answered for, which is what proxy ARP is for.
				require.True(t, tap.hears(own, "10.0.0.1"))
				for _, name := range []string{port.Vif, port.Tap} {
					require.Zero(t, d.Run("sysctl", "-qw", fmt.Sprintf("net/ipv4/conf/%s/medium_id=0", name)).Exit)
				}
				require.True(t, vif.answered(own, gateway), "the kernel would")
			})
		}
	}
}

// hears asks until an answer comes.
func (e *ear) hears(own, about string) bool {
	e.ask(own, about)
	room := make([]byte, 2048)
	for {
		n, err := unix.Read(e.fd, room)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return false
		}
		if n >= 42 && bytes.Equal(room[12:14], []byte{8, 6}) && room[21] == 2 {
			if from, _ := netip.AddrFromSlice(room[28:32]); from.String() == about {
				return true
			}
		}
	}
}
