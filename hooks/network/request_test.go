package network

import (
	"testing"

	"github.com/stretchr/testify/require"

	"vifctl/hooks/plan"
)

func TestParse(t *testing.T) {
	t.Parallel()
	yes, no := true, false
	for _, c := range []struct {
		name, mode string
		args       []string
		want       Request
	}{
		{name: "nothing said", mode: "bridge"},
		{name: "a bridge and its card", mode: "bridge", args: []string{"bridge=xenbr0", "netdev=eth1"}, want: Request{Bridge: "xenbr0", Uplink: "eth1"}},
		{name: "for guests alone", mode: "bridge", args: []string{"bridge=inside", "netdev=none"}, want: Request{Bridge: "inside", NoUplink: true}},
		{name: "xend's word for none", mode: "bridge", args: []string{"bridge=inside", "netdev=null"}, want: Request{Bridge: "inside", NoUplink: true}},
		{name: "no bridge", mode: "bridge", args: []string{"bridge=null"}, want: Request{Nothing: "bridge=null asks for no bridge"}},
		{name: "the oldest form", mode: "bridge", args: []string{"vifnum=1"}, want: Request{Bridge: "xenbr1", Uplink: "eth1"}},
		{name: "a name counts more than a number", mode: "bridge", args: []string{"vifnum=1", "bridge=lan", "netdev=bond0"}, want: Request{Bridge: "lan", Uplink: "bond0"}},
		{name: "no number", mode: "bridge", args: []string{"vifnum="}},
		{name: "a bridge's guests, checked", mode: "bridge", args: []string{"antispoof=yes"}, want: Request{Antispoof: &yes}},
		{name: "no longer checked", mode: "route", args: []string{"antispoof=off"}, want: Request{Antispoof: &no}},
		{name: "a router with leases", mode: "nat", args: []string{"netdev=eth0", "dhcp=on", "antispoof=no"}, want: Request{Uplink: "eth0", DHCP: &yes, Antispoof: &no}},
		{name: "an empty word says nothing", mode: "nat", args: []string{"netdev=", "dhcp=", "antispoof="}},
		{
			name: "leases on a bridge", mode: "bridge", args: []string{"dhcp=yes"},
			want: Request{Warnings: []string{"dhcp=yes means nothing in mode bridge: the DHCP server of the network that the bridge is part of is its guests', too"}},
		},
		{name: "no leases on a bridge", mode: "bridge", args: []string{"dhcp=no"}},
		{
			name: "a bridge where there is none", mode: "route", args: []string{"bridge=xenbr0", "netdev=eth0"},
			want: Request{Uplink: "eth0", Warnings: []string{"bridge=xenbr0 means nothing in mode route"}},
		},
		{name: "the longest name", mode: "bridge", args: []string{"bridge=abcdefghijklmno"}, want: Request{Bridge: "abcdefghijklmno"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.want.Mode = c.mode
			r, err := Parse(c.mode, c.args)
			require.NoError(t, err)
			require.Equal(t, c.want, r)
		})
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	const known = "; there are bridge=, netdev=, antispoof=, vifnum= and dhcp="
	for _, c := range []struct {
		name, mode string
		args       []string
		want       string
	}{
		{"an unknown mode", "switch", nil, `there is no network of mode "switch"; there are bridge, nat, route`},
		{"an unknown word", "bridge", []string{"brigde=xenbr0"}, `"brigde=xenbr0" cannot be used: no such argument` + known},
		{"no value", "bridge", []string{"xenbr0"}, `"xenbr0" cannot be used: no such argument` + known},
		{"a control character", "bridge", []string{"a\x1b=1"}, `"a\x1b=1" cannot be used: no such argument` + known},
		{"twice", "bridge", []string{"bridge=a", "bridge=a"}, "bridge= is given twice"},
		{"no number", "bridge", []string{"vifnum=one"}, `vifnum="one" cannot be used: it is a number`},
		{"too large", "bridge", []string{"vifnum=12345"}, `vifnum="12345" cannot be used: it is a number`},
		{"a path", "bridge", []string{"bridge=a/b"}, `bridge="a/b" cannot be used: no interface can be called so`},
		{"a parent", "bridge", []string{"bridge=.."}, `bridge=".." cannot be used: no interface can be called so`},
		{"an option", "bridge", []string{"netdev=-x"}, `netdev="-x" cannot be used: no interface can be called so`},
		{"a label", "route", []string{"netdev=eth0:1"}, `netdev="eth0:1" cannot be used: no interface can be called so`},
		{"a blank", "route", []string{"netdev=eth 0"}, `netdev="eth 0" cannot be used: no interface can be called so`},
		{"too long", "bridge", []string{"bridge=abcdefghijklmnop"}, `bridge="abcdefghijklmnop" cannot be used: no interface can be called so`},
		{"neither yes nor no", "nat", []string{"dhcp=perhaps"}, `dhcp="perhaps" cannot be used: it is yes or no`},
		{"both mistakes", "nat", []string{"netdev=/", "antispoof=1"}, "netdev=\"/\" cannot be used: no interface can be called so\nantispoof=\"1\" cannot be used: it is yes or no"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			_, err := Parse(c.mode, c.args)
			require.EqualError(t, err, c.want)
		})
	}
}

// What was said when a network was started stays until it is said otherwise.
func TestForGuests(t *testing.T) {
	t.Parallel()
	yes, no := true, false
	both := plan.ForGuests{Antispoof: plan.AntispoofStrict, DHCP: true}
	for _, c := range []struct {
		name         string
		before, want plan.ForGuests
		request      Request
	}{
		{name: "nothing said"},
		{name: "nothing said again", before: both, want: both},
		{name: "asked", request: Request{Antispoof: &yes, DHCP: &yes}, want: both},
		{name: "taken back", before: both, request: Request{Antispoof: &no, DHCP: &no}},
		{name: "one taken back", before: both, request: Request{DHCP: &no}, want: plan.ForGuests{Antispoof: plan.AntispoofStrict}},
	} {
		require.Equal(t, c.want, c.request.forGuests(c.before), c.name)
	}
}
