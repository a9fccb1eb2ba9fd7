package firewall

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/stretchr/testify/require"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"vifctl/hooks/plan"
	"vifctl/modes"
	"vifctl/tests/speed"
)

// shootingRange is a host with the guest's port, and the guests' end of the cables.
type shootingRange struct {
	t      *testing.T
	host   *machine
	seen   *nftables.Conn
	counts []*nftables.NamedObj
	fence  *nftables.NamedObj
	// sockets send at the far end of a cable, by the near end's name.
	sockets map[string]sender
}

type sender struct{ fd, index int }

// A frame has been received when one of these tables, which come right after
// ours, has counted it. The fence is a frame that every filter lets through: it
// is sent after the one in question, and when it has arrived, so has the other.
const (
	seenBridge = `
table bridge seen {
	counter frames {}
	counter fence {}
	chain prerouting { type filter hook prerouting priority -305; udp dport 4242 counter name fence accept; counter name frames; }
	chain input { type filter hook input priority -305; ether daddr & ff:ff:ff:ff:ff:f0 == 01:80:c2:00:00:00 counter name frames; }
}
table inet seen {
	counter frames {}
	chain prerouting { type filter hook prerouting priority -305; iifname "vif1.0" counter name frames; }
}
table arp seen {
	counter frames {}
	chain input { type filter hook input priority -305; iifname "vif1.0" counter name frames; }
}`
	seenRouter = `
table inet seen {
	counter frames {}
	counter fence {}
	chain prerouting { type filter hook prerouting priority -305; udp dport 4242 counter name fence accept; counter name frames; }
}
table arp seen {
	counter frames {}
	chain input { type filter hook input priority -305; counter name frames; }
}`
)

// newRange looks at frames behind nf_tables' checks, which are at -310.
func newRange(t *testing.T, bridged bool) *shootingRange { return newRangeBehind(t, bridged, -305) }

// newRangeBehind looks at a priority of the IP hooks.
func newRangeBehind(t *testing.T, bridged bool, priority int) *shootingRange {
	r := &shootingRange{t: t, host: newMachine(t), sockets: map[string]sender{}}
	guests := newMachine(t)
	guests.sysctl("ipv6/conf/default/disable_ipv6", "1")
	for _, name := range []string{"vif1.0", "eth0"} {
		r.cable(guests, name)
	}
	if bridged {
		r.host.feed(seenBridge, "nft", "-f", "-")
		r.host.run("ip", "link", "add", "br0", "type", "bridge", "mcast_snooping", "0")
		r.host.run("ip", "link", "set", "vif1.0", "master", "br0")
		r.host.run("ip", "link", "set", "eth0", "master", "br0")
		r.host.run("ip", "link", "set", "br0", "up")
		r.count(nftables.TableFamilyBridge, "frames")
		r.count(nftables.TableFamilyINet, "frames")
		r.count(nftables.TableFamilyARP, "frames")
		r.fence = counter(nftables.TableFamilyBridge, "fence")
	} else {
		r.host.feed(strings.ReplaceAll(seenRouter, "-305", fmt.Sprint(priority)), "nft", "-f", "-")
		r.count(nftables.TableFamilyINet, "frames")
		r.count(nftables.TableFamilyARP, "frames")
		r.fence = counter(nftables.TableFamilyINet, "fence")
	}
	var err error
	r.host.do(func() { r.seen, err = nftables.New(nftables.AsLasting()) })
	require.NoError(t, err)
	t.Cleanup(func() { _ = r.seen.CloseLasting() })
	return r
}

// cable lays one from the host to the guests; its far end is quiet.
func (r *shootingRange) cable(guests *machine, name string) {
	attrs := netlink.NewLinkAttrs()
	attrs.Name, attrs.HardwareAddr = name, hw(hostMAC)
	far := "g-" + name
	require.NoError(r.t, r.host.nl.LinkAdd(&netlink.Veth{LinkAttrs: attrs, PeerName: far, PeerNamespace: netlink.NsFd(guests.fd)}))
	for m, name := range map[*machine]string{r.host: name, guests: far} {
		link, err := m.nl.LinkByName(name)
		require.NoError(r.t, err)
		require.NoError(r.t, m.nl.LinkSetUp(link))
		if m != guests {
			continue
		}
		guests.do(func() {
			var fd int
			if fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0); err == nil {
				r.sockets[link.Attrs().Name] = sender{fd, link.Attrs().Index}
				r.t.Cleanup(func() { _ = unix.Close(fd) })
			}
		})
		require.NoError(r.t, err)
	}
}

func counter(family nftables.TableFamily, name string) *nftables.NamedObj {
	return &nftables.NamedObj{
		Table: &nftables.Table{Name: "seen", Family: family},
		Name:  name, Type: nftables.ObjTypeCounter, Obj: &expr.Counter{},
	}
}

func (r *shootingRange) count(family nftables.TableFamily, name string) {
	r.counts = append(r.counts, counter(family, name))
}

func (r *shootingRange) read(counters ...*nftables.NamedObj) (packets uint64) {
	for _, c := range counters {
		o, err := r.seen.GetObject(c)
		require.NoError(r.t, err)
		packets += o.(*nftables.NamedObj).Obj.(*expr.Counter).Packets
	}
	return packets
}

// received sends a frame and reports whether it has been received.
func (r *shootingRange) received(f frame) bool {
	from, fenceMAC, fenceIP := "vif1.0", mac1, own4
	if f.on == uplink {
		from, fenceMAC, fenceIP = "eth0", mac2, other4
	}
	fences, frames := r.read(r.fence), r.read(r.counts...)
	r.send(from, f.bytes)
	r.send(from, eth(fenceMAC, hostMAC, 0x0800, ip4(fenceIP, host4, udp, 0, udpSegment(4242, 4242, nil))))
	require.Eventually(r.t, func() bool { return r.read(r.fence) > fences }, speed.Patience, time.Millisecond, "%s: the fence has not arrived", f.name)
	return r.read(r.counts...) > frames
}

func (r *shootingRange) send(from string, bytes []byte) {
	s := r.sockets["g-"+from]
	require.NoError(r.t, unix.Sendto(s.fd, bytes, 0, &unix.SockaddrLinklayer{Ifindex: s.index}))
}

// ownPrefixes are what is the guest's behind vif1.0.
var ownPrefixes = []string{own4 + "/32", own6 + "/128", "198.51.100.8/29", "2001:db8:1::/64", own6Local + "/128"}

// ownRules are the rules of the guest behind vif1.0.
func ownRules(kind plan.RuleKind, bridged bool) []plan.Rule {
	dev := plan.Dev{Name: "vif1.0"}
	rules := []plan.Rule{
		{Kind: kind, Dev: dev, Bridged: bridged},
		{Kind: plan.RuleOwnMAC, Dev: dev, Bridged: bridged, MAC: mac1},
	}
	for _, p := range ownPrefixes {
		r := ownAddressRule(dev.Name, p)
		r.Bridged = bridged
		rules = append(rules, r)
		if !bridged && !r.Prefix.Addr().IsLinkLocalUnicast() {
			rules = append(rules, plan.Rule{Kind: plan.RuleGuestAddress, Prefix: r.Prefix})
		}
	}
	return rules
}

func (r *shootingRange) index(name string) int {
	link, err := r.host.nl.LinkByName(name)
	require.NoError(r.t, err)
	return link.Attrs().Index
}

// dropped is what our own counters say.
func (r *shootingRange) dropped(bridged bool) (packets uint64) {
	where := []*part{routedPart, arpPart}
	if bridged {
		where = []*part{bridgePart, belowPart, belowARPPart}
	}
	for _, p := range where {
		for _, name := range p.counters {
			c := counter(p.table.Family, name)
			c.Table = p.table
			packets += r.read(c)
		}
	}
	return packets
}

// planned are the rules that a mode plans for the guest behind vif1.0 where it
// is to be held to what is its own.
func (r *shootingRange) planned(name string, roles ...plan.Role) (rules []plan.Rule) {
	r.t.Helper()
	mode, err := modes.Find(name)
	require.NoError(r.t, err)
	port := plan.Dev{Name: "vif1.0", Index: r.index("vif1.0")}
	request := plan.Request{Port: port, Kind: plan.Vif, MAC: mac1, Bridge: "xenbr0", Antispoof: plan.AntispoofStrict, Roles: roles}
	for _, p := range ownPrefixes[:4] { // the link-local one follows from the hardware address
		request.IPs = append(request.IPs, netip.MustParsePrefix(p))
	}
	bridge := plan.Link{Dev: plan.Dev{Name: "xenbr0", Index: 1 << 20}, Bridge: true}
	uplink := plan.Link{Dev: plan.Dev{Name: "eth0", Index: r.index("eth0")}}
	p, err := mode.Plan(request, &plan.Snapshot{
		Links: map[int]plan.Link{port.Index: {Dev: port}, bridge.Dev.Index: bridge}, Bridges: []plan.Link{bridge},
		Uplink: &plan.Uplink{Link: uplink, Addresses: []plan.Addr{{Prefix: netip.MustParsePrefix(host4 + "/24")}}},
	})
	require.NoError(r.t, err)
	guarded := false
	for _, step := range p.Steps {
		if rule, ok := step.(plan.Rule); ok {
			rules = append(rules, rule)
		}
		if master, ok := step.(plan.Master); ok {
			guarded = master.Guarded
		}
	}
	require.Equal(r.t, name == "bridge", guarded)
	return rules
}

// guard has the bridge do with the port's frames what it does with a guarded port's, or
// with another's.
func (r *shootingRange) guard(yes bool) {
	mask := 0
	if yes {
		mask = plan.AllGroups
	}
	r.host.run("ip", "link", "set", "vif1.0", "type", "bridge_slave", "group_fwd_mask", fmt.Sprint(mask))
}

// TestFrames sends every frame with filtering off, then with what each mode
// plans, then off again: a hostile one that does not arrive without us would
// prove nothing. What a filter cannot hold a guest to arrives as what is legitimate does.
func TestFrames(t *testing.T) {
	for _, mode := range []struct {
		name    string
		bridged bool
		on      where
		// tracked: connection tracking, which translation takes, keeps fragments
		// until the rest of the packet comes; these have none.
		tracked bool
	}{{"bridge", true, bridge, false}, {"route", false, router | uplink, false}, {"nat", false, router | uplink, true}} {
		t.Run(mode.name, func(t *testing.T) {
			t.Parallel()
			r := newRange(t, mode.bridged)
			f := r.host.open(Options{})
			rules := r.planned(mode.name)
			fired := map[bool]int{}
			volley := func(when string, hostileArrive bool) {
				for _, set := range []struct {
					frames []frame
					bad    bool
				}{{hostile, true}, {slices.Concat(legitimate, unheld), false}} {
					for _, fr := range set.frames {
						if fr.on&mode.on == 0 || mode.tracked && strings.Contains(fr.name, "fragment") {
							continue
						}
						fired[set.bad]++
						want := !set.bad || hostileArrive
						if got := r.received(fr); got != want {
							t.Errorf("%s, %s: received: %v", when, fr.name, got)
						}
					}
				}
			}
			volley("without filtering", true)
			t.Logf("%d hostile and %d legitimate frames", fired[true], fired[false])
			require.GreaterOrEqual(t, fired[true], 30)
			require.GreaterOrEqual(t, fired[false], 8)
			mustChange(t, f, rules, nil)
			if mode.bridged {
				r.guard(true)
			}
			volley("strict", false)
			require.EqualValues(t, fired[true]/2, r.dropped(mode.bridged), "each is counted, for one reason")
			byPort, err := f.DropsByPort(background)
			require.NoError(t, err)
			vif, uplink := byPort["vif1.0"], byPort["eth0"]
			require.EqualValues(t, fired[true]/2, vif+uplink, "and by the port it came from: %v", byPort)
			require.Equal(t, mode.bridged, uplink == 0, "%v", byPort)
			r.host.reload()
			volley("strict, listed and loaded", false)
			require.EqualValues(t, 2*fired[true]/3, r.dropped(mode.bridged), "the counters go on")
			mustChange(t, f, nil, rules)
			if mode.bridged {
				r.guard(false)
			}
			byPort, err = f.DropsByPort(background)
			require.NoError(t, err)
			require.NotContains(t, byPort, "vif1.0", "what has gone is forgotten")
			volley("when the port has gone", true)
		})
	}
}

// TestDropsWithoutRoom: what can no more be counted by its port is dropped all
// the same.
func TestDropsWithoutRoom(t *testing.T) {
	t.Parallel()
	r := newRange(t, true)
	f := r.host.open(Options{})
	mustChange(t, f, ownRules(plan.RuleStrict, true), nil)
	var full strings.Builder
	full.WriteString("add element bridge vifctl drops {")
	for i := range mostDrops {
		fmt.Fprintf(&full, " \"p%d\",", i)
	}
	full.WriteString(" }\n")
	r.host.feed(full.String(), "nft", "-f", "-")
	for _, fr := range hostile[:8] {
		require.False(t, r.received(fr), fr.name)
	}
	byPort, err := f.DropsByPort(background)
	require.NoError(t, err)
	require.NotContains(t, byPort, "vif1.0")
	require.EqualValues(t, 8, r.dropped(true))
}

// TestFramesWithoutNFTables: iptables alone checks the IP packets of routed
// ports. It does not look into ARP, nor at what a neighbour's message says.
func TestFramesWithoutNFTables(t *testing.T) {
	t.Parallel()
	r := newRangeBehind(t, false, -290)
	f := withoutNFTables.open(r.host, Options{})
	rules := ownRules(plan.RuleStrict, false)
	mustChange(t, f, rules, nil)
	stopped, passed := 0, []string{}
	for _, fr := range hostile {
		if fr.on&(router|uplink) == 0 || strings.Contains(fr.name, "ARP") {
			continue
		}
		if r.received(fr) {
			passed = append(passed, fr.name)
		} else {
			stopped++
		}
	}
	t.Logf("%d hostile frames stopped", stopped)
	require.ElementsMatch(t, []string{
		"DHCP for another's hardware address", "DHCP for another's hardware address by one's own client identifier", "DHCP release for another's hardware address", "DHCP decline for another's hardware address",
		"DHCP for another's hardware address from another port", "DHCP for another's hardware address from its prefix",
		"DHCP for another's hardware address behind options", "DHCP with a longer hardware address", "DHCP of another kind of hardware",
		"DHCP as a relay", "DHCP of a server to a relay", "DHCP in a first fragment", "DHCP's ports alone in a first fragment", "DHCPv6 as a relay",
		"a virtual router's hardware address in an advertisement",
		"no IPv6 address, in fragments", "an unassigned header",
		"duplicate detection of another's address", "duplicate detection with a hardware address", "duplicate detection beside its prefix",
		"solicitation with another's hardware address", "solicitation with two options", "solicitation with a target's option",
		"advertisement for another", "advertisement for another, without an option", "advertisement for the router",
		"advertisement beside its prefix", "advertisement with another's hardware address", "advertisement with a source's option",
		"advertisement with two options", "advertisement behind hop-by-hop options", "advertisement behind destination options",
		"advertisement in one fragment", "router solicitation with another's hardware address",
	}, passed, "what nf_tables would stop and iptables does not")
	for _, fr := range legitimate {
		if fr.on&router != 0 && !r.received(fr) {
			t.Errorf("%s: not received", fr.name)
		}
	}
	mustChange(t, f, nil, rules)
	require.True(t, r.received(hostile[0]), "nothing is left")
}
