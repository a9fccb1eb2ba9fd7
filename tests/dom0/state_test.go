package dom0_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"vifctl/tests/dom0"
)

func TestStateSeesEveryKindOfChange(t *testing.T) {
	t.Parallel()
	dom0.Need(t, "nft")
	d := scripted(t, "")
	attach(t, d, dom0.NIC{Domid: 1})
	for _, change := range []struct{ command, fact string }{
		{"ip link set vif1.0 alias web", `link vif1.0 alias=web`},
		{"ip link set vif1.0 group 7", "link vif1.0 group=7"},
		{"ip link set vif1.0 arp off", "link vif1.0 flag=NOARP"},
		{"ip link set vif1.0 mtu 1400 up", "link vif1.0 mtu=1400"},
		{"ip link set vif1.0 master xenbr0", "link vif1.0 master=xenbr0"},
		{"bridge link set dev vif1.0 isolated on", "isolated=true"},
		{"ip address add 10.0.0.2/32 dev vif1.0", "address vif1.0 inet 10.0.0.2/32 label=vif1.0 scope=global"},
		{"ip route add 10.0.0.5 dev xenbr0 metric 2 proto 118", "route 10.0.0.5 dev xenbr0 proto 118 scope link metric 2"},
		{"ip route add 10.9.0.0/16 dev xenbr0 table 99", "route 10.9.0.0/16 dev xenbr0 table 99 scope link"},
		{"ip rule add from 10.9.0.0/16 table 99", "from 10.9.0.0/16 lookup 99"},
		{"ip neigh add proxy 10.0.0.5 dev xenbr0", "neighbour 10.0.0.5 dev xenbr0 proxy"},
		{"ip neigh add proxy 2001:db8::5 dev xenbr0", "neighbour6 2001:db8::5 dev xenbr0 proxy"},
		{"ip neigh add 10.0.0.5 lladdr 00:16:3e:01:01:00 nud permanent dev xenbr0", "neighbour 10.0.0.5 dev xenbr0 lladdr 00:16:3e:01:01:00"},
		{"sysctl -q -w net.ipv4.conf.all.proxy_arp=1", "sysctl net/ipv4/conf/all/proxy_arp = 1"},
		{"sysctl -q -w net/ipv6/conf/vif1.0/disable_ipv6=1", "sysctl net/ipv6/conf/vif1.0/disable_ipv6 = 1"},
		{"sysctl -q -w net/ipv4/neigh/vif1.0/proxy_delay=0", "sysctl net/ipv4/neigh/vif1.0/proxy_delay = 0"},
		{"tc qdisc add dev vif1.0 ingress", "qdisc ingress ffff: dev vif1.0"},
		{"nft add table inet vifctl", "nft table inet vifctl {"},
	} {
		before := d.State()
		require.NotContains(t, before, change.fact)
		r := d.Run("sh", "-c", change.command)
		require.Zero(t, r.Exit, "%s: %s", change.command, r.Stderr)
		require.Contains(t, d.State(), change.fact, change.command)
	}
	require.Equal(t, d.State(), d.State())
}
