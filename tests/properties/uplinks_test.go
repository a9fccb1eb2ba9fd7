package properties

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"vifctl/tests/dom0"
	"vifctl/tests/speed"
)

// TestUplinkOfAGuest: a guest whose uplink is not the host's is translated on its own, announced and answered for there; one
// whose uplink is the host's is not translated on the other, as ever. What that takes goes with the last guest of the uplink.
func TestUplinkOfAGuest(t *testing.T) {
	for _, firewall := range []string{"nftables", "iptables"} {
		t.Run(firewall, func(t *testing.T) {
			t.Parallel()
			d := dom0.New(t, dom0.Options{Router: true})
			run := func(n *dom0.Namespace, words string) {
				t.Helper()
				r := n.Run("sh", "-c", words)
				require.Zero(t, r.Exit, "%s: %s", words, r.Stderr)
			}
			run(d.Namespace, "ip link add eth1 type veth peer name second netns "+d.Client.Path())
			run(d.Namespace, "ip address add 198.51.100.2/24 dev eth1; ip -6 address add 2001:db8:9::2/64 dev eth1 nodad; ip link set eth1 up; sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.eth1.rp_filter=0 net.ipv6.conf.all.forwarding=1")
			run(d.Client, "ip address add 198.51.100.1/24 dev second; ip -6 address add 2001:db8:9::1/64 dev second nodad; ip link set second up")
			require.NoError(t, d.WriteFile("/etc/xen/vifctl.toml", fmt.Sprintf(`[host]
uplink = "eth0"
gateway = "192.168.1.1"
firewall = %q
[[guest]]
name = "guest2"
mode = "nat"
uplink = "eth1"
public = ["198.51.100.44"]
address = ["192.168.1.3", "fd00::3"]
nat66 = true
masquerade = true
`, firewall), 0o600))
			d.Settle()
			nics := []dom0.NIC{
				{Domid: 1, IP: "192.168.1.2", Gatewaydev: "eth1"},
				{Domid: 2, IP: "192.168.1.3"},
				{Domid: 3, IP: "192.168.1.4"},
			}
			ports := make([]*dom0.Port, len(nics))
			online := func(i int, command string) {
				t.Helper()
				r := ports[i].Call("vif-nat", command, "type_if=vif")
				require.Zero(t, r.Exit, r.Stderr)
			}
			seen := func(domid int, to string) string {
				t.Helper()
				guest, err := d.Guest(domid)
				require.NoError(t, err)
				c, err := guest.Dial("", to)
				require.NoError(t, err)
				_, from, err := dom0.Ask(c, speed.Patience)
				require.NoError(t, errors.Join(err, c.Close()))
				return from
			}
			server, err := d.Client.Answer(":80")
			require.NoError(t, err)
			t.Cleanup(func() { _ = server.Close() })
			run(d.Client, "ip route add 192.168.1.0/24 via 198.51.100.2") // so that what is not translated is answered, too
			for i, nic := range nics {
				nic.Script = "vif-nat"
				ports[i], err = d.Attach(nic)
				require.NoError(t, err)
				guest, err := d.Guest(nic.Domid)
				require.NoError(t, err)
				require.NoError(t, guest.Configure("eth0", nic.IP+"/32"))
				run(guest, "ip route add 192.168.1.1 dev eth0 && ip route add default via 192.168.1.1")
				online(i, "online")
			}
			second, err := d.Guest(2)
			require.NoError(t, err)
			run(second, "ip -6 address add fd00::3/128 dev eth0 nodad; ip -6 route add fe80::1 dev eth0; ip -6 route add default via fe80::1 dev eth0")
			d.Settle()

			require.Equal(t, "198.51.100.2", seen(1, "198.51.100.1:80"))
			require.Equal(t, "198.51.100.44", seen(2, "198.51.100.1:80"))
			require.Equal(t, "2001:db8:9::2", seen(2, "[2001:db8:9::1]:80"))
			require.Equal(t, "192.168.1.4", seen(3, "198.51.100.1:80"), "its uplink is another")
			require.Equal(t, "10.0.0.2", seen(3, "10.0.0.1:80"))
			// From outside, by the public address, for which the host answers there.
			at, err := second.Answer(":81")
			require.NoError(t, err)
			t.Cleanup(func() { _ = at.Close() })
			c, err := d.Client.Dial("198.51.100.1", "198.51.100.44:81")
			require.NoError(t, err)
			name, _, err := dom0.Ask(c, speed.Patience)
			require.NoError(t, errors.Join(err, c.Close()))
			require.Equal(t, "guest2", name)

			online(0, "offline")
			require.Equal(t, "198.51.100.44", seen(2, "198.51.100.1:80"), "another guest has gone")
			for i := range nics[1:] {
				online(i+1, "offline")
			}
			for _, p := range ports {
				require.NoError(t, p.Unplug())
			}
			rules := d.Run("sh", "-c", "nft list ruleset; iptables-save")
			require.NotContains(t, rules.Stdout, "eth1")
			require.NotContains(t, rules.Stdout, "192.168.1.")
		})
	}
}
