package engine

import (
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"vifctl/configs"
	"vifctl/hooks/event"
	"vifctl/hooks/journal"
	"vifctl/hooks/kernel"
	"vifctl/hooks/ownership"
	"vifctl/hooks/plan"
	"vifctl/tests/dom0"
	"vifctl/tests/netns"
)

// twoCards is a host with two cards, an inner bridge, a VPN, a table of its own, and the
// ports of guests db and web.
func twoCards() []string {
	lines := []string{
		"link add eth0 type veth peer name far0", "link add eth1 type veth peer name far1", "link add wg0 type veth peer name farw",
		"link add vif1.0 type veth peer name g1", "link add vif3.0 type veth peer name g3", "link add xenbr0 type bridge",
	}
	for _, dev := range []string{"lo", "far0", "far1", "farw", "g1", "g3", "eth0", "eth1", "wg0", "vif3.0", "xenbr0"} {
		lines = append(lines, "link set "+dev+" up")
	}
	return append(
		lines,
		"address add 192.0.2.1/24 dev eth0", "address add 192.0.2.7/24 dev eth0", "address add 2001:db8:f::1/64 dev eth0",
		"address add 198.51.100.2/24 dev eth1", "address add 2001:db8:e::2/64 dev eth1", "address add 10.7.0.1/31 dev wg0",
		"address add 10.0.0.1/24 dev xenbr0", "address add 10.255.0.1/32 dev lo",
		"route add default via 192.0.2.254", "route add 172.16.0.0/12 via 198.51.100.254", "route add default via 192.0.2.9 table 77",
		"-6 route add default via 2001:db8:f::254", "-6 route add 2001:db8:99::/48 via 2001:db8:e::99",
		"route add 10.9.0.9 dev vif3.0 proto 118", "-6 route add 2001:db8:9::/64 dev vif3.0 proto 118",
	)
}

// onTwoCards runs f with an engine there, whose journal knows of db.
func onTwoCards(t *testing.T, config configs.Config, keys toolstack, f func(e *Engine)) {
	t.Helper()
	dom0.Need(t, "ip")
	dir := t.TempDir()
	netns.Run(t, func(k *kernel.Kernel) {
		boot, err := kernel.BootID()
		require.NoError(t, err)
		e := &Engine{Xenstore: keys, Journal: journal.Open(dir), Config: config, Log: slog.New(slog.DiscardHandler), Reader: &Reader{Kernel: k}}
		eth0, _, err := k.LinkByName("eth0")
		require.NoError(t, err)
		vif, _, err := k.LinkByName("vif3.0")
		require.NoError(t, err)
		var entries []journal.Entry
		done := func(s plan.Step) {
			entries = append(entries, journal.Entry{Step: s, Undo: []plan.Step{plan.Up{Dev: vif.Dev}}})
		}
		for _, p := range []string{"10.9.0.9/32", "2001:db8:9::/64"} {
			done(plan.Route{Dev: vif.Dev, Route: plan.RouteEntry{Dst: netip.MustParsePrefix(p)}})
		}
		for _, a := range []string{"192.0.2.50", "2001:db8:f::50"} {
			public := netip.MustParseAddr(a)
			step := publicOn(eth0.Dev, public)
			step.Addr.Origin = plan.RouteProtocol
			require.NoError(t, k.SetAddress(step))
			done(step)
			done(plan.Rule{Kind: plan.RuleOneToOne, Public: public, Private: public.Next()})
		}
		done(plan.Rule{Kind: plan.RuleForward, Public: netip.MustParseAddr("192.0.2.1"), Protocol: "tcp", First: 5000, Last: 5010, Private: netip.MustParseAddr("10.9.0.9")})
		require.NoError(t, e.Journal.Write(&journal.Record{
			Port: journal.Port{NIC: plan.NIC{Domid: 3}, Kind: plan.Vif, UUID: "33333333-3333-4333-8333-333333333333", Index: vif.Index, Boot: boot, Name: "vif3.0", Device: "vif3.0"},
			Mode: "nat", Guest: "db", Entries: entries,
		}))
		f(e)
	}, twoCards()...)
}

// interesting are addresses around everything that the host has, and some that are free.
func interesting() (all []string) {
	return strings.Fields(`192.0.2.1 192.0.2.7 192.0.2.254 192.0.2.9 192.0.2.0 192.0.2.255 192.0.2.50 192.0.2.77 198.51.100.2 198.51.100.254 198.51.100.9
		10.7.0.0 10.7.0.1 10.0.0.1 10.0.0.9 10.255.0.1 10.9.0.9 10.9.0.10 203.0.113.5 172.20.0.1 255.255.255.0 192.168.1.2
		2001:db8:f::1 2001:db8:f::254 2001:db8:f:: 2001:db8:f::50 2001:db8:f::77 2001:db8:e::2 2001:db8:e::99 2001:db8:9::5 2001:db8:77::5`)
}

func networks() []string {
	return strings.Fields(`192.0.2.0/24 192.0.2.0/25 192.0.2.128/25 192.0.2.64/26 192.0.0.0/16 198.51.100.0/24 198.51.100.128/25 10.9.0.8/29 10.9.0.0/29 10.0.0.0/8 172.16.0.0/12
		2001:db8:f::/64 2001:db8:f::/48 2001:db8:f:0:8000::/65 2001:db8:9::/64 2001:db8:9::/48 2001:db8:9:0:8000::/65 2001:db8:77::/64 2001:db8:e::/64`)
}

// A call looks near first: where that finds nothing, the whole host has nothing to say, either.
func TestNearMissesNothing(t *testing.T) {
	t.Parallel()
	type wish struct{ name, mode, ip, public, gateway, listen string }
	var all []wish
	for _, a := range append(interesting(), networks()...) {
		for _, mode := range []string{"route", "nat"} {
			all = append(all, wish{mode + " " + a, mode, a, "", "", ""})
		}
	}
	for _, a := range interesting() {
		private := "192.168.7.2"
		if strings.Contains(a, ":") {
			private = "2001:db8:77::2"
		}
		all = append(all, wish{"public " + a, "nat", private, a, "", ""}, wish{"listen " + a, "nat", private, "", "", a})
		for _, mode := range []string{"route", "nat"} {
			all = append(all, wish{mode + " gateway " + a, mode, private, "", a, ""})
		}
	}
	all = append(all, wish{"listen on the uplink", "nat", "192.168.7.2", "", "", "-"})
	keys := toolstack{"/local/domain/1/name": "web", "/local/domain/1/vm": "/vm/11111111-1111-4111-8111-111111111111"}
	found := 0
	file := filepath.Join(t.TempDir(), "vifctl.toml")
	require.NoError(t, os.WriteFile(file, []byte(`
[[guest]]
name = "db"
mode = "nat"
  [[guest.forward]]
  listen = ":5000-5010"
`), 0o600))
	config, err := configs.Load(file)
	require.NoError(t, err)
	onTwoCards(t, config, keys, func(e *Engine) {
		boot, err := kernel.BootID()
		require.NoError(t, err)
		whole, err := e.Surroundings(boot)
		require.NoError(t, err)
		for _, w := range all {
			keys["backend/vif/1/0/ip"] = w.ip
			entry := configs.Guest{Name: "web", NIC: configs.AnyNIC, Masquerade: true}
			if w.public != "" {
				entry.Public = []netip.Addr{netip.MustParseAddr(w.public)}
			}
			if a, err := netip.ParseAddr(w.gateway); err == nil && a.Is4() {
				entry.Gateway.IPv4 = a
			} else if err == nil {
				entry.Gateway.IPv6 = a
			}
			if w.listen != "" {
				f := configs.Forward{First: 5005, Last: 5005, To: 80, Protocols: []string{"tcp"}}
				f.Listen, _ = netip.ParseAddr(w.listen)
				entry.Forwards = []configs.Forward{f}
			}
			p := e.onlineOf(t, w.mode)
			if err := p.Look(t.Context()); err != nil {
				continue // refused before it comes to whose it is
			}
			p.entry, p.request = entry, plan.Request{}
			p.request = p.requestOf(p.Event)
			steps, err := p.plan()
			require.NoError(t, err, w.name)
			c := p.claim(steps)
			near, settled, err := p.near(c)
			require.NoError(t, err, w.name)
			refusals, warnings := ownership.Judge(c, near)
			facts, err := e.Facts(whole, c)
			require.NoError(t, err)
			wholeRefusals, wholeWarnings := ownership.Judge(c, facts)
			if settled && len(refusals)+len(warnings) == 0 {
				require.Empty(t, append(wholeRefusals, wholeWarnings...), w.name)
			}
			if len(wholeRefusals) > 0 {
				found++
			}
		}
	})
	require.Greater(t, found, 60, "the host has something to say")
}

// onlineOf makes the subject of web's call.
func (e *Engine) onlineOf(t *testing.T, mode string) *port {
	t.Helper()
	env := map[string]string{"vif": "vif1.0", "XENBUS_TYPE": "vif", "XENBUS_BASE_PATH": "backend", "XENBUS_PATH": "backend/vif/1/0"}
	call, err := event.Parse("vif-"+mode, []string{"online", "type_if=vif"}, func(name string) string { return env[name] })
	require.NoError(t, err)
	p := e.port(call)
	p.preview = true
	return p
}

// What is free is asked for without a word, and costs no look at the whole host.
func TestWhatIsFree(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ mode, ip string }{
		{"route", "192.0.2.77"},
		{"route", "203.0.113.5"},
		{"route", "192.0.2.64/26"},
		{"route", "2001:db8:f::77"},
		{"route", "2001:db8:77::/64"},
		{"nat", "192.168.7.2"},
		{"nat", "192.168.7.2 2001:db8:77::2"},
	} {
		t.Run(c.mode+" "+c.ip, func(t *testing.T) {
			t.Parallel()
			keys := toolstack{"/local/domain/1/name": "web", "backend/vif/1/0/ip": c.ip}
			onTwoCards(t, configs.Standard(), keys, func(e *Engine) {
				p := e.onlineOf(t, c.mode)
				require.NoError(t, p.Look(t.Context()))
				steps, err := p.plan()
				require.NoError(t, err)
				claim := p.claim(steps)
				near, settled, err := p.near(claim)
				require.NoError(t, err)
				require.True(t, settled)
				refusals, warnings := ownership.Judge(claim, near)
				require.Empty(t, append(refusals, warnings...))
			})
		})
	}
}

// A port that a program of the host's listens on is lost to it.
func TestListenerIsNamed(t *testing.T) {
	t.Parallel()
	for _, protocol := range []string{"tcp", "udp"} {
		t.Run(protocol, func(t *testing.T) {
			t.Parallel()
			keys := toolstack{"/local/domain/1/name": "web", "backend/vif/1/0/ip": "192.168.7.2"}
			onTwoCards(t, configs.Standard(), keys, func(e *Engine) {
				port := listenFor(t, protocol)
				p := e.onlineOf(t, "nat")
				require.NoError(t, p.Look(t.Context()))
				p.request.Forwards = []plan.Rule{{Kind: plan.RuleForward, Protocol: protocol, First: port, Last: port}}
				steps, err := p.plan()
				require.NoError(t, err)
				require.NoError(t, p.judge(steps))
				said := strings.Join(p.Warnings, "\n")
				require.Regexp(t, fmt.Sprintf(`(?m)^\S+ listens on %s port %d of 192.0.2.1: what connects there ends in the guest; take another port$`, protocol, port), said)
			})
		})
	}
}

// listenFor listens on every address of the host's.
func listenFor(t *testing.T, protocol string) uint16 {
	t.Helper()
	if protocol == "udp" {
		c, err := net.ListenPacket("udp4", "0.0.0.0:0")
		require.NoError(t, err)
		t.Cleanup(func() { _ = c.Close() })
		return uint16(c.LocalAddr().(*net.UDPAddr).Port)
	}
	l, err := net.Listen("tcp", "[::]:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = l.Close() })
	return uint16(l.Addr().(*net.TCPAddr).Port)
}
