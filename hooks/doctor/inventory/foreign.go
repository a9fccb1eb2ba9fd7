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

// ForeignHook is a chain of another program's in the way of packets, which drops those of
// guests: what no rule of it accepts, or by a rule.
type ForeignHook struct {
	// Owner is the program by its usual name: docker, ufw, firewalld, or
	// "another program".
	Owner string
	// Family is nft's word (ip, ip6, inet, bridge, arp, netdev), and Hook is: prerouting, input,
	// forward, output, postrouting, ingress, egress. The latter two are at Devices.
	Family, Hook string
	Devices      []string
	// Chain as `nft list chain` or iptables takes it: "ip filter FORWARD", and Table its table
	// alone, as iptables takes it: "filter".
	Chain, Table string
	// Variant of iptables that shows it, "" for nft's own, and Program: iptables,
	// ip6tables, ebtables or arptables, by the name that is of this variant.
	Variant, Program string
	// Rule is the number of the rule that drops, 0 for the policy.
	Rule int
	// Marked: what routed guests send carries our mark when it comes here. Accepts: a rule there
	// lets it pass.
	Marked, Accepts bool
	// From and To are whose packets a rule accepts: what comes from them, or goes to them. Answers: a
	// rule accepts all packets of connections that are known.
	From, To Accepted
	Answers  bool
	// DHCP are the ports from which a rule at an input accepts requests to a DHCP server.
	DHCP []PortName
}

// readForeign lists chains that drop what guests send or receive, and which variants of
// iptables are in use.
func (f *Facts) readForeign(s Sources) {
	var filters []firewall.Filter
	var devices map[string][]string
	if s.Firewall != nil {
		devices, _ = s.Firewall.Devices()
		filters, _ = s.Firewall.Filters()
		f.Variants, _ = s.Firewall.Variants()
	}
	for _, l := range filters {
		if l.Variant == firewall.VariantLegacy && l.Input {
			f.Foreign = append(f.Foreign, legacyInput(l))
		} else if l.Variant == firewall.VariantLegacy {
			f.Foreign = append(f.Foreign, ForeignHook{
				Owner: ownerOf("filter", l.Chains), Family: map[string]string{"iptables": "ip", "ip6tables": "ip6"}[l.Program], Hook: "forward",
				Chain: "FORWARD", Table: "filter", Variant: "legacy", Program: l.Program + "-legacy", Rule: l.Rule, Marked: true, Accepts: l.Passes,
			})
		}
	}
	f.readForeignTables(filters, devices)
	slices.Sort(f.Tables)
	slices.SortStableFunc(f.Foreign, func(a, b ForeignHook) int {
		return cmp.Or(strings.Compare(a.Chain, b.Chain), strings.Compare(a.Program, b.Program))
	})
}

// legacyInput is the INPUT of iptables-legacy.
func legacyInput(l firewall.Filter) ForeignHook {
	h := ForeignHook{
		Owner: ownerOf("filter", l.Chains), Family: "ip", Hook: "input",
		Chain: "INPUT", Table: "filter", Variant: "legacy", Program: l.Program + "-legacy", Rule: l.Rule,
	}
	for _, name := range l.DHCP {
		begin, begins := strings.CutSuffix(name, "+")
		h.DHCP = append(h.DHCP, PortName{begin, begins})
	}
	return h
}

// readForeignTables looks at what nf_tables has, the tables of iptables-nft, ebtables-nft and
// arptables-nft among it.
func (f *Facts) readForeignTables(filters []firewall.Filter, devices map[string][]string) {
	c, err := nftables.New()
	if err != nil {
		return
	}
	chains, err := c.ListChains()
	if err != nil {
		return
	}
	tables := map[string][]*nftables.Chain{}
	for _, ch := range chains {
		key := familyName(ch.Table.Family) + " " + ch.Table.Name
		tables[key] = append(tables[key], ch)
	}
	for key := range tables {
		if family, ours := strings.CutSuffix(key, " "+firewall.TableName); ours {
			f.Tables = append(f.Tables, family)
		}
	}
	for _, ch := range chains {
		if ch.Table.Name == firewall.TableName || ch.Hooknum == nil || ch.Type != nftables.ChainTypeFilter {
			continue
		}
		family := familyName(ch.Table.Family)
		table := tables[family+" "+ch.Table.Name]
		h := ForeignHook{
			Owner: ownerOf(ch.Table.Name, namesOf(table)), Family: family, Hook: hookName(ch.Table.Family, *ch.Hooknum),
			Chain: family + " " + ch.Table.Name + " " + ch.Name, Table: ch.Table.Name,
		}
		if family == "netdev" {
			h.Devices = slices.Sorted(slices.Values(devices[ch.Table.Name+" "+ch.Name]))
		}
		input := h.Hook == "input" && family != "bridge" && family != "arp"
		if h.Hook == "" || h.Owner == "firewalld" && h.Hook != "forward" && !input {
			continue
		}
		if h.Program = programOf(family, ch.Table.Name, namesOf(table)); h.Program != "" {
			h.Variant = "nf_tables"
		}
		h.Marked = h.Hook == "forward" && family != "bridge" && family != "arp" && ch.Priority != nil && *ch.Priority > firewall.MarkPriority
		policy := ch.Policy != nil && *ch.Policy == nftables.ChainPolicyDrop
		if !policy && (h.Owner != "firewalld" || input) {
			rules, err := c.GetRules(ch.Table, ch)
			h.Rule = dropsAll(rules)
			if input {
				h.Rule = dropsRest(rules) // what is accepted before is looked for below
			}
			if err != nil || h.Rule == 0 {
				continue
			}
		}
		h.accepted(c, ch, table)
		h.Accepts = h.Marked && h.Rule == 0 && (passes(filters, h.Program) || acceptsMark(c, table, f.Mark()))
		f.Foreign = append(f.Foreign, h)
	}
}

func namesOf(chains []*nftables.Chain) (names []string) {
	for _, ch := range chains {
		names = append(names, ch.Name)
	}
	return names
}

// hookName is nft's word for a hook, whose numbers begin anew in some families.
func hookName(family nftables.TableFamily, hook nftables.ChainHook) string {
	names := []string{"prerouting", "input", "forward", "output", "postrouting"}
	switch family {
	case nftables.TableFamilyARP:
		names = []string{"input", "output", "forward"}
	case nftables.TableFamilyNetdev:
		names = []string{"ingress", "egress"}
	}
	if int(hook) >= len(names) {
		return "" // the ingress of the family inet
	}
	return names[hook]
}

// programOf is the program of iptables-nft's kind that made a table, "" for nft's own.
func programOf(family, table string, chains []string) string {
	has := func(names ...string) bool {
		return slices.ContainsFunc(chains, func(c string) bool { return slices.Contains(names, c) })
	}
	switch {
	case !slices.Contains([]string{"filter", "nat", "mangle", "raw"}, table) || !has("INPUT", "FORWARD", "OUTPUT", "PREROUTING", "POSTROUTING"):
		return ""
	case family == "ip":
		return "iptables-nft"
	case family == "ip6":
		return "ip6tables-nft"
	case family == "bridge":
		return "ebtables-nft"
	case family == "arp":
		return "arptables-nft"
	}
	return ""
}

// passes: our own rule lets our mark pass in iptables-nft.
func passes(filters []firewall.Filter, program string) bool {
	return slices.ContainsFunc(filters, func(l firewall.Filter) bool {
		return l.Variant == firewall.VariantNFT && l.Program+"-nft" == program && l.Passes
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
func acceptsMark(c *nftables.Conn, chains []*nftables.Chain, mark uint32) bool {
	wanted := binary.NativeEndian.AppendUint32(nil, mark)
	for _, ch := range chains {
		// What is in ours is ours to tell.
		if strings.HasPrefix(ch.Name, "VIFCTL-") {
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
