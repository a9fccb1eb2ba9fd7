package ownership

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"vifctl/hooks/plan"
)

func forwardsTo(list ...Forward) func(*Claim) {
	return func(c *Claim) { c.Mode, c.Forwards = "nat", list }
}

func TestForward(t *testing.T) {
	t.Parallel()
	lacks := func(ports string) string {
		return ": this guest cannot have " + ports + " of it; take other ports, or another address in `listen`"
	}
	office := forward("", "tcp", 22, 22)
	office.From = netip.MustParsePrefix("203.0.113.0/24")
	check(t, []judged{
		{name: "free ports", claim: forwardsTo(forward("", "tcp", 80, 80), forward("2001:db8:f::1", "udp", 443, 443), forward("192.0.2.7", "tcp", 1, 21))},

		{name: "a listener on every address", claim: forwardsTo(forward("", "tcp", 22, 22)), warnings: []string{
			"sshd listens on tcp port 22 of 192.0.2.1: what connects there ends in the guest; take another port",
		}},
		{name: "on every address, IPv6", claim: forwardsTo(forward("2001:db8:f::1", "tcp", 20, 30)), warnings: []string{
			"sshd listens on tcp port 22 of 2001:db8:f::1: what connects there ends in the guest; take another port",
		}},
		{name: "for some alone", claim: forwardsTo(office), warnings: []string{
			"sshd listens on tcp port 22 of 192.0.2.1: what connects from 203.0.113.0/24 there ends in the guest; take another port",
		}},
		{name: "one of both families", claim: forwardsTo(forward("192.0.2.7", "tcp", 9100, 9100)), warnings: []string{
			"node_exporter listens on tcp port 9100 of 192.0.2.7: what connects there ends in the guest; take another port",
		}},
		{name: "one of IPv6 alone", claim: forwardsTo(forward("", "tcp", 6000, 6000))},
		{name: "on this address", claim: forwardsTo(forward("192.0.2.7", "udp", 50, 53)), warnings: []string{
			"named listens on udp port 53 of 192.0.2.7: what connects there ends in the guest; take another port",
		}},
		{name: "on this address, IPv6, by a program without a name", claim: forwardsTo(forward("2001:db8:f::1", "udp", 123, 124)), warnings: []string{
			"a program of this host listens on udp port 123 of 2001:db8:f::1: what connects there ends in the guest; take another port",
		}},
		{name: "on another address", claim: forwardsTo(forward("", "udp", 53, 53), forward("", "tcp", 25, 25))},
		{name: "in the other protocol", claim: forwardsTo(forward("", "udp", 22, 22), forward("192.0.2.7", "tcp", 53, 53))},
		{name: "several in a range, in their order", claim: forwardsTo(forward("192.0.2.7", "tcp", 1, 10000)), warnings: []string{
			"sshd listens on tcp port 22 of 192.0.2.7: what connects there ends in the guest; take another port",
			"node_exporter listens on tcp port 9100 of 192.0.2.7: what connects there ends in the guest; take another port",
		}},
		{name: "refused, not warned of as well", claim: forwardsTo(forward("", "tcp", 1, 10000)), refused: []string{
			"192.0.2.1 leads to guest db with tcp ports 5000 to 5010" + lacks("tcp ports 1 to 10000"),
		}},
		{name: "on the guest's own public address", claim: func(c *Claim) {
			c.Mode, c.Public, c.Forwards = "nat", addrs("192.0.2.40 2001:db8:f::40"), []Forward{forward("192.0.2.40", "tcp", 22, 22), forward("2001:db8:f::40", "tcp", 22, 22)}
		}},

		{name: "another's port", claim: forwardsTo(forward("192.0.2.1", "tcp", 5000, 5000)), refused: []string{
			"192.0.2.1 leads to guest db with tcp ports 5000 to 5010" + lacks("tcp port 5000"),
		}},
		{name: "another's port, without an address", claim: forwardsTo(forward("", "tcp", 5010, 5020)), refused: []string{
			"192.0.2.1 leads to guest db with tcp ports 5000 to 5010" + lacks("tcp ports 5010 to 5020"),
		}},
		{name: "another's port, IPv6", claim: forwardsTo(forward("2001:db8:f::1", "udp", 4999, 5001)), refused: []string{
			"2001:db8:f::1 leads to guest db with udp port 5000" + lacks("udp ports 4999 to 5001"),
		}},
		{name: "beside another's ports", claim: forwardsTo(forward("", "tcp", 4990, 4999), forward("", "tcp", 5011, 5011), forward("", "udp", 5000, 5000), forward("192.0.2.7", "tcp", 5000, 5000))},
		{name: "the same port of another uplink", claim: func(c *Claim) {
			c.Mode, c.Uplink, c.Forwards = "nat", "eth1", []Forward{forward("", "tcp", 5000, 5000)}
		}},
		{name: "another's public address", claim: forwardsTo(forward("192.0.2.50", "tcp", 80, 80), forward("2001:db8:f::50", "tcp", 80, 80)), refused: []string{
			"192.0.2.50 is the public address of guest db" + lacks("tcp port 80"), "2001:db8:f::50 is the public address of guest db" + lacks("tcp port 80"),
		}},
		{name: "another's address", claim: forwardsTo(forward("10.9.0.9", "tcp", 80, 80)), refused: []string{"10.9.0.9 is routed to guest db" + lacks("tcp port 80")}},
		{name: "the router's", claim: forwardsTo(forward("192.0.2.254", "tcp", 80, 80)), refused: []string{
			"192.0.2.254 is the router of eth0 (default route)" + lacks("tcp port 80"),
		}},
		{name: "no host's", claim: forwardsTo(forward("255.255.255.0", "tcp", 80, 80)), refused: []string{"255.255.255.0 is a netmask, not an address" + lacks("tcp port 80")}},

		{name: "no interface's", claim: forwardsTo(forward("192.0.2.99", "tcp", 80, 81), forward("2001:db8:f::99", "udp", 80, 80)), warnings: []string{
			"192.0.2.99 is on no interface of this host: a forward of tcp ports 80 to 81 hears nothing there; take an address of the host's, or make it `public`",
			"2001:db8:f::99 is on no interface of this host: a forward of udp port 80 hears nothing there; take an address of the host's, or make it `public`",
		}},
		{name: "the kernel has it", claim: forwardsTo(forward("10.200.0.1", "tcp", 80, 80))},
		{name: "an uplink without an address", claim: func(c *Claim) {
			c.Mode, c.Uplink, c.Forwards = "nat", "eth9", []Forward{forward("", "tcp", 80, 80)}
		}, warnings: []string{
			"a forward of tcp port 80 names no address to listen on, and the uplink has no IPv4 address of its own: it hears nothing; name the address in `listen`",
		}},
		{name: "where they mean nothing", claim: func(c *Claim) { c.Forwards = []Forward{forward("", "tcp", 22, 22)} }},
	})
}

// Two guests may share a port where no host may connect to both.
func TestForwardSources(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		mine, theirs string
		meets        bool
	}{
		{"", "", true},
		{"203.0.113.0/24", "", true},
		{"", "203.0.113.0/24", true},
		{"203.0.113.0/24", "203.0.113.128/25", true},
		{"203.0.113.0/25", "203.0.113.128/25", false},
	} {
		mine, theirs := forward("192.0.2.1", "tcp", 80, 80), forward("192.0.2.1", "tcp", 80, 80)
		if c.mine != "" {
			mine.From = netip.MustParsePrefix(c.mine)
		}
		if c.theirs != "" {
			theirs.From = netip.MustParsePrefix(c.theirs)
		}
		claim := web()
		claim.Mode, claim.Forwards = "nat", []Forward{mine}
		refused, _ := Judge(claim, Facts{Own: []Own{own("eth0", "192.0.2.1")}, Others: []Other{{Who: Who{Guest: "db", UUID: "db's"}, Forwards: []Forward{theirs}}}})
		require.Equal(t, c.meets, len(refused) == 1, c)
	}
}

func TestAnotherGuestsAddress(t *testing.T) {
	t.Parallel()
	check(t, []judged{
		{name: "routed", claim: asks("10.9.0.9 2001:db8:9::/64"), refused: []string{
			"10.9.0.9 is routed to guest db" + cannot, "2001:db8:9::/64 is routed to guest db" + all,
		}},
		{name: "part of it", claim: asks("2001:db8:9::5 2001:db8:9:0:8000::/65"), refused: []string{
			"2001:db8:9::5 is part of 2001:db8:9::/64, which is routed to guest db" + cannot,
			"2001:db8:9:0:8000::/65 is part of 2001:db8:9::/64, which is routed to guest db" + all,
		}},
		{name: "more than it", claim: asks("10.9.0.8/30 2001:db8:8::/47"), refused: []string{
			"10.9.0.8/30 covers 10.9.0.9, which is routed to guest db" + all, "2001:db8:8::/47 covers 2001:db8:9::/64, which is routed to guest db" + all,
		}},
		{name: "beside it", claim: asks("10.9.0.8 10.9.0.10 2001:db8:9:1::/64 2001:db8:a::/64")},
		{name: "public", claim: asks("192.0.2.50 192.0.2.48/30 2001:db8:f::50 2001:db8:f::40/123"), refused: []string{
			"192.0.2.50 is the public address of guest db" + cannot, "192.0.2.48/30 covers 192.0.2.50, the public address of guest db" + all,
			"2001:db8:f::50 is the public address of guest db" + cannot, "2001:db8:f::40/123 covers 2001:db8:f::50, the public address of guest db" + all,
		}},
	})
}

// A guest's other port, its old domain and its own earlier claim are itself.
func TestSameGuest(t *testing.T) {
	t.Parallel()
	nic := func(domid, devid int) plan.NIC { return plan.NIC{Domid: domid, Devid: devid} }
	for _, c := range []struct {
		name       string
		mine, hers Who
		same       bool
		called     string
	}{
		{name: "its own earlier call", mine: Who{"web", "u1", nic(5, 0)}, hers: Who{"web", "u1", nic(5, 0)}, same: true},
		{name: "its other NIC", mine: Who{"web", "u1", nic(5, 0)}, hers: Who{"web", "u1", nic(5, 1)}, same: true},
		{name: "its old domain", mine: Who{"web", "u1", nic(9, 0)}, hers: Who{"web--incoming", "u1", nic(5, 0)}, same: true},
		{name: "its entry", mine: Who{"web", "u1", nic(9, 0)}, hers: Who{Guest: "web"}, same: true},
		{name: "a NIC without a UUID", mine: Who{"", "", nic(5, 0)}, hers: Who{"web", "u1", nic(5, 0)}, same: true},
		{name: "of the same name", mine: Who{"web", "u1", nic(9, 0)}, hers: Who{"web", "u2", nic(5, 0)}, called: "guest web"},
		{name: "of the same domid", mine: Who{"web", "u1", nic(5, 0)}, hers: Who{"db", "u2", nic(5, 0)}, called: "guest db"},
		{name: "unknown", mine: Who{"", "", nic(5, 0)}, hers: Who{"", "", nic(7, 0)}, called: "domain 7"},
		{name: "another NIC of a domain that may be another's by now", mine: Who{"", "", nic(5, 0)}, hers: Who{"", "", nic(5, 1)}, called: "domain 5"},
		{name: "neither runs nor has a name", mine: Who{UUID: "u1"}, hers: Who{UUID: "u2"}, called: "another guest"},
		{name: "of which nothing is known", called: "another guest"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			claim := Claim{
				Who: c.mine, Mode: "nat", Uplink: "eth0", Addresses: prefixes("10.1.0.5 2001:db8:1::/64"), Public: addrs("192.0.2.40 2001:db8:f::40"),
				Forwards: []Forward{forward("", "tcp", 80, 80), forward("192.0.2.40", "udp", 53, 53)},
			}
			f := Facts{
				Own: []Own{own("eth0", "192.0.2.1")}, Networks: []Network{network("eth0", "192.0.2.0/24"), network("eth0", "2001:db8:f::/64")},
				Others:  []Other{{Who: c.hers, Uplink: "eth0", Routed: claim.Addresses, Public: claim.Public, Forwards: claim.Forwards}},
				Lookups: map[netip.Addr]Lookup{addr("192.0.2.40"): {Fate: Local}, addr("10.1.0.5"): {Fate: OnLink, Dev: "vif5.0"}},
			}
			refused, warnings := Judge(claim, f)
			require.Empty(t, warnings)
			if c.same {
				require.Empty(t, refused)
				return
			}
			lacks := ": this guest cannot have tcp port 80 of it; take other ports, or another address in `listen`"
			require.ElementsMatch(t, []string{
				"10.1.0.5 is routed to " + c.called + cannot, "2001:db8:1::/64 is routed to " + c.called + all,
				"192.0.2.40 is the public address of " + c.called + public, "2001:db8:f::40 is the public address of " + c.called + public,
				"192.0.2.1 leads to " + c.called + " with tcp port 80" + lacks,
				"192.0.2.40 is the public address of " + c.called + ": this guest cannot have udp port 53 of it; take other ports, or another address in `listen`",
			}, refused)
		})
	}
}

func TestForwardOf(t *testing.T) {
	t.Parallel()
	from := netip.MustParsePrefix("203.0.113.0/24")
	require.Equal(t, Forward{Listen: addr("192.0.2.1"), Protocol: "udp", First: 5, Last: 9, From: from},
		ForwardOf(plan.Rule{Kind: plan.RuleForward, Public: addr("192.0.2.1"), Private: addr("10.0.0.5"), Protocol: "udp", First: 5, Last: 9, From: from}))
}
