package firewall

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"vifctl/hooks/plan"
)

// A besideVariant is a backend on a machine whose administrator uses that iptables.
type besideVariant struct {
	backend
	Variant
}

var beside = map[string]besideVariant{
	"nftables":        {nftablesBackend, VariantNFT},
	"iptables/nft":    {iptablesOn(VariantNFT), VariantNFT},
	"iptables/legacy": {iptablesOn(VariantLegacy), VariantLegacy},
}

// TestAdministratorsSNAT: a guest that is merely masqueraded leaves as an
// administrator's own rule in iptables says, a configured public address counts
// before it, whoever came first.
func TestAdministratorsSNAT(t *testing.T) {
	for name, c := range map[string]besideVariant{
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

// TestMasqueradeAs: guests that are masqueraded as one address leave as it, by the host's uplink and by one of their own; an
// administrator's own rule comes before it, and without it they leave with the uplink's.
func TestMasqueradeAs(t *testing.T) {
	for name, c := range beside {
		for uplinks, o := range map[string]Options{"none named": {}, "the host's": {Uplinks: []string{"eth0"}}, "one of its own": {Uplinks: []string{"eth9"}}} {
			t.Run(name+"/"+uplinks, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t)
				f := c.open(w.host, o)
				var as, plainly []plan.Rule
				for _, family := range families {
					for _, r := range natRules(family) {
						if r.Kind != plan.RuleMasquerade {
							mustChange(t, f, []plan.Rule{r}, nil)
							continue
						}
						leaves := plan.Rule{Kind: plan.RuleLeaves, Dev: plan.Dev{Name: "eth0"}, Private: r.Private, Masquerade: true}
						plainly = append(plainly, r, leaves)
						r.Public, leaves.Public = netip.MustParseAddr(family.forward), netip.MustParseAddr(family.forward)
						as = append(as, r, leaves)
					}
				}
				mustChange(t, f, as, nil)
				wantInForce(t, f, true, as...)
				for _, family := range families {
					require.Equal(t, "client:80 from "+family.forward, w.c.ask("tcp", "", family.client, 80, patience))
				}
				for i, program := range []string{"iptables-", "ip6tables-"} {
					w.host.run(program+string(c.Variant), "-w", "-t", "nat", "-A", "POSTROUTING", "-s", families[i].c, "-j", "SNAT", "--to-source", families[i].publicA)
				}
				mustChange(t, f, as, nil)
				for i, program := range []string{"iptables-", "ip6tables-"} {
					require.Equal(t, "client:80 from "+families[i].publicA, w.c.ask("tcp", "", families[i].client, 80, patience), "an administrator's own")
					w.host.run(program+string(c.Variant), "-w", "-t", "nat", "-D", "POSTROUTING", "-s", families[i].c, "-j", "SNAT", "--to-source", families[i].publicA)
				}
				mustChange(t, f, plainly, as)
				for _, r := range as {
					if r.Kind == plan.RuleMasquerade {
						wantInForce(t, f, false, r)
					}
				}
				for _, family := range families {
					require.NotContains(t, []string{"client:80 from " + family.forward, "client:80 from " + family.publicA, ""}, w.c.ask("tcp", "", family.client, 80, patience))
				}
			})
		}
	}
}

// TestMasqueradeAll: what nothing else translates leaves by an uplink as the host, or as one address of it; guests' public
// addresses, what they are masqueraded as and an administrator's own rule come before it.
func TestMasqueradeAll(t *testing.T) {
	family := families[0]
	for name, c := range beside {
		for uplinks, o := range map[string]Options{"none named": {}, "the host's": {Uplinks: []string{"eth0"}}, "another": {Uplinks: []string{"eth9"}}} {
			t.Run(name+"/"+uplinks, func(t *testing.T) {
				t.Parallel()
				w := newWorld(t)
				f := c.open(w.host, o)
				// A guest that is routed as it is.
				mustChange(t, f, []plan.Rule{{Kind: plan.RuleRouted, Dev: plan.Dev{Name: "vif3.0"}}}, nil)
				seen := func() string { return w.c.ask("tcp", "", family.client, 80, patience) }
				plainly := seen()
				require.Equal(t, "client:80 from "+family.c, plainly)
				all := plan.Rule{Kind: plan.RuleMasqueradeAll, Dev: plan.Dev{Name: "eth0"}}
				as := all
				as.Public = netip.MustParseAddr(family.forward)
				mustChange(t, f, []plan.Rule{all}, nil)
				wantInForce(t, f, true, all)
				wantInForce(t, f, false, as)
				require.Equal(t, "client:80 from "+family.host, seen())
				mustChange(t, f, []plan.Rule{as}, []plan.Rule{all})
				wantInForce(t, f, true, as)
				wantInForce(t, f, false, all)
				require.Equal(t, "client:80 from "+family.forward, seen())
				public := oneToOneRule(family.publicA, family.c)
				leaves := plan.Rule{Kind: plan.RuleLeaves, Dev: plan.Dev{Name: "eth0"}, Private: public.Private, Public: public.Public}
				mustChange(t, f, []plan.Rule{public, leaves}, nil)
				require.Equal(t, "client:80 from "+family.publicA, seen())
				mustChange(t, f, nil, []plan.Rule{public, leaves})
				w.host.run("iptables-"+string(c.Variant), "-w", "-t", "nat", "-A", "POSTROUTING", "-s", family.c, "-j", "SNAT", "--to-source", family.publicA)
				mustChange(t, f, []plan.Rule{as}, nil)
				require.Equal(t, "client:80 from "+family.publicA, seen(), "an administrator's own")
				w.host.run("iptables-"+string(c.Variant), "-w", "-t", "nat", "-D", "POSTROUTING", "-s", family.c, "-j", "SNAT", "--to-source", family.publicA)
				mustChange(t, f, nil, []plan.Rule{as})
				require.Equal(t, plainly, seen())
			})
		}
	}
}
