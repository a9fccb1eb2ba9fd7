package properties

import (
	"fmt"
	"strings"

	"pgregory.net/rapid"

	"vifctl/tests/dom0"
)

// An example is a guest's NIC, and what its port was before the first call.
type example struct {
	Script string
	// Tap: the calls are those for the emulated NIC's tap.
	Tap bool
	NIC dom0.NIC
	// Config is vifctl.toml, "" for none.
	Config string
	// Stride is how many changes are done between two killings, of an example with many: 0 is 1.
	Stride int
	// Switch: the bridges are Open vSwitch's.
	Switch bool
	// Before are shell commands about PORT.
	Before []string
}

func (e example) device(p *dom0.Port) string {
	if e.Tap {
		return p.Tap
	}
	return p.Vif
}

func (e example) String() string {
	kind := "vif"
	if e.Tap {
		kind = "tap"
	}
	return fmt.Sprintf("(%s, %s, vifname=%q ip=%q mtu=%d hvm=%t, before: %s)", e.Script, kind, e.NIC.Vifname, e.NIC.IP, e.NIC.MTU,
		e.NIC.HVM, strings.Join(e.Before, "; "))
}

// draw makes up an example. The port of a guest that just started is down and bare; here it may be anything that an
// administrator or a restarted toolstack could have left.
func draw(t *rapid.T) example {
	e := example{
		Script: rapid.SampledFrom([]string{"vif-bridge", "vif-route"}).Draw(t, "script"),
		Tap:    rapid.Bool().Draw(t, "tap"),
	}
	e.NIC = dom0.NIC{
		Domid:   1,
		Script:  e.Script,
		HVM:     e.Tap || rapid.Bool().Draw(t, "hvm"),
		Vifname: rapid.SampledFrom([]string{"", "www", "vif-web.01", "x1234567890"}).Draw(t, "vifname"),
		IP:      strings.Join(drawIPs(t), " "),
		MTU:     rapid.SampledFrom([]int{0, 1280, 1400, 1500, 9000}).Draw(t, "mtu"),
		Bridge:  rapid.SampledFrom([]string{"xenbr0", "narrow"}).Draw(t, "bridge"),
	}
	e.Before = drawBefore(t, e)
	return e
}

func drawIPs(t *rapid.T) []string {
	ip := rapid.SampledFrom([]string{
		"10.0.0.5", "10.0.0.6", "10.9.0.0/24", "192.0.2.7/24",
		"2001:db8::5", "2001:db8:0::6", "2001:db8:5::/64",
	})
	return rapid.SliceOfNDistinct(ip, 0, 4, rapid.ID).Draw(t, "ips")
}

func drawBefore(t *rapid.T, _ example) []string {
	var before []string
	maybe := func(label string, commands ...string) {
		if command := rapid.SampledFrom(append([]string{""}, commands...)).Draw(t, label); command != "" {
			before = append(before, command)
		}
	}
	maybe("mac before", "ip link set PORT address 00:16:3e:77:77:77")
	maybe("mtu before", "ip link set PORT mtu 1350", "ip link set PORT mtu 9000")
	maybe("bridge before", "ip link set PORT master narrow")
	maybe("ipv6 before", "sysctl -q -w net/ipv6/conf/PORT/disable_ipv6=1", "sysctl -q -w net/ipv6/conf/PORT/accept_ra=0",
		"sysctl -q -w net/ipv6/conf/PORT/addr_gen_mode=1")
	maybe("proxy before", "sysctl -q -w net/ipv4/conf/PORT/proxy_arp=1", "sysctl -q -w net/ipv4/neigh/PORT/proxy_delay=7")
	maybe("up before", "ip link set PORT up")
	maybe("address before", "ip address add 192.0.2.9/24 broadcast 192.0.2.255 dev PORT", "ip address add 10.0.0.2/32 dev PORT")
	return before
}
