package ownership

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"vifctl/hooks/plan"
)

// world is where a test's addresses are from: one byte tells them apart, so that they meet
// often where two things are of one world, and never where they are of two.
type world struct{ four, six string }

var (
	here  = world{"10.1.1.%d", "2001:db8:1::%x"}
	there = world{"172.16.1.%d", "2001:db8:2::%x"}
)

func (w world) address(t *rapid.T) netip.Addr {
	format := w.four
	if rapid.Bool().Draw(t, "IPv6") {
		format = w.six
	}
	return addr(fmt.Sprintf(format, rapid.IntRange(1, 40).Draw(t, "host")))
}

// prefix is a whole address or a few of its neighbours.
func (w world) prefix(t *rapid.T) netip.Prefix {
	a := w.address(t)
	return netip.PrefixFrom(a, a.BitLen()-rapid.SampledFrom([]int{0, 0, 1, 3, 7}).Draw(t, "shorter")).Masked()
}

func list[T any](t *rapid.T, name string, draw func(*rapid.T) T) []T {
	return rapid.SliceOfN(rapid.Custom(draw), 0, 4).Draw(t, name)
}

func device(t *rapid.T) string {
	return rapid.SampledFrom([]string{"eth0", "eth1", "vif5.0", "xenbr0"}).Draw(t, "device")
}

func (w world) forward(t *rapid.T) Forward {
	first := rapid.Uint16Range(1, 10).Draw(t, "first")
	f := Forward{Protocol: rapid.SampledFrom([]string{"tcp", "udp"}).Draw(t, "protocol"), First: first, Last: first + rapid.Uint16Range(0, 3).Draw(t, "more")}
	if rapid.Bool().Draw(t, "from some") {
		f.From = w.prefix(t)
	}
	if rapid.Bool().Draw(t, "address given") {
		f.Listen = w.address(t)
	}
	return f
}

func (w world) claim(t *rapid.T) Claim {
	c := web()
	c.Mode = rapid.SampledFrom([]string{"route", "nat", "bridge", "openvswitch", "mine"}).Draw(t, "mode")
	c.Uplink = rapid.SampledFrom([]string{"eth0", "eth1", ""}).Draw(t, "uplink")
	c.Addresses, c.Public, c.Forwards = list(t, "addresses", w.prefix), list(t, "public", w.address), list(t, "forwards", w.forward)
	if rapid.Bool().Draw(t, "gateway") {
		c.Gateway, c.RuleGateway = w.address(t), rapid.Bool().Draw(t, "by the rule")
	}
	return c
}

func (w world) facts(t *rapid.T) Facts {
	f := Facts{
		Own: list(t, "own", func(t *rapid.T) Own { return Own{Dev: device(t), Addr: w.address(t)} }),
		NextHops: list(t, "next hops", func(t *rapid.T) NextHop {
			return NextHop{Addr: w.address(t), Dev: device(t), Dst: w.prefix(t), Table: rapid.SampledFrom([]int{plan.MainTable, 7}).Draw(t, "table")}
		}),
		Networks: list(t, "networks", func(t *rapid.T) Network { return Network{device(t), w.prefix(t)} }),
		Listeners: list(t, "listeners", func(t *rapid.T) Listener {
			l := Listener{Addr: w.address(t), Protocol: "tcp", Port: rapid.Uint16Range(1, 12).Draw(t, "port"), Program: rapid.SampledFrom([]string{"", "a", "b"}).Draw(t, "program")}
			if rapid.Bool().Draw(t, "every address") {
				l.Addr = rapid.SampledFrom([]netip.Addr{netip.IPv4Unspecified(), netip.IPv6Unspecified()}).Draw(t, "which")
			}
			return l
		}),
		Others: list(t, "others", func(t *rapid.T) Other {
			name := rapid.SampledFrom([]string{"db", "mail"}).Draw(t, "guest")
			return Other{
				Who: Who{Guest: name, UUID: name, NIC: plan.NIC{Domid: 9}}, Uplink: device(t),
				Routed: list(t, "routed", w.prefix), Public: list(t, "public", w.address), Forwards: list(t, "forwards", w.forward),
			}
		}),
		Lookups: map[netip.Addr]Lookup{},
	}
	// Of each interface and family one is the first.
	first := map[string]bool{}
	for i := range f.Own {
		key := fmt.Sprint(f.Own[i].Dev, f.Own[i].Addr.Is6())
		f.Own[i].First = !first[key]
		first[key] = true
	}
	for _, a := range list(t, "looked up", w.address) {
		f.Lookups[a] = Lookup{Fate: rapid.SampledFrom([]Fate{Unreachable, Local, Broadcast, OnLink, Via}).Draw(t, "fate"), Dev: device(t)}
	}
	return f
}

func shuffled[T any](t *rapid.T, name string, list []T) []T {
	return rapid.Permutation(slices.Clone(list)).Draw(t, name)
}

// The order of the facts means nothing, and neither does what the guest itself already has.
func TestOrderMeansNothing(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c, f := here.claim(t), here.facts(t)
		refused, warnings := Judge(c, f)
		g := Facts{
			Own: shuffled(t, "own again", f.Own), NextHops: shuffled(t, "next hops again", f.NextHops), Networks: shuffled(t, "networks again", f.Networks),
			Listeners: shuffled(t, "listeners again", f.Listeners), Lookups: f.Lookups,
		}
		for _, o := range f.Others {
			o.Routed, o.Public, o.Forwards = shuffled(t, "routed again", o.Routed), shuffled(t, "public again", o.Public), shuffled(t, "forwards again", o.Forwards)
			g.Others = append(g.Others, o)
		}
		g.Others = shuffled(t, "others again", append(g.Others, Other{Who: c.Who, Uplink: c.Uplink, Routed: c.Addresses, Public: c.Public, Forwards: c.Forwards}))
		again, warnedAgain := Judge(c, g)
		require.Equal(t, refused, again)
		require.Equal(t, warnings, warnedAgain)
	})
}

// Who asks for what no fact is about gets it.
func TestDisjointIsNeverRefused(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c, f := here.claim(t), there.facts(t)
		// A forward without an address is about the host's own.
		c.Forwards = slices.DeleteFunc(c.Forwards, func(fw Forward) bool { return !fw.Listen.IsValid() })
		refused, warnings := Judge(c, f)
		require.Empty(t, refused)
		for _, w := range warnings {
			require.Contains(t, w, "is on no interface of this host")
		}
	})
}

// Whatever is the host's or another guest's is refused, in one sentence each.
func TestRefusalsAreFound(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		f := here.facts(t)
		c := web()
		c.Uplink = "eth0"
		for _, o := range f.Own {
			c.Addresses = append(c.Addresses, single(o.Addr))
		}
		for _, o := range f.Others {
			c.Addresses = append(c.Addresses, o.Routed...)
			for _, a := range o.Public {
				c.Addresses = append(c.Addresses, single(a))
			}
		}
		asked := map[netip.Prefix]bool{}
		for _, p := range c.Addresses {
			asked[p] = true
		}
		refused, _ := Judge(c, f)
		require.Len(t, refused, len(asked))
	})
}
