package properties

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"vifctl/tests/dom0"
	"vifctl/tests/speed"
)

// drawHost makes up a host as an administrator could have left it, and how it is to be rewired.
func drawHost(t *rapid.T) (before []string, start dom0.Call) {
	some := func(label string, commands ...string) {
		before = append(before, rapid.SliceOfNDistinct(rapid.SampledFrom(commands), 0, len(commands), rapid.ID).Draw(t, label)...)
	}
	some("link", "ip link set eth0 mtu 1400", "sysctl -q -w net.ipv4.conf.eth0.arp_ignore=1", "sysctl -q -w net.ipv6.conf.eth0.accept_ra=0",
		"sysctl -q -w net.ipv4.conf.eth0.forwarding=1", "sysctl -q -w net.ipv4.conf.all.accept_redirects=0")
	some("addresses", "ip address add 10.0.0.3/24 dev eth0", "ip address add 192.0.2.1/28 broadcast + dev eth0 label eth0:web metric 50",
		"ip address add 10.9.9.1 peer 10.9.9.2/32 dev eth0", "ip address add 10.8.0.1/24 dev eth0 noprefixroute",
		"ip address add 2001:db8::3/64 dev eth0 nodad", "ip address add 2001:db8:3::1/64 dev eth0 preferred_lft 0", "ip address add fe80::7/64 dev eth0",
		"ip address add 10.7.0.1/24 dev eth0 scope link")
	some("routes", "ip route add 198.51.100.0/24 via 10.0.0.1 metric 7", "ip route add 203.0.113.0/24 dev eth0 mtu 1300 advmss 1200",
		"ip route add default via 10.0.0.1 table 77", "ip route add 100.64.0.0/10 via 10.3.3.3 dev eth0 onlink tos 0x10",
		"ip route add 10.66.0.0/16 nexthop via 10.0.0.1 dev eth0 weight 2 nexthop via 10.0.0.9 dev eth0 weight 3",
		"ip route add 10.67.0.0/16 via inet6 fe80::1 dev eth0", "ip -6 route add 2001:db8:7::/48 via 2001:db8::1 metric 3",
		"ip -6 route add 2001:db8:8::/48 via fe80::1 dev eth0 table 1000", "ip -6 route add 2001:db8:9::/48 dev eth0 proto static",
		"ip -6 route add 2001:db8:a::/48 nexthop via fe80::1 dev eth0 nexthop via fe80::2 dev eth0", "ip route del default", "ip -6 route del default")
	some("neighbours", "ip neigh add 10.0.0.77 lladdr 00:16:3e:77:77:77 nud permanent dev eth0", "ip neigh add proxy 10.0.0.78 dev eth0",
		"ip neigh add 2001:db8::77 lladdr 00:16:3e:77:77:77 nud permanent dev eth0", "ip neigh add proxy 2001:db8::78 dev eth0")
	network := rapid.SampledFrom([]string{
		"bridge bridge=xenbr0", "bridge bridge=xenbr0", "bridge", "bridge bridge=inside netdev=none", "route", "nat netdev=eth0",
	}).Draw(t, "network")
	return before, dom0.Call{Script: "vifctl", Args: append([]string{"network", "start"}, strings.Fields(network)...)}
}

func stopOf(start dom0.Call) dom0.Call {
	return dom0.Call{Script: start.Script, Args: []string{"network", "stop", start.Args[2]}}
}

// hostOf is a host for one example: what is rewired cannot be shared.
func hostOf(t failer, before []string) *dom0.Dom0 {
	t.Helper()
	d, err := dom0.Start(dom0.Options{})
	require.NoError(t, err)
	for _, command := range before {
		r := d.Run("sh", "-c", command)
		require.Zero(t, r.Exit, "%s: %s", command, r.Stderr)
	}
	return d
}

func call(t failer, d *dom0.Dom0, c dom0.Call, when string) {
	t.Helper()
	r := d.Call(c)
	require.Zero(t, r.Exit, "%s: %s: %s", when, strings.Join(c.Args, " "), r.Stderr)
}

func same(t failer, d *dom0.Dom0, want, when string, before []string) {
	t.Helper()
	if now := d.State(); now != want {
		t.Errorf("%s the state is another (- expected, + found):\n%s\nbefore: %s", when, difference(want, now), strings.Join(before, "; "))
		t.FailNow()
	}
}

// guarded waits until no guard is at work in a host any more.
func guarded(t failer, d *dom0.Dom0) {
	t.Helper()
	for end := time.Now().Add(speed.Patience); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		if !guards(d) {
			return
		}
	}
	t.Errorf("a guard does not end")
	t.FailNow()
}

func guards(d *dom0.Dom0) bool {
	for _, pid := range d.Processes() {
		line, _ := os.ReadFile("/proc/" + pid + "/cmdline")
		if bytes.Contains(line, []byte("\x00guard\x00")) {
			return true
		}
	}
	return false
}

// TestStopUndoesStart: start, stop is nothing, for a host of any kind; twice is once.
func TestStopUndoesStart(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		before, start := drawHost(rt)
		d := hostOf(rt, before)
		defer d.Close()
		at := d.State()
		call(rt, d, start, "start")
		started := d.State()
		call(rt, d, start, "start again")
		same(rt, d, started, "after start, start", before)
		call(rt, d, stopOf(start), "stop")
		same(rt, d, at, "after start, start, stop", before)
		call(rt, d, stopOf(start), "stop again")
		same(rt, d, at, "after another stop", before)
	})
}

// TestStartKilledAnywhere: a host is never left half-way: of a start that was killed nothing stays, and a stop that was
// killed comes to its end, without another command.
func TestStartKilledAnywhere(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		before, start := drawHost(rt)
		d := hostOf(rt, before)
		defer d.Close()
		nth := rapid.IntRange(1, 60)
		at := d.State()
		killed, r, err := kill(d, start, nth.Draw(rt, "start killed at"))
		require.NoError(rt, err)
		if !killed {
			require.Zero(rt, r.Exit, r.Stderr)
		} else {
			guarded(rt, d)
			if wasRewired(start) && !isStarted(d) {
				same(rt, d, at, "after a killed start", before)
			}
			call(rt, d, start, "start after a killed start")
		}
		killed, r, err = kill(d, stopOf(start), nth.Draw(rt, "stop killed at"))
		require.NoError(rt, err)
		require.True(rt, killed || r.Exit == 0, r.Stderr)
		guarded(rt, d)
		if wasRewired(start) && !isStarted(d) {
			same(rt, d, at, "after a killed stop", before)
		}
		call(rt, d, stopOf(start), "stop after a killed stop")
		same(rt, d, at, "after a killed stop, and stop", before)
	})
}

// wasRewired: the host's own connection was at stake, so that a guard watched.
func wasRewired(start dom0.Call) bool {
	return start.Args[2] == "bridge" && !strings.Contains(strings.Join(start.Args, " "), "netdev=none")
}

// isStarted: the call was killed only behind its last change, or before its first one.
func isStarted(d *dom0.Dom0) bool {
	r := d.Run(dom0.ScriptsDir+"/vifctl", "network", "status")
	return strings.Contains(r.Stdout, ": started\n")
}
