package properties

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"

	"vifctl/tests/dom0"
	"vifctl/tests/speed"
)

// What never stops sending: a host outside, to a forwarded port and to the public address of a guest, datagrams and
// pings; and the guest, from a fixed port. A connection that the kernel began without the rules stays without them for as
// long as packets come.
const (
	pause     = 2 * time.Millisecond
	forwarded = "10.0.0.2:5000"
	public    = "203.0.113.44"
	private   = "192.168.1.2"
)

// A flow is one of them.
type flow struct {
	name string
	mu   sync.Mutex
	// right counts what arrived as the rules say, wrong what arrived otherwise.
	right, wrong int
}

func (f *flow) arrived(right bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if right {
		f.right++
	} else {
		f.wrong++
	}
}

func (f *flow) counts() (right, wrong int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.right, f.wrong
}

// steady is a host with a guest of mode nat and all flows under way.
type steady struct {
	t     *testing.T
	d     *dom0.Dom0
	port  *dom0.Port
	flows []*flow
	done  chan struct{}
	wg    sync.WaitGroup
}

// packets is a socket in a namespace.
func packets(t *testing.T, n *dom0.Namespace, at string) (c *net.UDPConn) {
	require.NoError(t, n.Do(func() (err error) {
		c, err = net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.MustParseAddrPort(at)))
		return err
	}))
	return c
}

func newSteady(t *testing.T, firewall string) *steady {
	s := &steady{t: t, d: dom0.New(t, dom0.Options{Router: true}), done: make(chan struct{})}
	s.configure(firewall, true)
	var err error
	s.port, err = s.d.Attach(dom0.NIC{Domid: 1, Script: "vif-nat", IP: private})
	require.NoError(t, err)
	guest, err := s.d.Guest(1)
	require.NoError(t, err)
	require.NoError(t, guest.Configure("eth0", private+"/32"))
	run := func(n *dom0.Namespace, words string) {
		r := n.Run("sh", "-c", words)
		require.Zero(t, r.Exit, r.Stderr)
	}
	run(guest, "ip route add 192.168.1.1 dev eth0 && ip route add default via 192.168.1.1")
	run(s.d.Client, "ip route add 203.0.113.0/24 via 10.0.0.2")
	// So that a packet to the public address goes somewhere, and is remembered, before the address is there.
	run(s.d.Namespace, "ip route replace 203.0.113.0/24 via 10.0.0.1; sysctl -qw net.ipv4.conf.all.send_redirects=0 net.ipv4.conf.eth0.send_redirects=0")

	// They live as long as the test, and end before their namespaces do.
	s.inbound(guest, "a forward", forwarded, private+":5001")
	s.inbound(guest, "a public address", public+":6000", private+":6000")
	s.pings()
	s.outbound(guest)
	t.Cleanup(func() { close(s.done); s.wg.Wait() })
	return s
}

// configure writes the configuration, with or without what leads to the guest from outside.
func (s *steady) configure(firewall string, whole bool) {
	text := "[host]\ngateway = \"192.168.1.1\"\nantispoof = \"strict\"\nfirewall = \"" + firewall + "\"\n[[guest]]\nname = \"guest1\"\nmode = \"nat\"\n"
	if whole {
		text += "public = [\"" + public + "\"]\n[[guest.forward]]\nlisten = \"" + forwarded + "\"\nto = 5001\nproto = \"udp\"\n"
	}
	require.NoError(s.t, s.d.WriteFile("/etc/xen/vifctl.toml", text, 0o600))
}

// every does something again and again until the test ends.
func (s *steady) every(send func()) {
	s.wg.Go(func() {
		for {
			select {
			case <-s.done:
				return
			case <-time.After(pause):
				send()
			}
		}
	})
}

// hear counts what a socket receives.
func (s *steady) hear(c net.PacketConn, f *flow, right func(from net.Addr, data []byte) (counts, ok bool)) {
	s.wg.Go(func() {
		defer func() { _ = c.Close() }()
		room := make([]byte, 2048)
		for {
			select {
			case <-s.done:
				return
			default:
			}
			_ = c.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
			n, from, err := c.ReadFrom(room)
			if err != nil {
				continue
			}
			if counts, ok := right(from, room[:n]); counts {
				f.arrived(ok)
			}
		}
	})
}

func (s *steady) flow(name string) *flow {
	f := &flow{name: name}
	s.flows = append(s.flows, f)
	return f
}

func (s *steady) inbound(guest *dom0.Namespace, name, to, at string) {
	mouth, ear := packets(s.t, s.d.Client, "0.0.0.0:0"), packets(s.t, guest, at)
	target := net.UDPAddrFromAddrPort(netip.MustParseAddrPort(to))
	s.every(func() { _, _ = mouth.WriteToUDP([]byte(name), target) })
	s.hear(ear, s.flow(name), func(net.Addr, []byte) (bool, bool) { return true, true })
}

func (s *steady) pings() {
	var c *icmp.PacketConn
	require.NoError(s.t, s.d.Client.Do(func() (err error) {
		c, err = icmp.ListenPacket("ip4:icmp", "0.0.0.0")
		return err
	}))
	const id = 4711
	ask, err := (&icmp.Message{Type: ipv4.ICMPTypeEcho, Body: &icmp.Echo{ID: id, Seq: 1}}).Marshal(nil)
	require.NoError(s.t, err)
	s.every(func() { _, _ = c.WriteTo(ask, &net.IPAddr{IP: net.ParseIP(public)}) })
	// The host answers by itself where the address is there and the rules are not: what the guest answers has a TTL one less.
	p := c.IPv4PacketConn()
	require.NoError(s.t, p.SetControlMessage(ipv4.FlagTTL, true))
	f := s.flow("pings")
	s.wg.Go(func() {
		defer func() { _ = c.Close() }()
		room := make([]byte, 2048)
		for {
			select {
			case <-s.done:
				return
			default:
			}
			_ = c.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
			n, cm, _, err := p.ReadFrom(room)
			if err != nil {
				continue
			}
			if m, err := icmp.ParseMessage(1, room[:n]); err == nil && m.Type == ipv4.ICMPTypeEchoReply && cm != nil {
				f.arrived(cm.TTL == 63)
			}
		}
	})
}

func (s *steady) outbound(guest *dom0.Namespace) {
	mouth, ear := packets(s.t, guest, private+":7003"), packets(s.t, s.d.Client, "10.0.0.1:7004")
	target := net.UDPAddrFromAddrPort(netip.MustParseAddrPort("10.0.0.1:7004"))
	s.every(func() { _, _ = mouth.WriteToUDP([]byte("out"), target) })
	s.wg.Go(func() { <-s.done; _ = mouth.Close() })
	s.hear(ear, s.flow("what the guest sends"), func(from net.Addr, _ []byte) (bool, bool) {
		return true, strings.HasPrefix(from.String(), public+":")
	})
}

// wantRight waits until each flow arrives as the rules say, and nothing else does.
func (s *steady) wantRight(when string) {
	s.t.Helper()
	for _, f := range s.flows {
		calm := func() bool {
			right, wrong := f.counts()
			time.Sleep(10 * pause)
			r, w := f.counts()
			return r > right && w == wrong
		}
		require.Eventually(s.t, calm, speed.Patience, time.Millisecond, "%s: %s is on a wrong translation", when, f.name)
	}
}

// wantStray waits until what the guest sends arrives without a translation.
func (s *steady) wantStray() {
	f := s.flows[len(s.flows)-1]
	_, before := f.counts()
	require.Eventually(s.t, func() bool { _, now := f.counts(); return now > before }, speed.Patience, time.Millisecond)
}

func (s *steady) call(command string) {
	s.t.Helper()
	r := s.port.Call("vif-nat", command, "type_if=vif")
	require.Zero(s.t, r.Exit, r.Stderr)
}

func (s *steady) run(words string) {
	s.t.Helper()
	r := s.d.Run("sh", "-c", words)
	require.Zero(s.t, r.Exit, "%s: %s", words, r.Stderr)
}

// flush is what an administrator does to be rid of all rules, whichever of them the watcher has put back by then.
var flush = map[string]string{
	"nftables": "nft flush ruleset",
	"iptables": "for table in nat mangle raw; do iptables -w -t $table -F; iptables -w -t $table -X; done; nft delete table inet vifctl; nft delete table arp vifctl; true",
}

// TestNoStrays: a steady sender is never left on a wrong translation: not by a start, a restart, a public address and a
// forward that come to a running guest, nor by rules that another program flushed and a repair or the watcher puts back.
func TestNoStrays(t *testing.T) {
	for firewall := range flush {
		t.Run(firewall, func(t *testing.T) {
			t.Parallel()
			dom0.Need(t, "nft", "iptables")
			s := newSteady(t, firewall)
			for i := range 10 {
				s.call("online")
				s.wantRight(fmt.Sprint("start ", i))
				s.call("offline")
			}
			s.configure(firewall, false)
			s.call("online")
			s.wantStray()
			s.configure(firewall, true)
			s.call("online")
			s.wantRight("what leads to a running guest")

			for i := range 3 {
				s.run(flush[firewall])
				s.wantStray()
				s.run(dom0.ScriptsDir + "/vifctl repair")
				s.wantRight(fmt.Sprint("repair ", i))
			}
			for _, again := range []func(){func() { s.run(dom0.ScriptsDir + "/vifctl repair") }, func() { s.call("online") }} {
				// The rules come back by themselves, from a file.
				s.run("iptables-save > /run/saved.iptables; (nft list table inet vifctl; nft list table arp vifctl) > /run/saved.nft")
				s.run(flush[firewall])
				s.wantStray()
				s.run("nft -f /run/saved.nft")
				if firewall == "iptables" {
					s.run("iptables-restore < /run/saved.iptables")
				}
				again()
				s.wantRight("rules from a file")
			}
			_, err := s.d.Watch()
			require.NoError(t, err)
			for i := range 3 {
				s.run(flush[firewall])
				s.wantRight(fmt.Sprint("the watcher ", i))
			}
		})
	}
}
