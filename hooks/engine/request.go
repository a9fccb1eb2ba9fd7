package engine

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"vifctl/configs"
	"vifctl/hooks/event"
	"vifctl/hooks/plan"
	"vifctl/modes"
)

// requestOf makes a mode's request of what the toolstack says and what the
// configuration says of the guest, which has the last word.
func (p *port) requestOf(ev event.Event) plan.Request {
	entry := p.entry
	r := plan.Request{
		NIC:         ev.NIC,
		Kind:        ev.Kind,
		Port:        plan.Dev{Name: ev.Name, Index: p.link.Index},
		Guest:       p.who.Name,
		UUID:        p.who.UUID,
		MAC:         ev.MAC,
		IPs:         ev.IPs,
		MTU:         ev.MTU,
		VLANs:       ev.VLANs,
		Rate:        ev.Rate,
		Bridge:      cmp.Or(entry.Bridge, ev.Bridge),
		Uplink:      UplinkOf(ev.Uplink, entry),
		HostUplink:  p.Config.Host.Uplink,
		FrontendMTU: ev.FrontendMTU(),
		Emulated:    ev.Kind == plan.Tap || p.who.Target != "",

		Gateway:      entry.Gateway.IPv4,
		Gateway6:     entry.Gateway.IPv6,
		Public:       entry.Public,
		Forwards:     forwards(entry.Forwards),
		NAT66:        entry.NAT66,
		Open6:        entry.Open6,
		NoMasquerade: !entry.Masquerade,
		MasqueradeAs: entry.MasqueradeAs.All(),
		DHCP:         entry.DHCP == configs.DHCPDnsmasq,
		Antispoof:    plan.Antispoof(entry.Antispoof),
		Roles:        entry.Allow,
		LinkLocal:    entry.LinkLocal.Addresses,
		AnyLinkLocal: entry.LinkLocal.Any,
		Trusted:      entry.Trusted,
	}
	if len(entry.Addresses) > 0 {
		if len(ev.IPs) > 0 && !slices.Equal(ev.IPs, entry.Addresses) {
			p.warn("the guest's own configuration says ip=%q, but %s has the addresses %q: those count",
				joinPrefixes(ev.IPs), entry, joinPrefixes(entry.Addresses))
		}
		r.IPs = entry.Addresses
	}
	if len(entry.VLANs) > 0 {
		if len(ev.VLANs) > 0 && !slices.Equal(ev.VLANs, entry.VLANs) {
			p.warn("the guest's own configuration has a vlan=, and %s has another: that one counts", entry)
		}
		r.VLANs = entry.VLANs
	}
	return r
}

// warnWithoutMeaning says which settings of the guest's entry the mode has no use for: the
// script may have picked another mode than the entry was written for.
func (p *port) warnWithoutMeaning() {
	given := map[string]bool{
		"public": len(p.entry.Public) > 0, "forward": len(p.entry.Forwards) > 0, "nat66": p.entry.NAT66, "open6": p.entry.Open6,
		"masquerade": p.entry.MasqueradeAs != p.Config.Host.MasqueradeAs && p.entry.MasqueradeAs != configs.Gateway{},
		"gateway":    p.entry.Gateway != p.Config.Host.Gateway && p.entry.Gateway != configs.Gateway{},
		"uplink":     p.entry.Uplink != p.Config.Host.Uplink && p.entry.Uplink != "", "bridge": p.entry.Bridge != "",
	}
	var keys []string
	for key, is := range given {
		if is && !modes.Understands(p.Mode, key) {
			keys = append(keys, key)
		}
	}
	if len(keys) == 0 {
		return
	}
	slices.Sort(keys)
	verb := "means"
	if len(keys) > 1 {
		verb = "mean"
	}
	p.warn("the configuration has %s for %s, which %s nothing in mode %s: the script %s picks that", strings.Join(keys, " and "), p.entry, verb, p.Mode, p.call.Script)
}

// inVLANs: a guest that is to be kept apart is refused where nothing would.
func inVLANs(ev event.Event, entry configs.Guest, mode string) error {
	if len(entry.VLANs) == 0 || modes.Understands(mode, "vlan") {
		return nil
	}
	return fmt.Errorf("%s: the configuration has a vlan for %s, which means nothing in mode %s: take it out, or make the mode bridge or openvswitch",
		ev.Device, entry, mode)
}

// forwards spells a configuration's port forwards out: one rule for each
// protocol and each source, and one for each port where the ports change.
func forwards(list []configs.Forward) []plan.Rule {
	var rules []plan.Rule
	for _, f := range list {
		sources := f.From
		if len(sources) == 0 {
			sources = []netip.Prefix{{}}
		}
		for _, protocol := range f.Protocols {
			for _, from := range sources {
				rule := plan.Rule{Kind: plan.RuleForward, Public: f.Listen, Protocol: protocol, From: from, First: f.First, Last: f.Last}
				if f.To == f.First {
					rules = append(rules, rule)
					continue
				}
				for i := range f.Last - f.First + 1 {
					rule.First, rule.Last, rule.To = f.First+i, f.First+i, f.To+i
					rules = append(rules, rule)
				}
			}
		}
	}
	return rules
}

// UplinkOf is the name of a NIC's way out: the toolstack's (gatewaydev=), else the
// configuration's, "" where it is the host's (kernel.Host.Uplink).
func UplinkOf(gatewaydev string, entry configs.Guest) string { return cmp.Or(gatewaydev, entry.Uplink) }
