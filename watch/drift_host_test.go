package watch_test

import (
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/rogpeppe/go-internal/diff"
	"github.com/stretchr/testify/require"

	"vifctl/tests/dom0"
	"vifctl/tests/speed"
)

// driftingHost has a port of each mode, all of them filtered, and one public
// address.
func driftingHost(t *testing.T) *dom0.Dom0 {
	t.Helper()
	d := newDom0(t)
	require.NoError(t, d.WriteFile(dom0.ConfigFile, `
[host]
antispoof = "strict"
gateway = "192.168.1.1"

[[guest]]
name = "nat"
public = ["203.0.113.44"]

  [[guest.forward]]
  listen = "203.0.113.40:3389"
  to = 3389
`, 0o644))
	for _, g := range []struct {
		name, mode, ip string
		domid, mtu     int
	}{
		{"bridge", "bridge", "10.1.0.1", 1, 0},
		{"route", "route", "10.0.0.5 192.0.2.5 2001:db8::5", 2, 1400},
		{"nat", "nat", "192.168.1.2", 3, 0},
	} {
		p, err := d.Attach(dom0.NIC{Domid: g.domid, Guest: g.name, IP: g.ip, MTU: g.mtu})
		require.NoError(t, err)
		online(t, p, g.mode)
	}
	d.Settle()
	return d
}

// The watcher puts back and reports whatever another program takes away, within
// a second where the kernel tells of it.
func TestDrift(t *testing.T) {
	t.Parallel()
	d := driftingHost(t)
	whole := unordered(d)
	w := watcher(t, d)
	says(t, w, "watching", 1)
	time.Sleep(300 * time.Millisecond)
	for name, c := range map[string]struct{ do, says string }{
		"an address":              {"ip address delete 192.168.1.1/32 dev vif2.0", "ip address replace 192.168.1.1/32 dev vif2.0"},
		"a link-local address":    {"ip address delete fe80::1/64 dev vif2.0", "fe80::1/64"},
		"a route":                 {"ip route delete 192.0.2.5 dev vif2.0", "ip route replace 192.0.2.5/32"},
		"an IPv6 route":           {"ip -6 route delete 2001:db8::5 dev vif2.0", "ip -6 route replace 2001:db8::5/128"},
		"a permanent neighbour":   {"ip neigh delete 10.0.0.5 dev vif2.0", "lladdr"},
		"a public address":        {"ip address delete 203.0.113.44/32 dev eth0", "203.0.113.44/32 dev eth0"},
		"a setting":               {"sysctl -qw net/ipv4/conf/vif3.0/proxy_arp=0", "proxy_arp=1"},
		"a setting without event": {"sysctl -qw net/ipv4/conf/vif3.0/send_redirects=1", "send_redirects=0"},
		"one of IPv6's":           {"sysctl -qw net/ipv6/conf/vif2.0/accept_ra=1", "accept_ra=0"},
		"IPv6 on a bridge port":   {"sysctl -qw net/ipv6/conf/vif1.0/disable_ipv6=0", "disable_ipv6=1"},
		"who makes addresses":     {"sysctl -qw net/ipv6/conf/vif2.0/addr_gen_mode=0", "addr_gen_mode=1"},
		"a delay of ARP's":        {"sysctl -qw net/ipv4/neigh/vif3.0/proxy_delay=80", "net/ipv4/neigh/vif3.0/proxy_delay=0"},
		"a delay of IPv6's":       {"sysctl -qw net/ipv6/neigh/vif2.0/proxy_delay=80", "net/ipv6/neigh/vif2.0/proxy_delay=0"},
		"a proxy entry":           {"ip -6 neigh delete proxy 2001:db8::5 dev eth0", "ip neighbour replace proxy 2001:db8::5 dev eth0"},
		"the port is set down":    {"ip link set vif2.0 down", "ip link set dev vif2.0 up"},
		"the bridge port, too":    {"ip link set vif1.0 down", "ip link set dev vif1.0 up"},
		"it is off its bridge":    {"ip link set vif1.0 nomaster", "master xenbr0"},
		"its hardware address":    {"ip link set vif1.0 address 02:00:00:00:00:77", "address fe:ff:ff:ff:ff:ff"},
		"its MTU":                 {"ip link set vif2.0 mtu 1500", "mtu 1400"},
		"all of the firewall":     {"nft flush ruleset", "is the guest behind vif1.0"},
		"the rules, not the sets": {"nft flush table inet vifctl", "firewall:"},
		"one table":               {"nft delete table bridge vifctl", "vif1.0"},
		"one guest's check":       {`nft delete element bridge vifctl strict_ports '{ "vif1.0" }'`, "check the hardware address"},
		"a forward":               {"nft flush map inet vifctl fwd4", "tcp 3389"},
		"the public side":         {"nft flush map inet vifctl dnat4", "203.0.113.44 stands for 192.168.1.2"},
		"a guest's address":       {"nft flush set inet vifctl g4", "no other interface may use 192.168.1.2"},
	} {
		t.Run(name, func(t *testing.T) {
			before := len(w.Log())
			began := time.Now()
			r := d.Run("sh", "-c", c.do)
			require.Zero(t, r.Exit, r.Stderr)
			for !strings.Contains(w.Log()[before:], c.says) {
				require.Less(t, time.Since(began), speed.Patience, w.Log())
				time.Sleep(time.Millisecond)
			}
			// What is taken away while a port is being put right may come back
			// without a word of its own.
			for quiet := 0; quiet < 3; quiet++ {
				said := len(w.Log())
				time.Sleep(100 * time.Millisecond)
				if len(w.Log()) > said {
					quiet = 0
				}
			}
		})
	}
	for end := time.Now().Add(speed.Patience); unordered(d) != whole; time.Sleep(5 * time.Millisecond) {
		require.True(t, time.Now().Before(end), "%s\n%s", w.Log(), diff.Diff("whole", []byte(whole), "now", []byte(unordered(d))))
	}
	ends(t, w)
	require.Equal(t, whole, unordered(d))
	require.NotContains(t, w.Log(), "error")
	require.NotContains(t, w.Log(), "warning")
}

// Another program puts its route in the place of ours: the watcher leaves it and
// reports it at once; when it goes, ours comes back.
func TestRouteIsTaken(t *testing.T) {
	t.Parallel()
	d := driftingHost(t)
	whole := unordered(d)
	w := watcher(t, d)
	says(t, w, "watching", 1)
	time.Sleep(300 * time.Millisecond)
	require.Zero(t, d.Run("ip", "route", "replace", "192.0.2.5", "dev", "eth0", "metric", "2").Exit)
	says(t, w, "192.0.2.5", 1)
	require.Zero(t, d.Run("ip", "route", "delete", "192.0.2.5", "dev", "eth0", "metric", "2").Exit)
	says(t, w, "vif2.0: put back what was missing", 1)
	require.Equal(t, whole, unordered(d))
	ends(t, w)
}

// unordered is the kernel's state without the order in which it lists tables,
// sets and elements: that is the order in which they were made.
func unordered(d *dom0.Dom0) string {
	var lines []string
	for line := range strings.Lines(d.State()) {
		if !strings.HasPrefix(line, "nft ") {
			lines = append(lines, line)
			continue
		}
		for _, word := range strings.FieldsFunc(line, func(r rune) bool { return r == ',' || unicode.IsSpace(r) }) {
			lines = append(lines, "nft "+word+"\n")
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "")
}
