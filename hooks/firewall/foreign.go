package firewall

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/google/nftables"
)

// A Filter is what the FORWARD of one iptables does to what guests forward,
// besides the rules of ours.
type Filter struct {
	Variant Variant
	// Program is iptables or ip6tables.
	Program string
	// Chains of its filter table: by them one knows whose it is.
	Chains []string
	// Policy: it drops what no rule accepts. Passes: but not what carries the mark
	// of our ports.
	Policy, Passes bool
	// Input: it is of INPUT, and DHCP are the interfaces, as iptables writes them ("vif+"; "+" is
	// any), from which a rule accepts requests to a DHCP server. It is told of iptables-legacy alone.
	Input bool
	DHCP  []string
	// Rule is the number, from 1, of a rule that drops everything that is new,
	// with none before it that could have accepted some of it; 0 for none. It is
	// told of iptables-legacy alone: anyone can list nft's rules.
	Rule int
}

// Filters tells of those that drop something.
func (a *ForwardAccept) Filters(ctx context.Context) (all []Filter, err error) {
	droppings, err := a.droppings(ctx)
	if err != nil {
		return nil, err
	}
	for _, d := range droppings {
		all = append(all, Filter{Variant: d.variant, Program: d.family.program, Policy: true, Passes: d.passes})
	}
	for _, family := range a.families {
		tables, err := family.readLegacy(ctx)
		if err != nil {
			return nil, err
		}
		filter := tables["filter"]
		if filter == nil {
			continue
		}
		chains := slices.Sorted(maps.Keys(filter.rules))
		for i, f := range all {
			if f.Variant == VariantLegacy && f.Program == family.program {
				all[i].Chains, all[i].Passes = chains, f.Passes || acceptsMark(filter, a.options.Mark)
			}
		}
		if n := dropsRest(filter.rules["INPUT"]); family.program == "iptables" && (n > 0 || filter.policy["INPUT"] == "DROP") {
			all = append(all, Filter{
				Variant: VariantLegacy, Program: family.program, Chains: chains, Input: true, Policy: n == 0, Rule: n, DHCP: acceptsDHCP(filter),
			})
		}
		if n := dropsAll(filter.rules["FORWARD"]); n > 0 {
			all = append(all, Filter{Variant: VariantLegacy, Program: family.program, Chains: chains, Rule: n})
		}
	}
	return all, nil
}

// Devices are those at whose ingress or egress a chain of nft's family netdev is, by the names of
// its table and its own: "table chain".
func (a *ForwardAccept) Devices() (map[string][]string, error) {
	if a.socket == nil {
		return nil, nil
	}
	chains, err := a.socket.chainsOf(nftables.TableFamilyNetdev)
	all := map[string][]string{}
	for _, c := range chains {
		all[c.table+" "+c.name] = c.devices
	}
	return all, err
}

// Variants are those of iptables that hold a rule, or a policy that drops. A table that is empty
// holds none: looking at it has made it.
func (a *ForwardAccept) Variants() (all []Variant, err error) {
	var nft, legacy holding
	for _, f := range a.families {
		if a.socket != nil {
			err = errors.Join(err, nft.lookNFT(a.socket, f))
		}
		err = errors.Join(err, legacy.lookLegacy(f))
	}
	if legacy.any {
		all = append(all, VariantLegacy)
	}
	if nft.any {
		all = append(all, VariantNFT)
	}
	return all, err
}

// acceptsMark reports whether a rule that is not ours accepts what carries a mark.
func acceptsMark(t *xtTable, mark uint32) bool {
	for chain, rules := range t.rules {
		if strings.HasPrefix(chain, chainPrefix) {
			continue
		}
		for _, words := range rules {
			fields := strings.Fields(words)
			value, _, _ := strings.Cut(after(fields, "--mark"), "/")
			if n, err := strconv.ParseUint(value, 0, 32); err == nil && uint32(n) == mark && after(fields, "-j") == "ACCEPT" {
				return true
			}
		}
	}
	return false
}

// dropsRest is the number of the first rule that drops all that comes to it, 0 for none.
func dropsRest(rules []string) int {
	return 1 + slices.IndexFunc(rules, func(words string) bool {
		fields := strings.Fields(words)
		target := after(fields, "-j")
		return len(fields) > 0 && fields[0] == "-j" && (target == "DROP" || target == "REJECT")
	})
}

// acceptsDHCP are the interfaces from which a rule accepts what is for UDP port 67, or everything.
func acceptsDHCP(t *xtTable) (from []string) {
	for _, rules := range t.rules {
		for _, words := range rules {
			fields := strings.Fields(words)
			ports := strings.Split(after(fields, "--dport")+after(fields, "--dports"), ",")
			asked := after(fields, "-p") == "udp" && slices.ContainsFunc(ports, func(p string) bool { return p == "67" || p == "67:68" })
			if after(fields, "-j") != "ACCEPT" || !asked && !(len(fields) == 4 && fields[0] == "-i") && len(fields) != 2 {
				continue
			}
			if name := after(fields, "-i"); name != "" {
				from = append(from, name)
			} else {
				from = append(from, "+")
			}
		}
	}
	return from
}

// after is the word behind another, "" for none.
func after(fields []string, word string) string {
	if i := slices.Index(fields, word); i >= 0 && i+1 < len(fields) {
		return fields[i+1]
	}
	return ""
}

// dropsAll is the number of the rule that drops everything that is new, with none
// before it that could have accepted some of it.
func dropsAll(rules []string) int {
	for i, words := range rules {
		fields := strings.Fields(words)
		states := after(fields, "--ctstate") + after(fields, "--state")
		switch target := after(fields, "-j"); {
		case states != "" && !slices.Contains(fields, "!") && !slices.Contains(strings.Split(states, ","), "NEW"):
		case target == "DROP" || target == "REJECT":
			if fields[0] == "-j" {
				return i + 1
			}
		case slices.Contains([]string{"LOG", "NFLOG", "MARK", "CONNMARK", "TCPMSS"}, target):
		case target == "" && after(fields, "-g") == "":
		default:
			return 0
		}
	}
	return 0
}
