package watch

import (
	"io"
	"log/slog"
	"net/netip"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"vifctl/hooks/journal"
	"vifctl/hooks/plan"
	"vifctl/tests/dom0"
)

// What a port lacks is told of once, and again when it was right in between, or
// lacks something else.
func TestPoll(t *testing.T) {
	t.Parallel()
	d := dom0.New(t, dom0.Options{})
	var hints []hint
	g := newPoll(func(c hint) { hints = append(hints, c) }, slog.New(slog.NewTextHandler(io.Discard, nil)))
	socket, eth0 := -1, plan.Dev{Name: "eth0"}
	require.NoError(t, d.Do(func() (err error) {
		socket, err = openPoll()
		return err
	}))
	defer unix.Close(socket)
	index, err := d.ReadFile("/sys/class/net/eth0/ifindex")
	require.NoError(t, err)
	eth0.Index = atoi(t, index)
	setting := func(table, name, want string) plan.Step {
		return plan.Sysctl{Dev: eth0, Table: table, Name: name, Want: want}
	}
	want := map[string]plan.Step{
		"ipv4/conf/proxy_arp": setting("ipv4/conf", "proxy_arp", "1"), "ipv4/conf/send_redirects": setting("ipv4/conf", "send_redirects", "0"),
		"ipv4/conf/rp_filter": setting("ipv4/conf", "rp_filter", "2"), "ipv6/conf/accept_ra": setting("ipv6/conf", "accept_ra", "2"),
		"ipv6/conf/proxy_ndp": setting("ipv6/conf", "proxy_ndp", "1"), "ipv6/conf/disable_ipv6": setting("ipv6/conf", "disable_ipv6", "0"),
		"ipv6/conf/addr_gen_mode": setting("ipv6/conf", "addr_gen_mode", "1"),
		"ipv4/neigh/proxy_delay":  setting("ipv4/neigh", "proxy_delay", "30"), "ipv6/neigh/proxy_delay": setting("ipv6/neigh", "proxy_delay", "0"),
		"proxy": plan.ProxyNeighbour{Dev: eth0, IP: netip.MustParseAddr("2001:db8::77")},
	}
	s := &journal.Stored{Port: journal.Port{Index: 42}}
	for _, step := range want {
		s.Quiet = append(s.Quiet, step)
		if sysctl, ok := step.(plan.Sysctl); ok {
			run(t, d, "sysctl", "-qw", "net/"+sysctl.Table+"/eth0/"+sysctl.Name+"="+sysctl.Want)
		}
	}
	run(t, d, "ip", "neigh", "add", "proxy", "2001:db8::77", "dev", "eth0")
	looks := func() int {
		hints = nil
		require.NoError(t, g.look(socket))
		for _, c := range hints {
			require.Equal(t, hint{index: 42}, c)
		}
		return len(hints)
	}
	require.Zero(t, looks(), "no port wants anything")
	key := portKey{plan.NIC{Domid: 1}, plan.Vif}
	g.want(key, s)
	require.Zero(t, looks(), "nothing is missing")
	for name, step := range want {
		sysctl, ok := step.(plan.Sysctl)
		if !ok || sysctl.Name == "disable_ipv6" {
			continue // that takes the proxy entries with it
		}
		other := map[bool]string{true: "0", false: "1"}[sysctl.Want != "0"]
		run(t, d, "sysctl", "-qw", "net/"+sysctl.Table+"/eth0/"+sysctl.Name+"="+other)
		require.Equal(t, 1, looks(), name)
		require.Zero(t, looks(), "%s: it was told of", name)
	}
	run(t, d, "ip", "neigh", "delete", "proxy", "2001:db8::77", "dev", "eth0")
	require.Equal(t, 1, looks())
	run(t, d, "ip", "neigh", "add", "proxy", "2001:db8::77", "dev", "eth0")
	require.Equal(t, 1, looks(), "it lacks other things now")
	run(t, d, "sysctl", "-qw", "net/ipv6/conf/eth0/disable_ipv6=1")
	require.Equal(t, 1, looks())
	g.want(key, nil)
	require.Zero(t, looks(), "the port has gone")
	require.Empty(t, g.settings)
	g.want(key, s)
	require.Equal(t, 1, looks())
	g.clear()
	require.Zero(t, looks())
}

func run(t *testing.T, d *dom0.Dom0, name string, args ...string) {
	t.Helper()
	r := d.Run(name, args...)
	require.Zero(t, r.Exit, "%s %v: %s", name, args, r.Stderr)
}

func atoi(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(strings.TrimSpace(text))
	require.NoError(t, err)
	return n
}
