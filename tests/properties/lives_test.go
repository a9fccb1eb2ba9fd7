package properties

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
	"pgregory.net/rapid"

	"vifctl/tests/dom0"
)

// forged is an address that no guest has, from which every guest sends without end.
const forged = "10.66.6.6"

// life is one run of a guest: from its interface's making to its end.
type life struct {
	*dom0.Port
	mode string
	stop func()
}

// TestLives: guests come and go in any order, under domids, names and UUIDs that others had, and many of their offlines are
// lost, late or twice. No port is ever up unfiltered, none inherits what its predecessor might say, none takes anything from
// its successor, and in the end nothing is left. Each guest sends forged packets all its life: none arrives.
func TestLives(t *testing.T) {
	t.Parallel()
	h := newHost(t)
	require.NoError(t, h.WriteFile(dom0.ConfigFile, "[host]\nantispoof = \"strict\"\n", 0o644))
	arrived := listenForForged(t, h.Client)
	control := begin(t, h, dom0.NIC{Domid: 99, Guest: "control", IP: "10.0.0.99"}, "vif-bridge")
	// Unfiltered it would arrive.
	for _, command := range []string{"ip link set vif99.0 master xenbr0 up", "ip link set dev eth0 up"} {
		require.Zero(t, h.Run("sh", "-c", command).Exit)
	}
	require.Eventually(t, func() bool { return arrived.Load() > 0 }, time.Minute, time.Millisecond)
	control.end(t)
	for _, mode := range []string{"vif-bridge", "vif-route", "vif-nat"} { // what is the host's for good
		l := begin(t, h, dom0.NIC{Domid: 98, Guest: "warm", IP: "10.0.0.98"}, mode)
		for _, call := range []string{"online", "offline"} {
			require.Zero(t, h.Call(dom0.Call{Script: mode, Args: []string{call, "type_if=vif"}, Port: l.Port}).Exit)
		}
		l.end(t)
	}
	h.Settle()
	arrived.Store(0)
	before := h.State()
	rapid.Check(t, func(rt *rapid.T) {
		w := world{t: rt, host: h, live: map[int]*life{}, lost: map[int]*life{}}
		defer w.end()
		rt.Repeat(map[string]func(*rapid.T){
			"start": w.start, "die": w.die, "stop": w.stopOne, "late": w.late, "again": w.again, "garbage": w.garbage,
			"": func(rt *rapid.T) { w.check(rt, arrived) },
		})
		w.end()
		if now := h.State(); now != before {
			rt.Fatalf("something is left (- before, + after):\n%s", difference(before, now))
		}
	})
}

// world is what a run of the property has made.
type world struct {
	t *rapid.T
	host
	// live by domid; lost are those that died without an offline.
	live, lost map[int]*life
}

func begin(t failer, h host, nic dom0.NIC, script string) *life {
	t.Helper()
	port, err := h.Attach(nic)
	require.NoError(t, err)
	guest, err := h.Guest(nic.Domid)
	require.NoError(t, err)
	return &life{Port: port, mode: script, stop: sendForged(t, guest, port.MAC, script == "vif-bridge")}
}

// end takes the interface and the domain away, as Xen does, and calls nothing.
func (l *life) end(t failer) {
	t.Helper()
	l.stop()
	require.NoError(t, l.Unplug())
}

func (w *world) call(l *life, command string) dom0.Result {
	return w.Call(dom0.Call{Script: l.mode, Args: []string{command, "type_if=vif"}, Port: l.Port})
}

func (w *world) start(rt *rapid.T) {
	domid := rapid.SampledFrom([]int{1, 2, 3}).Draw(rt, "domid")
	who := rapid.SampledFrom([]int{1, 2, 3}).Draw(rt, "guest")
	name := rapid.SampledFrom([]string{"", "web0", "db0"}).Draw(rt, "vifname")
	mode := rapid.SampledFrom([]string{"vif-bridge", "vif-route", "vif-nat"}).Draw(rt, "script")
	taken := w.live[domid] != nil
	for _, l := range w.live {
		taken = taken || l.Guest == fmt.Sprintf("guest-%d", who) || name != "" && l.Vifname == name
	}
	if taken {
		return
	}
	ip := fmt.Sprintf("192.168.7.%d", 10+who)
	if mode == "vif-bridge" {
		ip = fmt.Sprintf("10.0.0.%d", 10+who)
	}
	nic := dom0.NIC{Domid: domid, Guest: fmt.Sprintf("guest-%d", who), MAC: fmt.Sprintf("00:16:3e:00:77:%02x", who), IP: ip, Vifname: name}
	if old := w.lost[domid]; old != nil {
		require.NoError(rt, w.Remove(old.Backend, old.Frontend))
		delete(w.lost, domid) // an offline of its by now is the new one's
	}
	l := begin(rt, w.host, nic, mode)
	require.NoError(rt, w.Write("/local/domain/"+fmt.Sprint(domid)+"/vm", fmt.Sprintf("/vm/%08d-0000-4000-8000-000000000000", who)))
	r := w.call(l, "online")
	require.Zero(rt, r.Exit, "%s of %+v: %s", mode, nic, r.Stderr)
	w.live[domid] = l
}

// pick draws one of some lives, nil where there is none.
func pick(rt *rapid.T, from map[int]*life) *life {
	var domids []int
	for domid := range from {
		domids = append(domids, domid)
	}
	if len(domids) == 0 {
		return nil
	}
	slices.Sort(domids)
	return from[rapid.SampledFrom(domids).Draw(rt, "of domain")]
}

func (w *world) die(rt *rapid.T) {
	if l := pick(rt, w.live); l != nil {
		l.end(rt)
		delete(w.live, l.Domid)
		w.lost[l.Domid] = l
	}
}

func (w *world) stopOne(rt *rapid.T) {
	if l := pick(rt, w.live); l != nil {
		r := w.call(l, "offline")
		require.Zero(rt, r.Exit, r.Stderr)
		l.end(rt)
		require.NoError(rt, w.Remove(l.Backend, l.Frontend))
		delete(w.live, l.Domid)
	}
}

func (w *world) late(rt *rapid.T) {
	if l := pick(rt, w.lost); l != nil {
		for range rapid.IntRange(1, 2).Draw(rt, "times") {
			r := w.call(l, "offline")
			require.Zero(rt, r.Exit, r.Stderr)
		}
		require.NoError(rt, w.Remove(l.Backend, l.Frontend))
		delete(w.lost, l.Domid)
	}
}

func (w *world) again(rt *rapid.T) {
	if l := pick(rt, w.live); l != nil {
		r := w.call(l, "online")
		require.Zero(rt, r.Exit, r.Stderr)
	}
}

func (w *world) garbage(rt *rapid.T) {
	r := w.Run(dom0.ScriptsDir+"/vifctl", "repair", "--garbage")
	require.Zero(rt, r.Exit, r.Stderr)
}

// end ends all lives, with the offlines that were lost.
func (w *world) end() {
	for domid, l := range w.live {
		w.call(l, "offline")
		l.end(w.t)
		w.lost[domid] = l
	}
	clear(w.live)
	for _, l := range w.lost {
		w.call(l, "offline")
		require.NoError(w.t, w.Remove(l.Backend, l.Frontend))
	}
	clear(w.lost)
	w.garbage(w.t)
}

var (
	// sources are the sets of whose a hardware address and an address are.
	sources = regexp.MustCompile(`(?s)set (pmac|pip4) \{.*?\n\t\}`)
	element = regexp.MustCompile(`"([^"]+)" \. ([0-9a-f:.]+)`)
)

// check looks at what the rules let each port say.
func (w *world) check(rt *rapid.T, arrived *atomic.Int64) {
	require.Zero(rt, arrived.Load(), "forged packets that arrived")
	rules := w.Run("nft", "list", "ruleset").Stdout
	says := map[string][]string{}
	for _, set := range sources.FindAllString(rules, -1) {
		for _, m := range element.FindAllStringSubmatch(set, -1) {
			says[m[1]] = append(says[m[1]], m[2])
		}
	}
	for _, l := range w.live {
		name := l.Vif
		if l.Vifname != "" {
			name = l.Vifname
		}
		require.Contains(rt, says[name], l.MAC, "the port of %s may not speak", l.Guest)
		for _, what := range says[name] {
			own := what == l.MAC || what == l.IP
			require.True(rt, own, "%s of %s (%s, %s) may speak as %s", name, l.Guest, l.MAC, l.IP, what)
		}
		require.Regexp(rt, `strict_ports \{[^}]*elements = \{[^}]*"`+regexp.QuoteMeta(name)+`"`, rules)
	}
}

// sendForged sends UDP from the forged address to the client until it is stopped.
func sendForged(t failer, guest *dom0.Namespace, mac string, bridged bool) (stop func()) {
	t.Helper()
	to := "fe:ff:ff:ff:ff:ff"
	if bridged {
		to = "00:16:3e:00:00:01" // the client
	}
	frame := udpFrame(t, mac, to)
	var fd, index int
	require.NoError(t, guest.Do(func() (err error) {
		i, err := net.InterfaceByName("eth0")
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
