package survey

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
)

// ForeignHook is a chain of another program's that drops what no rule of it
// accepts, in the way of forwarded packets.
type ForeignHook struct {
	// Owner is the program by its usual name: docker, ufw, firewalld, or
	// "somebody".
	Owner string
	// Chain as `nft list chain` or iptables takes it: "ip filter FORWARD".
	Chain string
	// Variant of iptables that shows it, "" for nft's own.
	Variant string
	// Accepts: a rule there lets pass what carries a mark, as ours does.
	Accepts bool
}

// readForeign lists chains that drop what is forwarded, and which variants of
// iptables are in use.
func (f *Facts) readForeign(_ context.Context) {
	for _, path := range []string{"/proc/net/ip_tables_names", "/proc/net/ip6_tables_names"} {
		if names, err := os.ReadFile(path); err == nil && strings.TrimSpace(string(names)) != "" {
			f.Variants = append(f.Variants, "legacy")
		}
	}
	c, err := nftables.New()
	if err != nil {
		return
	}
	chains, err := c.ListChains()
	if err != nil {
		return
	}
	tables := map[string][]string{} // the names of each table's chains
	for _, ch := range chains {
		key := familyName(ch.Table.Family) + " " + ch.Table.Name
		tables[key] = append(tables[key], ch.Name)
	}
	for key, names := range tables {
		if ofIptables(key, names) {
			f.Variants = append(f.Variants, "nf_tables")
		}
		if strings.HasSuffix(key, " vifctl") {
			f.Tables = append(f.Tables, strings.TrimSuffix(key, " vifctl"))
		}
	}
	slices.Sort(f.Tables)
	slices.Sort(f.Variants)
	f.Variants = slices.Compact(f.Variants)
	for _, ch := range chains {
		key := familyName(ch.Table.Family) + " " + ch.Table.Name
		drops := ch.Policy != nil && *ch.Policy == nftables.ChainPolicyDrop
		if ch.Table.Name == "vifctl" || ch.Hooknum == nil || *ch.Hooknum != *nftables.ChainHookForward || ch.Type != nftables.ChainTypeFilter {
			continue
		}
		owner := ownerOf(ch.Table.Name, tables[key])
		if !drops && owner != "firewalld" {
			continue
		}
		h := ForeignHook{Owner: owner, Chain: fmt.Sprintf("%s %s", key, ch.Name)}
		if key == "ip filter" || key == "ip6 filter" {
			h.Variant = "nf_tables"
		}
		h.Accepts = acceptsMark(c, ch.Table, chains)
		f.Foreign = append(f.Foreign, h)
	}
	slices.SortFunc(f.Foreign, func(a, b ForeignHook) int { return strings.Compare(a.Chain, b.Chain) })
}

// ofIptables reports whether a table is one that iptables-nft makes.
func ofIptables(table string, chains []string) bool {
	family, name, _ := strings.Cut(table, " ")
	return (family == "ip" || family == "ip6") && slices.Contains([]string{"filter", "nat", "mangle", "raw"}, name) &&
		slices.ContainsFunc(chains, func(c string) bool {
			return slices.Contains([]string{"INPUT", "FORWARD", "OUTPUT", "PREROUTING", "POSTROUTING"}, c)
		})
}

// ownerOf guesses whose a table is by what is in it.
func ownerOf(table string, chains []string) string {
	has := func(prefix string) bool {
		return slices.ContainsFunc(chains, func(name string) bool { return strings.HasPrefix(name, prefix) })
	}
	switch {
	case table == "firewalld":
		return "firewalld"
	case has("ufw-") || has("ufw6-"):
		return "ufw"
	case has("DOCKER"):
		return "docker"
	case has("LIBVIRT"):
		return "libvirt"
	}
	return "somebody"
}

func familyName(f nftables.TableFamily) string {
	switch f {
	case nftables.TableFamilyIPv4:
		return "ip"
	case nftables.TableFamilyIPv6:
		return "ip6"
	case nftables.TableFamilyINet:
		return "inet"
	case nftables.TableFamilyARP:
		return "arp"
	case nftables.TableFamilyBridge:
		return "bridge"
	case nftables.TableFamilyNetdev:
		return "netdev"
	}
	return fmt.Sprint(byte(f))
}

// acceptsMark looks for a rule that asks for a packet's mark in any of a table's
// chains: iptables' own match, or nft's.
func acceptsMark(c *nftables.Conn, table *nftables.Table, chains []*nftables.Chain) bool {
	for _, ch := range chains {
		if ch.Table.Name != table.Name || ch.Table.Family != table.Family {
			continue
		}
		rules, err := c.GetRules(ch.Table, ch)
		if err != nil {
			return false
		}
		for _, r := range rules {
			for _, e := range r.Exprs {
				match, ok := e.(*expr.Match)
				if meta, isMeta := e.(*expr.Meta); ok && match.Name == "mark" || isMeta && meta.Key == expr.MetaKeyMARK && !meta.SourceRegister {
					return true
				}
			}
		}
	}
	return false
}
