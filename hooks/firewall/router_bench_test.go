package firewall

import (
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vifctl/hooks/plan"
)

// BenchmarkRouter sends through a host with other guests there: a packet of a
// known flow, and the first packet of a flow to a guest's public address and
// back. What the sender pays is the host's work: over a cable of two ends the
// kernel forwards in the sender's own time.
func BenchmarkRouter(b *testing.B) {
	for name, backend := range map[string]backend{
		"nftables": nftablesBackend, "iptables-nft": iptablesOn(VariantNFT), "iptables-legacy": iptablesOn(VariantLegacy),
	} {
		for _, others := range []int{0, 5000} {
			w := newWorld(b)
			f := backend.open(w.host, Options{Uplinks: []string{"eth0"}})
			family := families[0]
			for first := 0; first < others; first += 500 {
				var some []plan.Rule
				for number := range 500 {
					some = append(some, routerGuest(first+number+10)...)
				}
				mustChange(b, f, some, nil)
			}
			mustChange(b, f, natRules(family), nil)
			require.Equal(b, "a:80 from "+family.client, w.client.ask("tcp", family.client, family.publicA, 80, patience))
			b.Run(fmt.Sprintf("%s/%d/packet", name, others), func(b *testing.B) {
				var c net.Conn
				var err error
				w.a.do(func() { c, err = net.Dial("udp", net.JoinHostPort(family.client, "9")) })
				require.NoError(b, err)
				defer c.Close()
				for b.Loop() {
					_, _ = c.Write([]byte("x"))
				}
			})
			b.Run(fmt.Sprintf("%s/%d/flow", name, others), func(b *testing.B) {
				for b.Loop() {
					var c net.Conn
					var err error
					w.client.do(func() { c, err = net.DialTimeout("tcp", net.JoinHostPort(family.publicA, "80"), time.Second) })
					require.NoError(b, err)
					_ = c.(*net.TCPConn).SetLinger(0)
					_ = c.Close()
				}
			})
		}
	}
}

// routerGuest is another guest with a public address, not there itself.
func routerGuest(number int) []plan.Rule {
	return routedGuest(number)[len(portRules(number, false)):]
}
