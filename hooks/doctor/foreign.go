package doctor

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"vifctl/hooks/doctor/inventory"
	"vifctl/hooks/journal"
	"vifctl/hooks/plan"
)

// foreignDrop looks for what guests' packets must pass besides our own rules: whose it is, whom it
// cuts off, and which one rule, for all guests, lets them pass.
func foreignDrop(f *inventory.Facts) (all []Finding) {
	for _, h := range f.Foreign {
		guests := slices.DeleteFunc(passing(f, h), func(n *inventory.NIC) bool { return h.Accepts || letThrough(h, n) })
		if len(guests) == 0 {
			continue
		}
		found := Finding{
			Subject: host, Sentence: fmt.Sprintf("The rules of %s drop %s.", h.Owner, what(h)),
			Evidence: []string{dropsBy(h)}, Fix: letPass(f, h, guests),
		}
		switch {
		case h.Owner == "firewalld":
			found.Evidence = []string{fmt.Sprintf("firewalld's chain %s decides on what is forwarded", h.Chain)}
		case h.Rule == 0 && h.Marked:
			found.Evidence = append(found.Evidence, fmt.Sprintf("no rule there accepts the mark 0x%x of guests' packets", f.Mark()))
		case h.Rule == 0:
			found.Evidence = append(found.Evidence, fmt.Sprintf("no rule there accepts the packets of %s", who(guests)))
		}
		all = append(all, found.touching(guests))
	}
	return all
}

// passing are the guests whose packets go through a chain.
func passing(f *inventory.Facts, h inventory.ForeignHook) (all []*inventory.NIC) {
	for i := range f.NICs {
		n := &f.NICs[i]
		router := n.Mode == "route" || n.Mode == "nat"
		has4, has6 := families(n)
		forwarded := slices.Contains([]string{"prerouting", "forward", "postrouting"}, h.Hook)
		through := false
		switch h.Family {
		case "bridge":
			l, ok := f.Host.Named(f.Bridge(n))
			through = forwarded && ok && l.Bridge
		case "arp":
			through = router && has4 && (h.Hook == "input" || h.Hook == "output")
		case "ip":
			through = router && has4 && forwarded
		case "ip6":
			through = router && has6 && forwarded
		case "inet":
			through = router && forwarded
		case "netdev":
			through = slices.ContainsFunc(h.Devices, func(dev string) bool { return passes(f, n, dev) })
		}
		if n.Alive && through {
			all = append(all, n)
		}
	}
	return all
}

// passes reports whether a guest's packets go through an interface: its own port, its bridge or
// uplink, or a card of that.
func passes(f *inventory.Facts, n *inventory.NIC, dev string) bool {
	l, ok := f.Host.Named(dev)
	if !ok {
		return false
	}
	if own, _ := f.PortOf(l.Index); own != nil {
		return own.NIC == n.NIC
	}
	out := f.Bridge(n)
	if n.Mode == "route" || n.Mode == "nat" {
		out = f.Uplink(n)
	}
	return out == dev || l.Master != 0 && f.Host.Links[l.Master].Name == out
}

// sides are which of an interface's names a rule at a chain's hook can ask for.
func sides(h inventory.ForeignHook) (from, to bool) {
	return slices.Contains([]string{"prerouting", "input", "forward", "ingress"}, h.Hook), slices.Contains([]string{"forward", "output", "postrouting", "egress"}, h.Hook)
}

// letThrough reports whether rules there accept what comes from a guest's ports and goes to them. Where
// answers are, that nothing else goes to them is an administrator's wish.
func letThrough(h inventory.ForeignHook, n *inventory.NIC) bool {
	from, to := sides(h)
	if from && h.Answers || h.Owner == "firewalld" { // which knows its zones' interfaces by where packets come from
		to = false
	}
	addresses := slices.DeleteFunc(slices.Clone(n.Addresses), func(a netip.Prefix) bool {
		return h.Family == "ip" && a.Addr().Is6() || h.Family == "ip6" && a.Addr().Is4()
	})
	return !slices.ContainsFunc(n.Ports(), func(p *inventory.Port) bool {
		return p.Link != nil && (from && !h.From.Has(p.Name, addresses) || to && !h.To.Has(p.Name, addresses))
	})
}

// what a chain drops, in words.
func what(h inventory.ForeignHook) string {
	switch {
	case h.Hook == "ingress":
		return "what comes in at " + strings.Join(h.Devices, ", ")
	case h.Hook == "egress":
		return "what goes out at " + strings.Join(h.Devices, ", ")
	case h.Family == "bridge":
		return "what guests on bridges send and receive"
	case h.Family == "arp" && h.Hook == "input":
		return "what routed guests ask and answer by ARP: they do not find their gateway"
	case h.Family == "arp":
		return "what this host asks and answers routed guests by ARP"
	}
	return "what routed guests send and receive"
}

// dropsBy tells by what a foreign chain drops.
func dropsBy(h inventory.ForeignHook) string {
	chain := "the chain " + h.Chain
	if h.Program != "" {
		words := strings.Fields(h.Chain)
		chain = words[len(words)-1] + " of " + h.Program
		if h.Table != "filter" {
			chain += " -t " + h.Table
		}
	}
	if h.Rule > 0 {
		return fmt.Sprintf("rule %d of %s drops whatever is new", h.Rule, chain)
	}
	return chain + " has the policy drop"
}

// letPass are the commands that let guests' packets pass a foreign chain: all guests', now and when
// they start again. By the mark that routed guests' packets carry; where they do not carry it, by the
// names of their ports.
func letPass(f *inventory.Facts, h inventory.ForeignHook, guests []*inventory.NIC) (commands []string) {
	words := strings.Fields(h.Chain)
	insert := func(clause ...string) string {
		command := []string{h.Program}
		if h.Table != "filter" {
			command = append(command, "-t", h.Table)
		}
		return plan.Command(slices.Concat(command, []string{"-I", words[len(words)-1]}, clause, []string{"-j", "ACCEPT"})...)
	}
	mark := fmt.Sprintf("0x%x", f.Mark())
	switch {
	case h.Owner == "firewalld":
		if slices.ContainsFunc(guests, func(n *inventory.NIC) bool { return !n.Entry.Trusted }) {
			commands = append(commands, `set firewalld = "trust" under [host] in /etc/xen/vifctl.toml`)
		}
		return append(commands, "vifctl repair")
	case h.Family == "netdev": // where neither a mark nor a port's name tells guests' packets
		return []string{fmt.Sprintf("nft insert rule %s accept", h.Chain)}
	case h.Marked && h.Program != "" && h.Rule == 0:
		return []string{"vifctl repair"}
	case h.Marked && h.Program != "":
		return []string{insert("-m", "mark", "--mark", mark+"/"+mark)}
	case h.Marked:
		return []string{fmt.Sprintf("nft insert rule %s meta mark and %s == %[2]s accept", h.Chain, mark)}
	}
	from, to := sides(h)
	for _, side := range []struct {
		asks       bool
		nft, short string
	}{{from, "iifname", "-i"}, {to, "oifname", "-o"}} {
		for _, name := range portNames(guests) {
			switch {
			case !side.asks:
			case h.Program != "":
				commands = append(commands, insert(side.short, strings.Replace(name, "*", "+", 1)))
			default:
				commands = append(commands, fmt.Sprintf("nft insert rule %s %s '\"%s\"' accept", h.Chain, side.nft, name))
			}
		}
	}
	return commands
}

// dhcpBlocked looks for filters before a DHCP server of this host's that guests ask.
func dhcpBlocked(f *inventory.Facts) (all []Finding) {
	for _, h := range f.Foreign {
		var guests []*inventory.NIC
		for _, n := range routed(f) {
			if h.Hook == "input" && (h.Family == "ip" || h.Family == "inet") && slices.ContainsFunc(n.Ports(), func(p *inventory.Port) bool {
				return leases(p) && !inventory.Named(p.Name, h.From.Ports) && !inventory.Named(p.Name, h.DHCP)
			}) {
				guests = append(guests, n)
			}
		}
		if len(guests) == 0 {
			continue
		}
		found := Finding{
			Subject: host, Sentence: fmt.Sprintf("The rules of %s keep %s from the DHCP server of this host.", h.Owner, who(guests)),
			Evidence: []string{dropsBy(h), "no rule there accepts UDP port 67 from guests' ports"},
		}
		for _, name := range portNames(guests) {
			switch {
			case h.Owner == "firewalld":
				found.Fix = letPass(f, h, guests)
			case h.Program != "":
				found.Fix = append(found.Fix, plan.Command(h.Program, "-I", "INPUT", "-i", strings.Replace(name, "*", "+", 1), "-p", "udp", "--dport", "67", "-j", "ACCEPT"))
			default:
				found.Fix = append(found.Fix, fmt.Sprintf("nft insert rule %s iifname '\"%s\"' udp dport 67 accept", h.Chain, name))
			}
		}
		all = append(all, found.touching(guests))
	}
	return all
}

// leases: a DHCP server was told of the guest behind a port.
func leases(p *inventory.Port) bool {
	return p.Record != nil && slices.ContainsFunc(p.Record.Entries, func(e journal.Entry) bool {
		host, ok := e.Step.(plan.DHCPHost)
		return ok && !host.Absent
	})
}

// portNames are names for guests' ports that last: Xen's own begin with vif and a number that
// changes with each start.
func portNames(guests []*inventory.NIC) (names []string) {
	for _, n := range guests {
		for _, p := range n.Ports() {
			name := p.Name
			if strings.HasPrefix(name, "vif"+n.NIC.String()) {
				name = "vif*"
			}
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return names
}

// foreignFirst looks for other programs' rules before vifctl's own in iptables: who translates first
// decides as whom a guest is seen.
func foreignFirst(f *inventory.Facts) []Finding {
	if len(f.Ahead) == 0 {
		return nil
	}
	return one(Finding{
		Subject: host, Sentence: "Another program's rules come before vifctl's in iptables: a guest with a public address may be seen as this host.",
		Evidence: f.Ahead, Fix: []string{"vifctl repair"},
	})
}

// leftoverRules looks for rules of guests that have gone, as a program restores them at boot that has
// saved them.
func leftoverRules(f *inventory.Facts) []Finding {
	if len(f.Leftovers) == 0 || len(f.Interrupted) > 0 {
		return nil
	}
	found := Finding{
		Subject: host, Sentence: "The firewall still has rules of vifctl's for guests that have gone: they may translate addresses that another guest has by now.",
		Evidence: slices.Clone(f.Leftovers), Fix: []string{"vifctl repair --garbage"},
	}
	for _, path := range f.SavedRules {
		found.Evidence = append(found.Evidence, path+" has chains called VIFCTL-, which come back at boot")
		found.Fix = append(found.Fix, fmt.Sprintf("sed -i /VIFCTL-/d %s", path))
	}
	return one(found)
}

func bridgeNetfilter(f *inventory.Facts) []Finding {
	const key = "bridge/bridge-nf-call-iptables"
	forwards := func(h inventory.ForeignHook) bool {
		return h.Hook == "forward" && (h.Family == "ip" || h.Family == "inet")
	}
	at := slices.IndexFunc(f.Foreign, forwards)
	if f.Settings[key] != "1" || at < 0 {
		return nil
	}
	for i := range f.NICs {
		if f.Bridge(&f.NICs[i]) != "" {
			return one(Finding{
				Subject: host, Sentence: fmt.Sprintf("Bridged packets go through iptables, where the rules of %s drop them.", f.Foreign[at].Owner),
				Evidence: []string{"net." + strings.ReplaceAll(key, "/", ".") + " is 1", dropsBy(f.Foreign[at])},
				Fix:      []string{"sysctl -w net.bridge.bridge-nf-call-iptables=0 net.bridge.bridge-nf-call-ip6tables=0"},
			})
		}
	}
	return nil
}
