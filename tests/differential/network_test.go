package differential

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"vifctl/tests/dom0"
)

// Debian ships no network-* script. What xend's did is written down here as the commands that it came to, for the host that
// every dom0 is: one card, an address and a way out in each family.
var networks = []struct {
	script, args string
	came         []string
	// differences explain lines that only one host has.
	differences []networkDifference
}{
	{
		script: "network-bridge", args: "netdev=eth0",
		came: []string{
			"ip link set eth0 down", "ip address flush dev eth0", "ip link set eth0 name peth0",
			"ip link add eth0 type bridge stp_state 0 forward_delay 0", "ip link set eth0 address 00:16:3e:00:00:02",
			"ip link set peth0 master eth0", "ip link set peth0 up", "ip link set eth0 up",
			"ip address add 10.0.0.2/24 brd + dev eth0", "ip address add 2001:db8::2/64 dev eth0",
			"ip route add default via 10.0.0.1", "ip -6 route add default via 2001:db8::1",
		},
		differences: []networkDifference{
			{
				"the card itself speaks no IPv6", "a bridge's port has no addresses, and a link-local one is one",
				`(address peth0 inet6|route6 .* dev peth0) .*|sysctl net/ipv6/conf/peth0/disable_ipv6 = 0`,
				`sysctl net/ipv6/conf/peth0/disable_ipv6 = 1`,
			},
			{
				"what guests send each other through a bridge stays out of iptables", "it costs time, and a FORWARD that drops cuts them off",
				`sysctl net/bridge/bridge-nf-call-(ip|ip6|arp)tables = 1`, `sysctl net/bridge/bridge-nf-call-(ip|ip6|arp)tables = 0`,
			},
		},
	},
	{
		script: "network-route", args: "netdev=eth0",
		came:        []string{"sysctl -w net.ipv4.ip_forward=1", "sysctl -w net.ipv4.conf.eth0.proxy_arp=1"},
		differences: asRouter,
	},
	{
		script: "network-nat", args: "netdev=eth0",
		came: []string{"sysctl -w net.ipv4.ip_forward=1", "iptables -t nat -A POSTROUTING -o eth0 -j MASQUERADE"},
		differences: append([]networkDifference{{
			"the rule for all that leaves is in vifctl's own table", "an administrator's own comes before it", `nft .*`, `nft .*`,
		}}, asRouter...),
	},
}

type networkDifference struct{ name, why, old, ours string }

var asRouter = []networkDifference{
	{
		"IPv6 is forwarded, and the host goes on listening to routers", "guests have IPv6 addresses; xend's scripts knew none",
		`sysctl net/ipv6/conf/[^/]+/(forwarding|proxy_ndp) = 0|sysctl net/ipv6/conf/eth0/accept_ra = 1|route6 .*`,
		`sysctl net/ipv6/conf/[^/]+/(forwarding|proxy_ndp) = 1|sysctl net/ipv6/conf/eth0/accept_ra = 2|route6 .*`,
	},
	{
		"what is proxied is answered at once", "the kernel waits up to 0.8 s",
		`sysctl net/ipv[46]/neigh/eth0/proxy_delay = 80`, `sysctl net/ipv[46]/neigh/eth0/proxy_delay = 0`,
	},
}

// TestNetworks compares two hosts, of which one was made what xend's scripts would have made it.
func TestNetworks(t *testing.T) {
	for _, n := range networks {
		t.Run(n.script, func(t *testing.T) {
			t.Parallel()
			old, ours := dom0.New(t, dom0.Options{}), dom0.New(t, dom0.Options{})
			require.True(t, compare(lines(old), lines(ours)).empty(), "the twins differ before anything happened")
			for _, c := range n.came {
				words := strings.Fields(c)
				r := old.Run(words[0], words[1:]...)
				require.Zero(t, r.Exit, "%s: %s", c, r.Stderr)
			}
			before := lines(ours)
			r := ours.Run(dom0.ScriptsDir+"/"+n.script, append([]string{"start"}, strings.Fields(n.args)...)...)
			require.Zero(t, r.Exit, r.Stderr)
			for _, d := range []*dom0.Dom0{old, ours} {
				d.Settle()
			}
			rest := compare(lines(old), lines(ours))
			for _, d := range n.differences {
				was := len(rest.stock) + len(rest.ours)
				rest.stock, rest.ours = without(rest.stock, d.old), without(rest.ours, d.ours)
				require.NotEqual(t, was, len(rest.stock)+len(rest.ours), "the difference %q explains nothing any more: take it out", d.name)
			}
			require.True(t, rest.empty(), "(- xend's scripts; + vifctl):\n%s", rest)

			// Only ours gives back what was; the tables of the firewall stay, and are empty.
			r = ours.Run(dom0.ScriptsDir+"/"+n.script, "stop")
			require.Zero(t, r.Exit, r.Stderr)
			now := lines(ours)
			require.Equal(t, without(before, `nft .*`), without(now, `nft .*`))
			require.NotContains(t, strings.Join(now, "\n"), `"eth0"`)
		})
	}
}

func lines(d *dom0.Dom0) []string { return strings.Split(strings.TrimSpace(d.State()), "\n") }

func without(list []string, pattern string) []string {
	whole := regexp.MustCompile(`^(?:` + pattern + `)$`)
	var rest []string
	for _, l := range list {
		if !whole.MatchString(l) {
			rest = append(rest, l)
		}
	}
	return rest
}
