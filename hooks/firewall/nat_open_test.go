package firewall

import (
	"testing"

	"github.com/stretchr/testify/require"

	"vifctl/hooks/plan"
)

// TestOpen6: a private guest's own addresses are reached from outside in
// neither family, or in IPv6 alone where it is to be so; it reaches out either
// way.
func TestOpen6(t *testing.T) {
	for name, b := range map[string]backend{
		"nftables": nftablesBackend, "iptables-nft": iptablesOn(VariantNFT), "iptables-legacy": iptablesOn(VariantLegacy), "iptables alone": withoutNFTables,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			f := b.open(w.host, Options{Uplinks: []string{"eth0"}})
			port := plan.Dev{Name: "vif1.0"}
			closed := plan.Rule{Kind: plan.RulePrivate, Dev: port}
			open6 := plan.Rule{Kind: plan.RulePrivate4, Dev: port}
			reached := func(in4, in6 bool) {
				t.Helper()
				for i, family := range families {
					want, wait := "a:80 from "+family.client, patience
					if !([]bool{in4, in6})[i] {
						want, wait = "", silence
					}
					require.Equal(t, want, w.client.ask("tcp", family.client, family.a, 80, wait), family.name)
					require.Equal(t, "client:80 from "+family.a, w.a.ask("tcp", "", family.client, 80, patience), family.name)
				}
			}
			reached(true, true)
			mustChange(t, f, []plan.Rule{{Kind: plan.RuleRouted, Dev: port}, closed}, nil)
			reached(false, false)
			mustChange(t, f, []plan.Rule{open6}, []plan.Rule{closed})
			wantInForce(t, f, true, open6)
			wantInForce(t, f, false, closed)
			reached(false, true)
			mustChange(t, f, []plan.Rule{closed}, []plan.Rule{open6})
			wantInForce(t, f, true, closed)
			// In iptables who is closed in both is closed in IPv4 by the same rule.
			wantInForce(t, f, b.routedOnly, open6)
			reached(false, false)
		})
	}
}
