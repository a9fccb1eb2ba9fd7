package inventory

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/google/nftables/xt"
	"golang.org/x/sys/unix"

	"vifctl/hooks/firewall"
)

// ForeignHook is a chain of another program's in the way of forwarded packets,
// which drops those of guests: what no rule of it accepts, or by a rule.
type ForeignHook struct {
	// Owner is the program by its usual name: docker, ufw, firewalld, or
	// "another program".
	Owner string
	// Chain as `nft list chain` or iptables takes it: "ip filter FORWARD".
	Chain string
	// Variant of iptables that shows it, "" for nft's own, and Program: iptables
	// or ip6tables, by the name that is of this variant.
	Variant, Program string
	// Rule is the number of the rule that drops, 0 for the policy.
	Rule int
	// Accepts: a rule there lets pass what carries our mark.
	Accepts bool
}

// readForeign lists chains that drop what is forwarded, and which variants of
// iptables are in use.
func (f *Facts) readForeign(s Sources) {
	var filters []firewall.Filter
	if s.Firewall != nil {
		filters, _ = s.Firewall.Filters()
		f.Variants, _ = s.Firewall.Variants()
	}
	for _, l := range filters {
		if l.Variant == firewall.VariantLegacy {
			f.Foreign = append(f.Foreign, ForeignHook{
				Owner: ownerOf("filter", l.Chains), Chain: "FORWARD", Variant: "legacy", Program: l.Program + "-legacy", Rule: l.Rule, Accepts: l.Passes,
			})
		}
	}
	f.readForeignTables(filters)
	slices.Sort(f.Tables)
	slices.SortFunc(f.Foreign, func(a, b ForeignHook) int {
		return cmp.Or(strings.Compare(a.Chain, b.Chain), strings.Compare(a.Program, b.Program))
	})
}

// readForeignTables looks at what nf_tables has, iptables-nft's tables among it.
func (f *Facts) readForeignTables(filters []firewall.Filter) {
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
	for key := range tables {
		if strings.HasSuffix(key, " vifctl") {
			f.Tables = append(f.Tables, strings.TrimSuffix(key, " vifctl"))
		}
	}
	for _, ch := range chains {
		if ch.Table.Name == firewall.TableName || ch.Hooknum == nil || *ch.Hooknum != *nftables.ChainHookForward || ch.Type != nftables.ChainTypeFilter {
			continue
		}
		key := familyName(ch.Table.Family) + " " + ch.Table.Name
		h := ForeignHook{Owner: ownerOf(ch.Table.Name, tables[key]), Chain: key + " " + ch.Name}
		if ofIptables(key, tables[key]) {
			h.Variant, h.Program = "nf_tables", map[string]string{"ip": "iptables-nft", "ip6": "ip6tables-nft"}[familyName(ch.Table.Family)]
		}
		policy := ch.Policy != nil && *ch.Policy == nftables.ChainPolicyDrop
		if !policy && h.Owner != "firewalld" {
			rules, err := c.GetRules(ch.Table, ch)
			if h.Rule = dropsAll(rules); err != nil || h.Rule == 0 {
				continue
			}
		}
		h.Accepts = h.Rule == 0 && (passes(filters, h.Program) || acceptsMark(c, ch.Table, chains, f.Mark()))
		f.Foreign = append(f.Foreign, h)
	}
}

// passes: our own rule lets our mark pass in iptables-nft.
func passes(filters []firewall.Filter, program string) bool {
	return slices.ContainsFunc(filters, func(l firewall.Filter) bool {
		return l.Variant == firewall.VariantNFT && l.Program+"-nft" == program && l.Passes
	})
}

// ofIptables reports whether a table is one that iptables-nft makes.
func ofIptables(table string, chains []string) bool {
	family, name, _ := strings.Cut(table, " ")
	return (family == "ip" || family == "ip6") && slices.Contains([]string{"filter", "nat", "mangle", "raw"}, name) &&
		slices.ContainsFunc(chains, func(c string) bool {
			return slices.Contains([]string{"INPUT", "FORWARD", "OUTPUT", "PREROUTING", "POSTROUTING"}, c)
		})
}

// ownerOf guesses a table's program by what is in it.
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
	return "another program"
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

// acceptsMark looks for a rule of another program that accepts what carries a mark,
// in any of a table's chains: by iptables' own match, or nft's.
func acceptsMark(c *nftables.Conn, table *nftables.Table, chains []*nftables.Chain, mark uint32) bool {
	wanted := binary.NativeEndian.AppendUint32(nil, mark)
	for _, ch := range chains {
		// What is in ours is ours to tell.
		if ch.Table.Name != table.Name || ch.Table.Family != table.Family || strings.HasPrefix(ch.Name, "VIFCTL-") {
			continue
		}
		rules, err := c.GetRules(ch.Table, ch)
		if err != nil {
			return false
		}
		for _, r := range rules {
			marked := false
			for _, e := range r.Exprs {
				switch e := e.(type) {
				case *expr.Match:
					info, ok := e.Info.(*xt.Unknown)
					marked = marked || e.Name == "mark" && ok && bytes.Contains(*info, wanted)
				case *expr.Cmp:
					marked = marked || bytes.Equal(e.Data, wanted)
				case *expr.Verdict:
					if marked && e.Kind == expr.VerdictAccept {
						return true
					}
				}
			}
		}
	}
	return false
}

// unknownVerdict is of a rule that jumps, or of one that vifctl cannot read.
const unknownVerdict = expr.VerdictJump

// dropsAll is the number, from 1, of the rule of a chain that drops all that is
// new, with none before it that could have accepted some of it: 0 for none, and
// where that cannot be told.
func dropsAll(rules []*nftables.Rule) int {
	for i, r := range rules {
		asks, noNew, does := false, false, expr.VerdictContinue
		for _, e := range r.Exprs {
			switch e := e.(type) {
			case *expr.Counter, *expr.Log:
			case *expr.Reject:
				does = expr.VerdictDrop
			case *expr.Verdict:
				does = e.Kind
			case *expr.Target:
				switch e.Name {
				case "REJECT":
					does = expr.VerdictDrop
				case "LOG", "NFLOG", "MARK", "CONNMARK", "TCPMSS":
				default:
					does = unknownVerdict
				}
			case *expr.Match:
				asks = asks || e.Name != "comment"
				if ct, ok := e.Info.(*xt.ConntrackMtinfo3); ok {
					noNew = ct.MatchFlags&1 != 0 && ct.InvertFlags == 0 && uint32(ct.StateMask)&expr.CtStateBitNEW == 0
				}
			case *expr.Ct:
				asks = true
				noNew = e.Key == expr.CtKeySTATE
			case *expr.Bitwise:
				asks = true
				noNew = noNew && len(e.Mask) == 4 && binary.NativeEndian.Uint32(e.Mask)&expr.CtStateBitNEW == 0
			case *expr.Lookup:
				asks, noNew = true, false
				if e.IsDestRegSet && e.DestRegister == unix.NFT_REG_VERDICT {
					does = unknownVerdict
				}
			default:
				asks = true
			}
		}
		switch {
		case noNew, does == expr.VerdictContinue, does == expr.VerdictDrop && asks:
		case does == expr.VerdictDrop:
			return i + 1
		default:
			return 0
		}
	}
	return 0
}
