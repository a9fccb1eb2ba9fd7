package main

import (
	"fmt"
	"net/netip"

	"vifctl/hooks/plan"
	"vifctl/tests/dom0"
)

// most is how many guests there can be beside the two that are measured: the one that is sent to and from, and the one
// that comes and goes.
const (
	most   = 6000
	served = 6001
	probe  = 6002
)

// A guest is a private one, the number-th: with an address of either family, a public address, and a port forwarded to it.
type guest int

func (g guest) port() string { return fmt.Sprintf("vif%d.0", int(g)) }

func (g guest) name() string { return fmt.Sprintf("guest%d", int(g)) }

// mac is the one that dom0.NIC gives where none is named.
func (g guest) mac() string { return fmt.Sprintf("00:16:3e:01:%02x:00", int(g)%256) }

func (g guest) private() netip.Addr {
	return netip.AddrFrom4([4]byte{192, 168, byte(g / 250), byte(1 + g%250)})
}

func (g guest) private6() netip.Addr {
	a := netip.MustParseAddr("2001:db8:5::").As16()
	a[14], a[15] = byte(g>>8), byte(g)
	return netip.AddrFrom16(a)
}

func (g guest) public() netip.Addr { return netip.AddrFrom4([4]byte{100, 64, byte(g >> 8), byte(g)}) }

// forward is the port of forwarded that leads to the guest's 22.
func (g guest) forward() int { return 20000 + int(g) }

const (
	forwarded = "100.127.0.1"
	from      = "198.51.100.0/24"
	// gateway is the one that all guests share with vifctl.
	gateway = "192.168.255.254"
)

// rules are what the guest's configuration comes to (modes/nat).
func (g guest) rules() []plan.Rule {
	dev := plan.Dev{Name: g.port()}
	own := func(a netip.Addr) plan.Rule {
		return plan.Rule{Kind: plan.RuleOwnAddress, Dev: dev, Prefix: netip.PrefixFrom(a, a.BitLen())}
	}
	shared := func(a netip.Addr) plan.Rule {
		return plan.Rule{Kind: plan.RuleGuestAddress, Prefix: netip.PrefixFrom(a, a.BitLen())}
	}
	port := uint16(g.forward())
	return []plan.Rule{
		{Kind: plan.RuleOwnMAC, Dev: dev, MAC: g.mac()},
		{Kind: plan.RuleStrict, Dev: dev},
		own(g.private()),
		own(g.private6()),
		shared(g.private()),
		shared(g.private6()),
		{Kind: plan.RuleRouted, Dev: dev},
		{Kind: plan.RulePrivate, Dev: dev},
		{Kind: plan.RuleOneToOne, Public: g.public(), Private: g.private()},
		{
			Kind: plan.RuleForward, Public: netip.MustParseAddr(forwarded), Private: g.private(),
			Protocol: "tcp", First: port, Last: port, To: 22, From: netip.MustParsePrefix(from),
		},
	}
}

// configuration is what vifctl is told of the guests that are measured.
func configuration(firewall, antispoof, mode string) string {
	text := fmt.Sprintf("[host]\nuplink = %q\nfirewall = %q\nantispoof = %q\ngateway = %q\n", dom0.Uplink, firewall, antispoof, gateway)
	for _, g := range []guest{served, probe} {
		text += fmt.Sprintf("\n[[guest]]\nname = %q\nmode = %q\naddress = [%q, %q]\n", g.name(), mode, g.private(), g.private6())
		if mode == "nat" {
			text += fmt.Sprintf("public = [%q]\n\n  [[guest.forward]]\n  listen = \"%s:%d\"\n  to = 22\n  from = [%q]\n", g.public(), forwarded, g.forward(), from)
		}
	}
	return text
}

// nic is the guest's, as xl would describe it. Debian's vif-nat knows one address, and no IPv6.
func (g guest) nic(script string) dom0.NIC {
	return dom0.NIC{Domid: int(g), Guest: g.name(), Script: script, IP: g.private().String()}
}
