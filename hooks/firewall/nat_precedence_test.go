package firewall

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestAdministratorsSNAT: a guest that is merely masqueraded leaves as an
// administrator's own rule in iptables says, a configured public address counts
// before it, whoever came first.
func TestAdministratorsSNAT(t *testing.T) {
	for name, c := range map[string]struct {
		backend
		Variant
	}{
		"nftables/nft":    {nftablesBackend, VariantNFT},
		"nftables/legacy": {nftablesBackend, VariantLegacy},
		"iptables/nft":    {iptablesOn(VariantNFT), VariantNFT},
		"iptables/legacy": {iptablesOn(VariantLegacy), VariantLegacy},
	} {
		for order, oursFirst := range map[string]bool{"his first": false, "ours first": true} {
			t.Run(name+"/"+order, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t)
				f := c.open(w.host, Options{Uplinks: []string{"eth0"}})
				change := func() {
					for _, family := range families {
						mustChange(t, f, natRules(family), nil)
					}
				}
				if oursFirst {
					change()
				}
				for i, program := range []string{"iptables-", "ip6tables-"} {
					for _, guest := range []string{families[i].a, families[i].c} {
						w.host.run(program+string(c.Variant), "-w", "-t", "nat", "-A", "POSTROUTING", "-s", guest, "-j", "SNAT", "--to-source", families[i].forward)
					}
				}
				change()
				for _, family := range families {
					wantInForce(t, f, true, natRules(family)...)
					require.Equal(t, "client:80 from "+family.publicA, w.a.ask("tcp", "", family.client, 80, patience), "a public address")
					require.Equal(t, "client:80 from "+family.forward, w.c.ask("tcp", "", family.client, 80, patience), "masquerade")
				}
			})
		}
	}
}
