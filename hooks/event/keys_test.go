package event_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"vifctl/hooks/event"
	"vifctl/hooks/plan"
)

type keys map[string]string

// complete parses one of libxl's calls and completes it by the backend's keys.
func complete(t testing.TB, args string, e env, k keys) (event.Event, error) {
	t.Helper()
	c, err := event.Parse("vif-bridge", strings.Fields(args), e.get)
	require.NoError(t, err)
	return c.Event(k)
}

const (
	vifUp = "online type_if=vif"
	tapUp = "add type_if=tap"
)

func TestBackendKeys(t *testing.T) {
	t.Parallel()
	require.Equal(t, []string{"bridge", "gatewaydev", "ip", "mac", "mtu", "rate", "type", "vifname", "vlan"}, event.BackendKeys())
}

// The environment, then argv, then the backend, each wins over the one before;
// an empty value is none.
func TestPrecedence(t *testing.T) {
	t.Parallel()
	bridge := func(e event.Event) string { return e.Bridge }
	uplink := func(e event.Event) string { return e.Uplink }
	ip := func(e event.Event) string { return texts(e.IPs) }
	mac := func(e event.Event) string { return e.MAC }
	name := func(e event.Event) string { return e.Name }
	for what, tc := range map[string]struct {
		args string
		env  env
		keys keys
		got  func(event.Event) string
		want string
	}{
		"bridge: environment":       {vifUp, libxl("bridge", "br1"), nil, bridge, "br1"},
		"bridge: argv":              {vifUp + " bridge=br2", libxl("bridge", "br1"), nil, bridge, "br2"},
		"bridge: backend":           {vifUp + " bridge=br2", libxl("bridge", "br1"), keys{"bridge": "br3"}, bridge, "br3"},
		"bridge: empty in argv":     {vifUp + " bridge=", libxl("bridge", "br1"), nil, bridge, "br1"},
		"bridge: empty in backend":  {vifUp + " bridge=br2", libxl(), keys{"bridge": ""}, bridge, "br2"},
		"bridge: nowhere":           {vifUp, libxl(), nil, bridge, ""},
		"netdev: environment":       {vifUp, libxl("netdev", "eth1"), nil, uplink, "eth1"},
		"netdev: empty":             {vifUp, libxl("netdev", ""), nil, uplink, ""},
		"netdev: argv":              {vifUp + " netdev=eth2", libxl("netdev", "eth1"), nil, uplink, "eth2"},
		"netdev: gatewaydev":        {vifUp + " netdev=eth2", libxl("netdev", "eth1"), keys{"gatewaydev": "eth3"}, uplink, "eth3"},
		"netdev: empty gatewaydev":  {vifUp, libxl("netdev", "eth1"), keys{"gatewaydev": ""}, uplink, "eth1"},
		"netdev is no backend key":  {vifUp, libxl(), keys{"netdev": "eth3"}, uplink, ""},
		"gatewaydev in environment": {vifUp, libxl("gatewaydev", "eth3"), nil, uplink, ""},
		"ip: environment":           {vifUp, libxl("ip", "192.0.2.1"), nil, ip, "192.0.2.1/32"},
		"ip: argv":                  {vifUp + " ip=192.0.2.2", libxl("ip", "192.0.2.1"), nil, ip, "192.0.2.2/32"},
		"ip: backend":               {vifUp + " ip=192.0.2.2", libxl("ip", "192.0.2.1"), keys{"ip": "192.0.2.3"}, ip, "192.0.2.3/32"},
		"mac: backend":              {vifUp + " mac=00:16:3e:00:00:01", libxl(), keys{"mac": "00:16:3E:00:00:02"}, mac, "00:16:3e:00:00:02"},
		"vifname: not environment":  {vifUp, libxl("vifname", "alice"), nil, name, "vif7.1"},
		"vifname: argv":             {vifUp + " vifname=alice", libxl(), nil, name, "alice"},
		"vifname: backend":          {vifUp + " vifname=alice", libxl(), keys{"vifname": "bob"}, name, "bob"},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			e, err := complete(t, tc.args, tc.env, tc.keys)
			require.NoError(t, err)
			require.Equal(t, tc.want, tc.got(e))
		})
	}
}

func TestVifname(t *testing.T) {
	t.Parallel()
	const (
		eleven  = "abcdefghij1"
		twelve  = "abcdefghij12"
		fifteen = "abcdefghij12345"
	)
	ioemu := keys{"type": "vif_ioemu"}
	for name, tc := range map[string]struct {
		args    string
		env     env
		keys    keys
		vifname string
		want    string // "" where it is refused
		says    string
	}{
		"vif":                 {vifUp, libxl(), nil, "alice.0", "alice.0", ""},
		"tap":                 {tapUp, hvm(), nil, "alice.0", "alice.0-emu", ""},
		"none":                {vifUp, libxl(), nil, "", "vif7.1", ""},
		"none, tap":           {tapUp, hvm(), nil, "", "vif7.1-emu", ""},
		"SUSE's =emu, vif":    {vifUp, libxl(), nil, "vifalice.0=emu", "vifalice.0", ""},
		"SUSE's =emu, tap":    {tapUp, hvm(), nil, "alice.0=emu", "alice.0-emu", ""},
		"PV, 15":              {vifUp, libxl(), keys{"type": "vif"}, fifteen, fifteen, ""},
		"PV, 15, no type":     {vifUp, libxl(), nil, fifteen, fifteen, ""},
		"PV, 16":              {vifUp, libxl(), nil, fifteen + "6", "", "15 characters"},
		"HVM's vif, 11":       {vifUp, hvm(), ioemu, eleven, eleven, ""},
		"HVM's vif, 12":       {vifUp, hvm(), ioemu, twelve, "", "11 characters"},
		"HVM's vif, 16":       {vifUp, hvm(), ioemu, fifteen + "6", "", "11 characters"},
		"tap, 11":             {tapUp, hvm(), nil, eleven, eleven + "-emu", ""},
		"tap, 12":             {tapUp, hvm(), nil, twelve, "", "11 characters"},
		"tap, 11 and =emu":    {tapUp, hvm(), nil, eleven + "=emu", eleven + "-emu", ""},
		"the default name":    {vifUp, libxl(), nil, "vif7.1", "vif7.1", ""},
		"an option":           {vifUp, libxl(), nil, "-x", "", "letter or a digit"},
		"a dot":               {vifUp, libxl(), nil, ".", "", "letter or a digit"},
		"two dots":            {vifUp, libxl(), nil, "..", "", "letter or a digit"},
		"a command":           {vifUp, libxl(), nil, "$(id)", "", "letter or a digit"},
		"two commands":        {vifUp, libxl(), nil, "a;b", "", "letter or a digit"},
		"newline":             {vifUp, libxl(), nil, "a\nb", "", "letter or a digit"},
		"newline behind":      {vifUp, libxl(), nil, "alice\n", "", "letter or a digit"},
		"a space":             {vifUp, libxl(), nil, "a b", "", "letter or a digit"},
		"a slash":             {vifUp, libxl(), nil, "a/b", "", "letter or a digit"},
		"a letter with a hat": {vifUp, libxl(), nil, "âlice", "", "letter or a digit"},
		"NUL":                 {vifUp, libxl(), nil, "a\x00b", "", "letter or a digit"},
		"a percent sign":      {vifUp, libxl(), nil, "vif%d", "", "letter or a digit"},
		"=emu in the middle":  {vifUp, libxl(), nil, "a=emub", "", "letter or a digit"},
		"all":                 {vifUp, libxl(), nil, "all", "", "kernel"},
		"default":             {vifUp, libxl(), nil, "default", "", "kernel"},
		"4 KiB":               {vifUp, libxl(), nil, strings.Repeat("\x1b", 4096), "", "letter or a digit"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := keys{"vifname": tc.vifname}
			for key, v := range tc.keys {
				k[key] = v
			}
			e, err := complete(t, tc.args, tc.env, k)
			if tc.want == "" {
				require.Error(t, err)
				requireBad(t, err, "vifname", tc.vifname, tc.says)
				return
			}
			require.NoError(t, err)
			require.Equal(t, tc.want, e.Name)
		})
	}
}

// libxl names the tap in the vif's call, too: that a tap will come is known
// without the backend's type, and a name too long for it is to be refused
// before the guest runs with half a NIC.
func TestVifnameOfATapToCome(t *testing.T) {
	t.Parallel()
	_, err := complete(t, vifUp, hvm(), keys{"vifname": "abcdefghij12"})
	requireBad(t, err, "vifname", "abcdefghij12", "11 characters")
}

// The sentence shows the value as it is in the configuration, not what was
// made of it.
func TestVifnameIsShownAsGiven(t *testing.T) {
	t.Parallel()
	for value, says := range map[string]string{
		"=emu":         "letter or a digit",
		"a;b=emu":      "letter or a digit",
		"a=emu=emu":    "letter or a digit",
		"default=emu":  "kernel",
		"-abcdefg=emu": "letter or a digit",
	} {
		_, err := complete(t, vifUp, libxl(), keys{"vifname": value})
		requireBad(t, err, "vifname", value, says)
	}
}

func TestHostileNames(t *testing.T) {
	t.Parallel()
	for _, value := range []string{"-x", "$(id)", "a;b", "a\nb", "`id`", "a b", "..", "all", "default", "abcdefghijklmnop", "br0.5:$(id)", "br0:", "a'b", "ä"} {
		t.Run(value, func(t *testing.T) {
			t.Parallel()
			_, err := complete(t, vifUp, libxl(), keys{"bridge": value})
			requireBad(t, err, "bridge", value, "")
			_, err = complete(t, vifUp, libxl("netdev", value), nil)
			requireBad(t, err, "netdev", value, "")
			_, err = complete(t, vifUp, libxl(), keys{"gatewaydev": value})
			require.Error(t, err)
			requireOneLine(t, err.Error())
		})
	}
}

// What xl's vlan= says, the sentences about it are plan's.
func TestVLANs(t *testing.T) {
	t.Parallel()
	e, err := complete(t, vifUp, libxl(), keys{"vlan": "10p/20-29"})
	require.NoError(t, err)
	require.Equal(t, []plan.VLANRange{{First: 10, Last: 10, Untagged: true, PVID: true}, {First: 20, Last: 29}}, e.VLANs)
	_, err = complete(t, vifUp, libxl(), keys{"vlan": "10p/20p"})
	requireBad(t, err, "vlan", "10p/20p", "10 and 20 are to be")
}

// Behind a bridge's name there may be VLANs of Open vSwitch's.
func TestBridgeWithVLANs(t *testing.T) {
	t.Parallel()
	for _, value := range []string{"xenbr0", "xenbr0.10", "xenbr0:20", "xenbr0.10:20:30", "abcdefghijklmno.4094"} {
		e, err := complete(t, vifUp, libxl(), keys{"bridge": value})
		require.NoError(t, err, value)
		require.Equal(t, value, e.Bridge)
	}
}

// The sentence speaks of the key that holds the value: an administrator finds
// no netdev in a guest's configuration.
func TestBadGatewaydevIsCalledSo(t *testing.T) {
	t.Parallel()
	_, err := complete(t, vifUp, libxl(), keys{"gatewaydev": "-x"})
	require.ErrorContains(t, err, "gatewaydev")
}

func texts(ips []netip.Prefix) string {
	words := make([]string, len(ips))
	for i, p := range ips {
		words[i] = p.String()
	}
	return strings.Join(words, " ")
}

func TestIPs(t *testing.T) {
	t.Parallel()
	for list, want := range map[string]string{
		"":                          "",
		"   ":                       "",
		"192.0.2.1":                 "192.0.2.1/32",
		"192.0.2.1/32":              "192.0.2.1/32",
		"192.0.2.5/24":              "192.0.2.5/32", // the guest's own address
		"192.0.2.0/24":              "192.0.2.0/24", // routed to the guest
		"2001:db8::1":               "2001:db8::1/128",
		"2001:DB8:0::1":             "2001:db8::1/128",
		"2001:db8::1/64":            "2001:db8::1/128",
		"2001:db8::/64":             "2001:db8::/64",
		"fd00::1":                   "fd00::1/128",
		"192.0.2.1 192.0.2.1":       "192.0.2.1/32",
		"192.0.2.5/24 192.0.2.5":    "192.0.2.5/32",
		"192.0.2.2 192.0.2.1":       "192.0.2.2/32 192.0.2.1/32",
		"  192.0.2.1\t\n192.0.2.2 ": "192.0.2.1/32 192.0.2.2/32",
		"192.0.2.1 2001:db8::1":     "192.0.2.1/32 2001:db8::1/128",
		"192.0.2.0/24 192.0.2.5":    "192.0.2.0/24 192.0.2.5/32",
		"10.0.0.0/8 1.2.3.4":        "10.0.0.0/8 1.2.3.4/32",
	} {
		t.Run(list, func(t *testing.T) {
			t.Parallel()
			e, err := complete(t, vifUp, libxl(), keys{"ip": list})
			require.NoError(t, err)
			require.Equal(t, want, texts(e.IPs))
			for _, p := range e.IPs {
				require.Equal(t, p.Masked(), p)
			}
		})
	}
}

func TestBadIPs(t *testing.T) {
	t.Parallel()
	const list, unicast = "list of IPv4 and IPv6 addresses", "unicast address"
	for word, says := range map[string]string{
		"192.0.2":             list,
		"192.0.2.256":         list,
		"192.0.2.01":          list,
		"192.0.2.1/33":        list,
		"192.0.2.1/-1":        list,
		"192.0.2.1/024":       list,
		"192.0.2.1/":          list,
		"192.0.2.1,192.0.2.2": list,
		"192.0.2.1;id":        list,
		"$(id)":               list,
		"-4":                  list,
		"2001:db8::/129":      list,
		"2001:db8::1::":       list,
		"fe80::1%eth0":        list,
		"fe80::1%eth0/64":     list,
		"2001:db8::1%a":       list,
		"any":                 list,
		"fe80::1":             unicast,
		"169.254.1.1":         unicast,
		"224.0.0.1":           unicast,
		"224.0.0.0/4":         unicast,
		"ff02::1":             unicast,
		"127.0.0.1":           unicast,
		"::1":                 unicast,
		"::":                  unicast,
		"::/0":                unicast,
		"0.0.0.0":             unicast,
		"0.0.0.0/0":           unicast,
		"255.255.255.255":     unicast,
		"255.255.255.255/24":  unicast,
		"::ffff:192.0.2.1":    unicast,
	} {
		t.Run(word, func(t *testing.T) {
			t.Parallel()
			_, err := complete(t, vifUp, libxl(), keys{"ip": "192.0.2.1 " + word})
			requireBad(t, err, "ip", word, says)
		})
	}
}

// A prefix that holds what no guest may have is as bad as the address itself.
func TestPrefixOverWhatIsNotUnicast(t *testing.T) {
	t.Parallel()
	for _, word := range []string{"64.0.0.0/2", "126.0.0.0/7", "128.0.0.0/1", "c000::/2", "8000::/1"} {
		t.Run(word, func(t *testing.T) {
			t.Parallel()
			_, err := complete(t, vifUp, libxl(), keys{"ip": word})
			requireBad(t, err, "ip", word, "unicast")
		})
	}
}

func TestMTU(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]int{"": 0, "68": 68, "1500": 1500, "9000": 9000, "65517": 65517} {
		e, err := complete(t, vifUp, libxl(), keys{"mtu": value})
		require.NoError(t, err, value)
		require.Equal(t, want, e.MTU)
	}
	for _, value := range []string{"0", "67", "65518", "-1500", "1500 ", "0x5dc", "1e3", "9000\n", "big", "99999999999999999999"} {
		_, err := complete(t, vifUp, libxl(), keys{"mtu": value})
		requireBad(t, err, "mtu", value, "from 68 to 65517")
	}
}

func TestMTUIsDigits(t *testing.T) {
	t.Parallel()
	_, err := complete(t, vifUp, libxl(), keys{"mtu": "+1500"})
	requireBad(t, err, "mtu", "+1500", "from 68 to 65517")
}

func TestMAC(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		"":                  "",
		"00:16:3e:00:00:01": "00:16:3e:00:00:01",
		"00:16:3E:AB:cd:EF": "00:16:3e:ab:cd:ef",
		"00-16-3e-00-00-01": "00:16:3e:00:00:01",
		"fe:ff:ff:ff:ff:ff": "fe:ff:ff:ff:ff:ff",
	} {
		e, err := complete(t, vifUp, libxl(), keys{"mac": value})
		require.NoError(t, err, value)
		require.Equal(t, want, e.MAC)
	}
	for _, value := range []string{
		"00:16:3e:00:00", "00:16:3e:00:00:01:02:03", "01:00:5e:00:00:01", "ff:ff:ff:ff:ff:ff",
		"00:16:3e:00:00:0g", "0:16:3e:0:0:1", "random", "00:16:3e:00:00:01\n", "00:16:3e:00:00:01 $(id)",
	} {
		_, err := complete(t, vifUp, libxl(), keys{"mac": value})
		requireBad(t, err, "mac", value, "six bytes")
	}
}

func TestMACOfZeroes(t *testing.T) {
	t.Parallel()
	_, err := complete(t, vifUp, libxl(), keys{"mac": "00:00:00:00:00:00"})
	requireBad(t, err, "mac", "00:00:00:00:00:00", "six bytes")
}

// Taking a port down must not depend on keys that have gone bad or missing.
func TestEventWithoutKeys(t *testing.T) {
	t.Parallel()
	for _, k := range []keys{nil, {}} {
		e, err := complete(t, "offline type_if=vif", libxl(), k)
		require.NoError(t, err)
		require.Equal(t, "vif7.1", e.Name)
		require.Empty(t, e.IPs)
		require.Zero(t, e.MTU)
	}
}

// What libxl makes of rate=.
func TestRate(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]plan.Rate{
		"62500,50000":     {BytesPerSecond: 1250000, Interval: 62500},
		"1,4294967295":    {BytesPerSecond: 1, Interval: 1},
		"20000,20000":     {BytesPerSecond: 1000000, Interval: 20000},
		"62500,0":         {},
		"0,50000":         {},
		"4000000,2000000": {BytesPerSecond: 2000000, Interval: 4000000},
	} {
		e, err := complete(t, vifUp, libxl(), keys{"rate": value})
		require.NoError(t, err, value)
		require.Equal(t, want, e.Rate, value)
	}
	for _, value := range []string{"fast", "1", "1,", ",1", "-1,1", "1,-1", "1,2,3", "1 ,2", "99999999999999999999,1", "1,99999999999"} {
		_, err := complete(t, vifUp, libxl(), keys{"rate": value})
		requireBad(t, err, "rate", value, "bytes and one of microseconds")
	}
}
