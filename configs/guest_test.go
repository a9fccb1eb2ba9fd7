package configs_test

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"vifctl/configs"
)

const (
	uuidA = "6f0c0e8e-3a3e-4b7a-9d3c-0a4b5c6d7e8f"
	uuidB = "6f0c0e8e-3a3e-4b7a-9d3c-0a4b5c6d7e90"
)

// The entries are told apart by their bridges.
const matching = `
[[guest]]
name = "a"
bridge = "a"

[[guest]]
name = "b"
nic = 0
bridge = "b0"

[[guest]]
name = "b"
nic = 1
bridge = "b1"

[[guest]]
name = "b"
mac = "00:16:3E:00:00:02"
bridge = "b-mac"

[[guest]]
uuid = "6F0C0E8E-3A3E-4B7A-9D3C-0A4B5C6D7E8F"
bridge = "uuid"

[[guest]]
mac = "00-16-3e-00-00-01"
bridge = "mac"

[[guest]]
name = "c"
uuid = "` + uuidB + `"
nic = 0
bridge = "c"
`

// matches are what Xen says of a NIC, and the bridge of the entry it finds.
var matches = map[string]struct {
	match  configs.Match
	bridge string
}{
	"by name, any NIC":                    {configs.Match{Name: "a", Devid: 7}, "a"},
	"by name, another's":                  {configs.Match{Name: "aa"}, ""},
	"by name, in capitals":                {configs.Match{Name: "A"}, ""},
	"by name and NIC":                     {configs.Match{Name: "b", Devid: 1}, "b1"},
	"by name and NIC, no such NIC":        {configs.Match{Name: "b", Devid: 2}, ""},
	"by name and MAC, NIC or not":         {configs.Match{Name: "b", MAC: "00:16:3e:00:00:02", Devid: 1}, "b-mac"},
	"by MAC, and the name is another's":   {configs.Match{Name: "x", MAC: "00:16:3e:00:00:02"}, ""},
	"by MAC alone":                        {configs.Match{MAC: "00:16:3e:00:00:01"}, "mac"},
	"by MAC in capitals":                  {configs.Match{MAC: "00:16:3E:00:00:01"}, "mac"},
	"by MAC rather than by name":          {configs.Match{Name: "a", MAC: "00:16:3e:00:00:01"}, "mac"},
	"by MAC rather than by UUID":          {configs.Match{UUID: uuidA, MAC: "00:16:3e:00:00:01"}, "mac"},
	"by UUID":                             {configs.Match{UUID: uuidA}, "uuid"},
	"by UUID rather than by name":         {configs.Match{Name: "a", UUID: uuidA}, "uuid"},
	"by UUID and name":                    {configs.Match{Name: "c", UUID: uuidB}, "c"},
	"by UUID and name, the name is wrong": {configs.Match{Name: "d", UUID: uuidB}, ""},
	"by UUID and name, another NIC":       {configs.Match{Name: "c", UUID: uuidB, Devid: 1}, ""},
	"by nothing":                          {configs.Match{}, ""},
}

func TestGuest(t *testing.T) {
	t.Parallel()
	c, err := configs.Parse("x", matching)
	require.NoError(t, err)
	for name, tc := range matches {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g, found := c.Guest(tc.match)
			require.Equal(t, tc.bridge != "", found)
			require.Equal(t, tc.bridge, g.Bridge)
		})
	}
}

// What an entry does not say the host says, and what the host does not say is
// as in Xen's own scripts.
func TestDefaults(t *testing.T) {
	t.Parallel()
	unnamed, found := configs.Standard().Guest(configs.Match{Name: "a"})
	require.False(t, found)
	require.Equal(t, configs.Guest{NIC: configs.AnyNIC, Masquerade: true}, unnamed)

	c, err := configs.Parse("x", "[host]\nuplink = \"eth1\"\ngateway = [\"10.0.0.1\", \"fe80::1\"]\nantispoof = \"strict\"\n"+
		"[[guest]]\nname = \"a\"\n[[guest]]\nname = \"b\"\nuplink = \"eth2\"\ngateway = \"10.0.0.2\"\nantispoof = \"off\"\n")
	require.NoError(t, err)
	gateway := configs.Gateway{IPv4: netip.MustParseAddr("10.0.0.1"), IPv6: netip.MustParseAddr("fe80::1")}
	require.Equal(t, configs.Host{
		Uplink: "eth1", Firewall: configs.FirewallAuto, Antispoof: configs.AntispoofStrict, Gateway: gateway, Mark: configs.StandardMark,
		Firewalld: configs.FirewalldIgnore,
	}, c.Host)
	a, _ := c.Guest(configs.Match{Name: "a"})
	require.Equal(t, configs.Guest{
		Name: "a", NIC: configs.AnyNIC, Uplink: "eth1", Gateway: gateway, Antispoof: configs.AntispoofStrict, Masquerade: true,
	}, a)
	b, _ := c.Guest(configs.Match{Name: "b"})
	gateway.IPv4 = netip.MustParseAddr("10.0.0.2")
	require.Equal(t, configs.Guest{
		Name: "b", NIC: configs.AnyNIC, Uplink: "eth2", Gateway: gateway, Antispoof: configs.AntispoofOff, Masquerade: true,
	}, b)
	unnamed, _ = c.Guest(configs.Match{Name: "c"})
	require.False(t, unnamed.Trusted)
	require.Equal(t, "eth1", unnamed.Uplink)
	require.Equal(t, configs.AntispoofStrict, unnamed.Antispoof)
}

func TestMasquerade(t *testing.T) {
	t.Parallel()
	for lines, want := range map[string]bool{
		"":                                       true,
		"mode = \"nat\"":                         true,
		"mode = \"nat\"\nmasquerade = false":     false,
		"mode = \"nat\"\npublic = \"192.0.2.1\"": false,
		"mode = \"nat\"\npublic = \"192.0.2.1\"\nmasquerade = true": true,
		"mode = \"route\"":  false,
		"mode = \"bridge\"": false,
	} {
		c, err := configs.Parse("x", guest(lines))
		require.NoError(t, err)
		require.Equal(t, want, c.Guests()[0].Masquerade, lines)
	}
}

// As which address what is masqueraded leaves: the entry's for each family, else the host's.
func TestMasqueradeAs(t *testing.T) {
	t.Parallel()
	const host = "[host]\nmasquerade = [\"192.0.2.9\", \"2001:db8::9\"]\n"
	both := configs.Gateway{IPv4: netip.MustParseAddr("192.0.2.9"), IPv6: netip.MustParseAddr("2001:db8::9")}
	own := configs.Gateway{IPv4: netip.MustParseAddr("192.0.2.8"), IPv6: both.IPv6}
	for _, c := range []struct {
		host, lines string
		masquerade  bool
		as          configs.Gateway
	}{
		{"", "mode = \"nat\"", true, configs.Gateway{}},
		{"", "masquerade = \"192.0.2.8\"", true, configs.Gateway{IPv4: own.IPv4}},
		{host, "mode = \"nat\"", true, both},
		{host, "masquerade = true", true, both},
		{host, "masquerade = \"192.0.2.8\"", true, own},
		{host, "masquerade = false", false, configs.Gateway{}},
		{host, "mode = \"nat\"\npublic = \"192.0.2.1\"", false, configs.Gateway{}},
		{host, "mode = \"nat\"\npublic = \"192.0.2.1\"\nmasquerade = [\"192.0.2.8\"]", true, own},
		{host, "mode = \"route\"", false, configs.Gateway{}},
	} {
		config, err := configs.Parse("x", c.host+guest(c.lines))
		require.NoError(t, err)
		g := config.Guests()[0]
		require.Equal(t, c.masquerade, g.Masquerade, c)
		require.Equal(t, c.as, g.MasqueradeAs, c)
	}
	config, err := configs.Parse("x", host)
	require.NoError(t, err)
	unnamed, _ := config.Guest(configs.Match{Name: "any"})
	require.Equal(t, both, unnamed.MasqueradeAs)
}

func TestForwards(t *testing.T) {
	t.Parallel()
	c, err := configs.Parse("x", guest(`
[[guest.forward]]
listen = ":80"

[[guest.forward]]
listen = "192.0.2.1:443"
to     = 8443
proto  = "both"
from   = ["198.51.100.7", "203.0.113.0/24"]

[[guest.forward]]
listen = "[2001:db8::1]:5000-5009"
to     = "6000-6009"
proto  = "udp"
`))
	require.NoError(t, err)
	require.Equal(t, []configs.Forward{
		{First: 80, Last: 80, To: 80, Protocols: []string{"tcp"}},
		{
			Listen: netip.MustParseAddr("192.0.2.1"), First: 443, Last: 443, To: 8443, Protocols: []string{"tcp", "udp"},
			From: []netip.Prefix{netip.MustParsePrefix("198.51.100.7/32"), netip.MustParsePrefix("203.0.113.0/24")},
		},
		{Listen: netip.MustParseAddr("2001:db8::1"), First: 5000, Last: 5009, To: 6000, Protocols: []string{"udp"}},
	}, c.Guests()[0].Forwards)
}

func TestOneToOne(t *testing.T) {
	t.Parallel()
	c, err := configs.Parse("x", guest(`public = ["2001:db8::1", "192.0.2.1", "192.0.2.2"]
address = ["10.1.0.0/16", "10.0.0.1", "fd00::1", "10.0.0.2", "10.0.0.3"]`))
	require.NoError(t, err)
	g := c.Guests()[0]
	pair := func(public, private string) configs.Pair {
		return configs.Pair{Public: netip.MustParseAddr(public), Private: netip.MustParseAddr(private)}
	}
	pairs, left := g.OneToOne(g.Addresses)
	require.Equal(t, []configs.Pair{pair("2001:db8::1", "fd00::1"), pair("192.0.2.1", "10.0.0.1"), pair("192.0.2.2", "10.0.0.2")}, pairs)
	require.Empty(t, left)
	pairs, left = g.OneToOne([]netip.Prefix{netip.MustParsePrefix("10.0.0.9/32")})
	require.Equal(t, []configs.Pair{pair("192.0.2.1", "10.0.0.9")}, pairs)
	require.Equal(t, []netip.Addr{netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("192.0.2.2")}, left)
}
