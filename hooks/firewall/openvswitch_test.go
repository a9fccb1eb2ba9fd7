package firewall

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"vifctl/hooks/openvswitch"
	"vifctl/hooks/plan"
	"vifctl/tests/dom0"
	"vifctl/tests/speed"
)

// unseen are the hostile frames that OpenFlow lets through, because it cannot
// look where they differ from others.
var unseen = []string{
	"DHCP for another's hardware address", "DHCP for another's hardware address by one's own client identifier", "DHCP release for another's hardware address", "DHCP decline for another's hardware address",
	"DHCP for another's hardware address from another port", "DHCP for another's hardware address from its prefix",
	"DHCP for another's hardware address behind options", "DHCP with a longer hardware address", "DHCP of another kind of hardware",
	"DHCP as a relay", "DHCP of a server to a relay", "DHCP in a first fragment", "DHCP's ports alone in a first fragment", "DHCPv6 as a relay",
	"multicast router solicitation over IPv4", "PIM of version 1", // to the group that who leaves a group speaks to
	"router solicitation with another's hardware address",
	"solicitation with a target's option",
	"advertisement with a source's option",
	"DHCP offer in a first fragment",
	"DHCPv6 reply in a first fragment",
	"router advertisement in a later fragment", // of no use without its first
}

// unseenOfMAC are those of a guest that is held to its hardware address alone.
var unseenOfMAC = []string{
	"ARP in SNAP of a bridge's",
	"advertisement in a first fragment",
	"a first fragment without the header it carries",
	"router solicitation",
}

// TestOpenVSwitch sends the frames of TestFrames through a switch: without
// flows, with them, and without them again.
func TestOpenVSwitch(t *testing.T) {
	t.Parallel()
	d := dom0.New(t, dom0.Options{Switch: "ovs0"})
	port, err := d.Attach(dom0.NIC{Domid: 1, MAC: mac1})
	require.NoError(t, err)
	ovs := func(args ...string) {
		t.Helper()
		r := d.Run("ovs-vsctl", append([]string{"--timeout=60"}, args...)...)
		require.Zero(t, r.Exit, r.Stderr)
	}
	// Else it forwards none to the groups that are for bridges.
	ovs("set", "bridge", "ovs0", "other_config:forward-bpdu=true")
	ovs("add-port", "ovs0", port.Vif)
	require.Zero(t, d.Run("ip", "link", "set", port.Vif, "up").Exit)
	guest, err := d.Guest(1)
	require.NoError(t, err)
	d.Settle()
	r := switchRange{t: t, from: packetSocket(t, guest), to: packetSocket(t, d.Client)}

	guard := plan.SwitchGuard{Dev: plan.Dev{Name: port.Vif}, Bridge: "ovs0", NIC: plan.NIC{Domid: 1}, Kind: plan.Vif, MAC: mac1, Strict: true}
	for _, p := range []string{own4 + "/32", own6 + "/128", own6Local + "/128", "198.51.100.8/29", "2001:db8:1::/64"} {
		guard.Own = append(guard.Own, netip.MustParsePrefix(p))
	}
	set := func(g plan.SwitchGuard) {
		t.Helper()
		require.NoError(t, d.Do(func() error { return openvswitch.Host{}.SetGuard(t.Context(), g) }))
	}
	inForce := func(g plan.SwitchGuard) bool {
		t.Helper()
		s := &plan.Snapshot{Switches: map[string]plan.Switch{}, SwitchPorts: map[string]plan.SwitchMember{}, SwitchGuards: map[string]bool{}}
		q := plan.Query{SwitchPorts: []string{g.Dev.Name}, SwitchGuards: []plan.SwitchGuard{g}}
		require.NoError(t, d.Do(func() error { return openvswitch.Host{}.ReadSwitch(t.Context(), q, s) }))
		return s.SwitchGuards[g.Key()]
	}
	settle := func() {
		t.Helper()
		// What the switch has worked out from flows of before it looks through after a change, not in it.
		require.Zero(t, d.Run("ovs-appctl", "-t", "/run/openvswitch/switch.ctl", "revalidator/wait").Exit)
	}
	volley := func(when string, hostileArrive func(string) bool) {
		settle()
		for _, f := range hostile {
			if f.on&bridge != 0 && r.received(f) != hostileArrive(f.name) {
				t.Errorf("%s, %s: received: %v", when, f.name, !hostileArrive(f.name))
			}
		}
		for _, f := range legitimate {
			if f.on&bridge != 0 && !r.received(f) {
				t.Errorf("%s, %s: not received", when, f.name)
			}
		}
	}
	all := func(string) bool { return true }
	volley("without flows", all)
	require.False(t, inForce(guard))
	set(guard)
	set(guard)
	require.True(t, inForce(guard))
	volley("strict", func(name string) bool { return slices.Contains(unseen, name) })

	// Another guard takes its place; taking the former out then takes nothing.
	mac := guard
	mac.Strict, mac.Own = false, nil
	set(mac)
	require.False(t, inForce(guard))
	guard.Absent = true
	set(guard)
	require.True(t, inForce(mac))
	settle()
	for _, f := range ofAnother {
		if f.on&bridge != 0 && r.received(f) != slices.Contains(unseenOfMAC, f.name) {
			t.Errorf("mac, with another's: %s: received: %v", f.name, !slices.Contains(unseenOfMAC, f.name))
		}
	}
	for _, f := range append(legitimate, ofItself...) {
		if f.on&bridge != 0 && !r.received(f) {
			t.Errorf("mac, with its own: %s: not received", f.name)
		}
	}

	// What a guest's entry allows.
	roles := guard
	roles.Absent, roles.Roles = false, plan.Roles()
	set(roles)
	settle()
	for _, f := range hostile {
		for _, role := range plan.Roles() {
			if f.on&bridge != 0 && opened(role, bridge, f.name) && !strings.Contains(f.name, "behind") && f.name != "multicast router solicitation" && !r.received(f) {
				t.Errorf("%s allowed: %s: not received", role, f.name)
			}
		}
	}
	set(mac)

	// The flows are not about a port that is made anew, with another number.
	ovs("--", "del-port", "ovs0", port.Vif, "--", "add-port", "ovs0", port.Vif, "--", "set", "Interface", port.Vif, "ofport_request=77")
	require.False(t, inForce(mac))
	mac.Absent = true
	set(mac)
	set(mac)
	volley("when the guard has gone", all)
}

// TestOpenVSwitchVLANs: a port with a tag and trunks sends untagged frames and
// those of its trunks, and no others; by the tag and the trunks alone, the
// switch would take no tagged one.
func TestOpenVSwitchVLANs(t *testing.T) {
	t.Parallel()
	d := dom0.New(t, dom0.Options{Switch: "ovs0"})
	port, err := d.Attach(dom0.NIC{Domid: 1, MAC: mac1})
	require.NoError(t, err)
	guest, err := d.Guest(1)
	require.NoError(t, err)
	r := switchRange{t: t, from: packetSocket(t, guest), to: packetSocket(t, d.Client)}
	want := plan.SwitchPort{Dev: plan.Dev{Name: port.Vif}, Bridge: "ovs0", Tag: 10, Trunks: []int{20, 30}}
	for mode, tagged := range map[string]bool{"": false, plan.NativeUntagged: true} {
		want.Mode = mode
		require.NoError(t, d.Do(func() error { return openvswitch.Host{}.SetPort(t.Context(), want) }))
		require.Zero(t, d.Run("ip", "link", "set", port.Vif, "up").Exit)
		d.Settle()
		in := func(id int) frame {
			return frame{fmt.Sprint("VLAN ", id), bridge, eth(mac1, hostMAC, 0x8100, vlan(id, 0x0800, ip4(own4, host4, udp, 0, udpSegment(1, 2, nil))))}
		}
		require.Equal(t, tagged, r.received(in(20)), mode)
		require.Equal(t, tagged, r.received(in(30)), mode)
		require.False(t, r.received(in(40)), mode)
	}
}

// switchRange has a sender on the guest's side of a switch and a receiver
// behind its uplink.
type switchRange struct {
	t        *testing.T
	from, to sender
	sent     uint32
}

func packetSocket(t *testing.T, n *dom0.Namespace) (s sender) {
	require.NoError(t, n.Do(func() error {
		link, err := netlink.LinkByName("eth0")
		if err != nil {
			return err
		}
		const all = unix.ETH_P_ALL<<8&0xff00 | unix.ETH_P_ALL>>8
		s.index = link.Attrs().Index
		if s.fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, all); err != nil {
			return err
		}
		return unix.Bind(s.fd, &unix.SockaddrLinklayer{Protocol: all, Ifindex: s.index})
	}))
	t.Cleanup(func() { _ = unix.Close(s.fd) })
	require.NoError(t, unix.SetsockoptTimeval(s.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: int64(speed.Patience / time.Second)}))
	return s
}

// received sends a frame and, behind it, one that every filter lets through:
// when that has arrived, so has the other, if it has. Both are known by a
// number at their end.
func (r *switchRange) received(f frame) bool {
	fence := eth(mac1, hostMAC, 0x0800, ip4(own4, host4, udp, 0, udpSegment(4242, 4242, nil)))
	r.sent += 2
	for i, b := range [][]byte{f.bytes, fence} {
		b = binary.BigEndian.AppendUint32(append(slices.Clone(b), "marked"...), r.sent+uint32(i))
		require.NoError(r.t, unix.Sendto(r.from.fd, b, 0, &unix.SockaddrLinklayer{Ifindex: r.from.index}))
	}
	arrived := false
	var room [2048]byte
	for {
		n, err := unix.Read(r.to.fd, room[:])
		if errors.Is(err, unix.EINTR) { // the kernel does not go on by itself where a time-out is set
			continue
		}
		require.NoError(r.t, err, "%s: the fence has not arrived", f.name)
		mark, number, found := bytes.Cut(room[:n], []byte("marked"))
		if !found || len(number) != 4 || len(mark) == 0 {
			continue
		}
		switch binary.BigEndian.Uint32(number) {
		case r.sent:
			arrived = true
		case r.sent + 1:
			return arrived
		}
	}
}
