package doctor

import (
	"fmt"
	"net/netip"
	"slices"

	"vifctl/hooks/doctor/inventory"
	"vifctl/hooks/kernel"
	"vifctl/hooks/plan"
)

// unaddressed looks for routed ports that the host would send nothing to: no address is known, and no
// route leads there, by whomever.
func unaddressed(f *inventory.Facts) []Finding {
	return each(f, func(n *inventory.NIC) []Finding {
		p := n.Carrier()
		if n.Mode != "route" && n.Mode != "nat" || len(n.Addresses) > 0 || p == nil || p.Link == nil || p.Record == nil {
			return nil
		}
		leads := func(r kernel.Route) bool {
			to := r.Dst.Addr()
			return r.Index() == p.Link.Index && !to.IsLinkLocalUnicast() && !to.IsMulticast()
		}
		if slices.ContainsFunc(f.Host.Routes, leads) || slices.ContainsFunc(f.Host.OtherRoutes, leads) {
			return nil
		}
		return one(Finding{
			Sentence: fmt.Sprintf("%s has no address, and no route leads to %s: this host sends it nothing.", n.Label(), p.Name),
			Evidence: []string{backend(n) + "/ip is empty, and the configuration has no address", "no route leads through " + p.Name},
			Fix:      []string{"write ip=ADDRESS in the guest's vif line, or address = [\"ADDRESS\"] in its entry of /etc/xen/vifctl.toml", online(n, p)},
		})
	})
}

// routerWithoutRoute looks for guests whose addresses are in no network of the uplink: their packets
// leave, and answers come only if a router leads them here. What is answered proves that one does.
func routerWithoutRoute(f *inventory.Facts) []Finding {
	return each(f, func(n *inventory.NIC) (all []Finding) {
		for _, a := range f.Beyond(n) {
			flows := f.Flows[a]
			via, gateway, ok := nextHop(f, n, a.Is6())
			if flows.Answered > 0 || !ok || announced(f) {
				continue
			}
			found := Finding{
				Severity: Note,
				Sentence: fmt.Sprintf("The address %s of %s is in no network of %s: a router has to lead it to this host.", a, n.Label(), f.Uplink(n)),
				Evidence: []string{fmt.Sprintf("the uplink %s has %s", f.Uplink(n), via)},
				Fix:      []string{fmt.Sprintf("on the router %s: %s", gateway, plan.Command(routeTo(a, via.Addr())...))},
			}
			if flows.Unanswered > 0 {
				found.Severity = Warning
				found.Sentence = fmt.Sprintf("Nothing answers %s at %s: no router leads the address to this host.", n.Label(), a)
				found.Evidence = append(found.Evidence, fmt.Sprintf("connections with hosts outside: %d without an answer, none with one", flows.Unanswered))
			}
			all = append(all, found)
		}
		return all
	})
}

func routeTo(a, via netip.Addr) []string {
	words := []string{"ip"}
	if a.Is6() {
		words = append(words, "-6")
	}
	return append(words, "route", "add", netip.PrefixFrom(a, a.BitLen()).String(), "via", via.String())
}

// nextHop is the router behind a NIC's uplink, and the host's address by which it knows the host.
func nextHop(f *inventory.Facts, n *inventory.NIC, is6 bool) (own netip.Prefix, gateway netip.Addr, ok bool) {
	l, _ := f.Host.Named(f.Uplink(n))
	for _, r := range f.Host.Routes {
		if g := r.Gateway(); r.Index() == l.Index && r.Dst.Bits() == 0 && g.IsValid() && g.Is6() == is6 {
			gateway = g
			break
		}
	}
	i := slices.IndexFunc(f.Host.Addresses[l.Index], func(a plan.Addr) bool {
		return gateway.IsValid() && a.Prefix.Addr().Is6() == is6 && (a.Prefix.Contains(gateway) || gateway.IsLinkLocalUnicast() && !a.Prefix.Addr().IsLinkLocalUnicast())
	})
	if i < 0 {
		return own, gateway, false
	}
	return f.Host.Addresses[l.Index][i].Prefix, gateway, true
}

// announced: a routing daemon is at work, which tells routers of guests' routes (RTPROT_* of
// linux/rtnetlink.h).
func announced(f *inventory.Facts) bool {
	const zebra, bird, babel, bgp, eigrp = 11, 12, 42, 186, 192
	return slices.ContainsFunc(slices.Concat(f.Host.Routes, f.Host.OtherRoutes), func(r kernel.Route) bool {
		return r.Protocol == zebra || r.Protocol == bird || r.Protocol == babel || r.Protocol >= bgp && r.Protocol <= eigrp
	})
}
