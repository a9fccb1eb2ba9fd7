package firewall

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"

	"vifctl/hooks/plan"
	"vifctl/tests/speed"
)

// A world is a router with three private guests and a client on its uplink.
// Guests a and b have a public address each, c goes out with the router's, and
// what is forwarded goes to it from one more.
type world struct {
	host, client, a, b, c *machine
}

// addresses are a family's.
type addresses struct {
	name                               string
	client, clientToo, host, forward   string
	publicA, publicB                   string
	a, b, c, gateway                   string
	clientOnly, clientTooOnly, network string // prefixes
}

var families = []addresses{
	{
		"IPv4", "203.0.113.1", "203.0.113.2", "203.0.113.254", "203.0.113.20", "203.0.113.11", "203.0.113.12",
		"10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.1", "203.0.113.1/32", "203.0.113.2/32", "203.0.113.0/24",
	},
	{
		"IPv6", "2001:db8:f::1", "2001:db8:f::2", "2001:db8:f::fe", "2001:db8:f::20", "2001:db8:f::11", "2001:db8:f::12",
		"fd00::2", "fd00::3", "fd00::4", "fd00::1", "2001:db8:f::1/128", "2001:db8:f::2/128", "2001:db8:f::/64",
	},
}

func newWorld(t testing.TB) *world {
	w := &world{host: newMachine(t), client: newMachine(t), a: newMachine(t), b: newMachine(t), c: newMachine(t)}
	w.host.sysctl("ipv4/ip_forward", "1")
	w.host.sysctl("ipv6/conf/all/forwarding", "1")
	// Public IPv6 addresses are deprecated (preferred lifetime 0), else the
	// host, and masquerading, would take a guest's. So is the client's second
	// one: it is to answer from its first.
	w.join("eth0", w.client, `
addr add 203.0.113.254/24 dev eth0
addr add 203.0.113.11/32 dev eth0
addr add 203.0.113.12/32 dev eth0
addr add 203.0.113.20/32 dev eth0
addr add 2001:db8:f::fe/64 dev eth0
addr add 2001:db8:f::11/128 dev eth0 preferred_lft 0
addr add 2001:db8:f::12/128 dev eth0 preferred_lft 0
addr add 2001:db8:f::20/128 dev eth0 preferred_lft 0
`, `
addr add 203.0.113.1/24 dev eth0
addr add 203.0.113.2/24 dev eth0
addr add 2001:db8:f::1/64 dev eth0
addr add 2001:db8:f::2/64 dev eth0 preferred_lft 0
route add 10.0.0.0/24 via 203.0.113.254
route add fd00::/64 via 2001:db8:f::fe
`)
	for i, g := range []*machine{w.a, w.b, w.c} {
		w.join(fmt.Sprintf("vif%d.0", i+1), g, fmt.Sprintf(`
addr add 10.0.0.1/32 dev vif%[1]d.0
route add 10.0.0.%[2]d/32 dev vif%[1]d.0
addr add fd00::1/128 dev vif%[1]d.0
route add fd00::%[2]d/128 dev vif%[1]d.0
`, i+1, i+2), fmt.Sprintf(`
addr add 10.0.0.%[1]d/32 dev eth0
route add default via 10.0.0.1 dev eth0 onlink
addr add fd00::%[1]d/128 dev eth0
route add ::/0 via fd00::1 dev eth0 onlink
`, i+2))
	}
	for name, m := range map[string]*machine{"a": w.a, "b": w.b, "c": w.c, "client": w.client} {
		for _, port := range []int{53, 80, 5001} {
			m.serve(t, name, port)
		}
	}
	return w
}

// join lays a cable from the host to eth0 of another machine and sets both up.
func (w *world) join(name string, to *machine, here, there string) {
	attrs := netlink.NewLinkAttrs()
	attrs.Name = name
	require.NoError(to.t, w.host.nl.LinkAdd(&netlink.Veth{LinkAttrs: attrs, PeerName: "eth0", PeerNamespace: netlink.NsFd(to.fd)}))
	w.host.feed("link set "+name+" up\n", "ip", "-batch", "-")
	to.feed("link set eth0 up\n"+there, "ip", "-batch", "-")
	w.host.feed(here, "ip", "-batch", "-")
}

// serve answers whoever asks with its own name and with where it was asked
// from.
func (m *machine) serve(t testing.TB, name string, port int) {
	var stream net.Listener
	var datagrams net.PacketConn
	var err error
	m.do(func() {
		if stream, err = net.Listen("tcp", fmt.Sprintf(":%d", port)); err == nil {
			datagrams, err = net.ListenPacket("udp", fmt.Sprintf(":%d", port))
		}
	})
	require.NoError(t, err)
	t.Cleanup(func() { _ = stream.Close(); _ = datagrams.Close() })
	reply := func(from net.Addr) []byte {
		return fmt.Appendf(nil, "%s:%d from %s", name, port, netip.MustParseAddrPort(from.String()).Addr().Unmap())
	}
	go func() {
		for {
			c, err := stream.Accept()
			if err != nil {
				return
			}
			_, _ = c.Write(reply(c.RemoteAddr()))
			_ = c.Close()
		}
	}()
	go func() {
		for buffer := make([]byte, 16); ; {
			_, from, err := datagrams.ReadFrom(buffer)
			if err != nil {
				return
			}
			_, _ = datagrams.WriteTo(reply(from), from)
		}
	}()
}

// ask asks a service again and again until it answers, and returns the answer, or "" when none comes: a question may be
// lost where an interface has no carrier yet.
func (m *machine) ask(protocol, from, to string, port int, patience time.Duration) (answer string) {
	m.do(func() {
		for end := time.Now().Add(patience); answer == "" && time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
			answer = askOnce(protocol, from, to, port, end)
		}
	})
	return answer
}

func askOnce(protocol, from, to string, port int, end time.Time) string {
	d := net.Dialer{Deadline: end}
	if from != "" {
		address := netip.AddrPortFrom(netip.MustParseAddr(from), 0)
		if protocol == "tcp" {
			d.LocalAddr = net.TCPAddrFromAddrPort(address)
		} else {
			d.LocalAddr = net.UDPAddrFromAddrPort(address)
		}
	}
	c, err := d.Dial(protocol, net.JoinHostPort(to, fmt.Sprint(port)))
	if err != nil {
		return ""
	}
	defer c.Close()
	if protocol == "udp" {
		_, _ = c.Write([]byte("?"))
		end = time.Now().Add(silence) // a datagram that is lost is not sent again by itself
	}
	_ = c.SetDeadline(end)
	if protocol == "tcp" {
		all, _ := io.ReadAll(c)
		return string(all)
	}
	buffer := make([]byte, 128)
	n, _ := c.Read(buffer)
	return string(buffer[:n])
}

// natRules are what the three guests' configuration comes to.
func natRules(f addresses) []plan.Rule {
	address := netip.MustParseAddr
	forward := func(protocol string, first, last, to uint16, private, from string) plan.Rule {
		r := tcpForward(f.forward, private, first, last, to, from)
		r.Protocol = protocol
		return r
	}
	rules := []plan.Rule{
		oneToOneRule(f.publicA, f.a),
		oneToOneRule(f.publicB, f.b),
		{Kind: plan.RuleMasquerade, Private: address(f.c)},
		forward("tcp", 8080, 8080, 80, f.c, ""),
		forward("udp", 5353, 5353, 53, f.c, ""),
		forward("tcp", 5000, 5010, 0, f.c, ""),
		forward("udp", 5000, 5010, 0, f.c, ""),
		forward("tcp", 2222, 2222, 80, f.c, f.clientTooOnly),
		forward("tcp", 3333, 3333, 80, f.a, f.clientOnly),
		forward("tcp", 3333, 3333, 80, f.b, f.network),
	}
	for i := range 3 {
		dev := plan.Dev{Name: fmt.Sprintf("vif%d.0", i+1)}
		rules = append(rules, plan.Rule{Kind: plan.RuleRouted, Dev: dev}, plan.Rule{Kind: plan.RulePrivate, Dev: dev})
	}
	return rules
}

func TestNAT(t *testing.T)                 { nat(t, nftablesBackend) }
func TestNATByIPTablesNFT(t *testing.T)    { nat(t, iptablesOn(VariantNFT)) }
func TestNATByIPTablesLegacy(t *testing.T) { nat(t, iptablesOn(VariantLegacy)) }
func TestNATByIPTablesAlone(t *testing.T)  { nat(t, withoutNFTables) }

func nat(t *testing.T, b backend) {
	for _, o := range []Options{{Uplinks: []string{"eth0"}}, {}} {
		for _, f := range families {
			t.Run(fmt.Sprintf("%s/uplinks=%s", f.name, strings.Join(o.Uplinks, ",")), func(t *testing.T) {
				t.Parallel()
				natBehaves(t, b, f, o)
			})
		}
	}
}

// othersFirewall is another program's, which forwards what carries our mark, and
// wants its own mark untouched.
const othersFirewall = `
table inet foreign {
	chain prerouting { type filter hook prerouting priority -150; meta mark set 0x1; }
	chain forward { type filter hook forward priority 0; policy drop; meta mark 0x10000001 accept; }
}`

// For an answer that is to come, and for one that is not.
const (
	patience = speed.Patience
	silence  = 200 * time.Millisecond
)

func natBehaves(t *testing.T, b backend, f addresses, o Options) {
	w := newWorld(t)
	fw := b.open(w.host, o)
	rules := natRules(f)
	// Without us a neighbour that adds a route reaches a private guest.
	require.Equal(t, "a:80 from "+f.client, w.client.ask("tcp", f.client, f.a, 80, patience))
	require.Empty(t, w.client.ask("tcp", f.client, f.publicA, 80, silence))
	mustChange(t, fw, rules, nil)
	w.host.feed(othersFirewall, "nft", "-f", "-")
	translates(t, w, f)
	if b.listed {
		w.host.reload()
		translates(t, w, f)
	}
	w.host.run("nft", "delete", "table", "inet", "foreign")
	mustChange(t, fw, nil, rules)
	require.Empty(t, w.client.ask("tcp", f.client, f.publicA, 81, silence))
	require.Equal(t, "a:5001 from "+f.client, w.client.ask("tcp", f.client, f.a, 5001, patience), "nothing is left")
}

// translates tries all that natRules say.
func translates(t *testing.T, w *world, f addresses) {
	t.Helper()
	for _, c := range []struct {
		name     string
		who      *machine
		protocol string
		from, to string
		port     int
		want     string
	}{
		{"public address, in", w.client, "tcp", f.client, f.publicA, 80, "a:80 from " + f.client},
		{"public address, in", w.client, "udp", f.client, f.publicB, 53, "b:53 from " + f.client},
		{"public address, out", w.a, "tcp", "", f.client, 80, "client:80 from " + f.publicA},
		{"public address, out", w.b, "udp", "", f.client, 53, "client:53 from " + f.publicB},
		{"masquerade", w.c, "tcp", "", f.client, 80, "client:80 from " + f.host},
		{"masquerade", w.c, "udp", "", f.client, 53, "client:53 from " + f.host},
		{"forward", w.client, "tcp", f.client, f.forward, 8080, "c:80 from " + f.client},
		{"forward", w.client, "udp", f.client, f.forward, 5353, "c:53 from " + f.client},
		{"forward of a range", w.client, "tcp", f.client, f.forward, 5001, "c:5001 from " + f.client},
		{"forward of a range", w.client, "udp", f.client, f.forward, 5001, "c:5001 from " + f.client},
		{"nothing forwarded", w.client, "tcp", f.client, f.forward, 80, ""},
		{"beside the range", w.client, "tcp", f.client, f.forward, 5011, ""},
		{"forward for one source", w.client, "tcp", f.clientToo, f.forward, 2222, "c:80 from " + f.clientToo},
		{"forward for another source", w.client, "tcp", f.client, f.forward, 2222, ""},
		{"the longest prefix", w.client, "tcp", f.client, f.forward, 3333, "a:80 from " + f.client},
		{"a shorter one", w.client, "tcp", f.clientToo, f.forward, 3333, "b:80 from " + f.clientToo},
		{"another's public address", w.a, "tcp", "", f.publicB, 80, "b:80 from " + f.publicA},
		{"another's public address", w.a, "udp", "", f.publicB, 53, "b:53 from " + f.publicA},
		{"its own public address", w.a, "tcp", "", f.publicA, 80, "a:80 from " + f.publicA},
		{"another's forward", w.a, "tcp", "", f.forward, 8080, "c:80 from " + f.publicA},
		{"its own forward", w.c, "tcp", "", f.forward, 8080, "c:80 from " + f.gateway},
		{"a public address, masqueraded", w.c, "tcp", "", f.publicA, 80, "a:80 from " + f.gateway},
		{"the host", w.host, "tcp", f.host, f.publicA, 80, "a:80 from " + f.host},
		{"the host", w.host, "udp", f.host, f.publicA, 53, "a:53 from " + f.host},
		{"the host", w.host, "tcp", f.host, f.forward, 8080, "c:80 from " + f.host},
		{"between guests", w.a, "tcp", "", f.b, 80, "b:80 from " + f.a},
		{"from outside to a private address", w.client, "tcp", f.client, f.a, 80, ""},
		{"from outside to a private address", w.client, "udp", f.client, f.c, 53, ""},
	} {
		wait := patience
		if c.want == "" {
			wait = silence
		}
		if got := c.who.ask(c.protocol, c.from, c.to, c.port, wait); got != c.want {
			t.Errorf("%s, %s: %s port %d: %q, want %q", c.name, c.protocol, c.to, c.port, got, c.want)
		}
	}
}
