package ownership

import (
	"fmt"
	"net/netip"
	"slices"

	"vifctl/hooks/plan"
)

// hosts says whether an address is the host's own.
func (j *judge) hosts(a netip.Addr, r *reasons) {
	for _, o := range j.Own {
		if o.Addr == a {
			r.add(ofHost, "%s is the host's own address on %s", a, o.Dev)
		}
	}
	if j.isOwn(a) {
		// The lists of interfaces say more, where one has it.
		r.add(ofRouter, "%s is an address of the host's own", a)
	}
}

// isOwn reports whether an address is the host's and no guest's: by the list of the host's
// own, or by what the kernel does with it where no guest accounts for that.
func (j *judge) isOwn(a netip.Addr) bool {
	return slices.ContainsFunc(j.Own, func(o Own) bool { return o.Addr == a }) ||
		j.Lookups[a].Fate == Local && !slices.Contains(j.Public, a) &&
			!slices.ContainsFunc(j.Others, func(o Other) bool { return slices.Contains(o.Public, a) })
}

// networks says whether an address is a router's, or none that a host on the networks
// around can have.
func (j *judge) networks(a netip.Addr, r *reasons) {
	if why := notAHosts(a); why != "" {
		r.add(bySelf, "%s", why)
	}
	j.routers(a, r)
	for _, n := range j.Networks {
		if j.leadsTo(n.Dev) {
			continue
		}
		switch first, last := ends(n.Prefix); a {
		case last:
			r.add(ofNetwork, "%s is the broadcast address of %s on %s", a, n.Prefix.Masked(), n.Dev)
		case first:
			what := "network"
			if a.Is6() {
				what = "all-routers"
			}
			r.add(ofNetwork, "%s is the %s address of %s on %s", a, what, n.Prefix.Masked(), n.Dev)
		}
	}
	if j.Lookups[a].Fate == Broadcast {
		// The networks say more, where one has it.
		r.add(ofGuest, "%s is a broadcast address", a)
	}
}

// routers says whether an address is a router's that the host uses. A guest may be one.
func (j *judge) routers(a netip.Addr, r *reasons) {
	for _, h := range j.NextHops {
		if h.Addr == a && !j.leadsTo(h.Dev) {
			r.add(ofRouter, "%s", h)
		}
	}
}

func (h NextHop) String() string {
	route := "default route"
	if h.Dst.Bits() != 0 {
		route = "route to " + plan.Bare(h.Dst.Masked())
	}
	if h.Table != 0 && h.Table != plan.MainTable {
		route += fmt.Sprintf(" of table %d", h.Table)
	}
	return fmt.Sprintf("%s is the router of %s (%s)", h.Addr, h.Dev, route)
}

func single(a netip.Addr) netip.Prefix { return netip.PrefixFrom(a, a.BitLen()) }

// routedElsewhere says whether something of a prefix is routed to another guest.
func (j *judge) routedElsewhere(p netip.Prefix, r *reasons) {
	for _, o := range j.rest {
		for _, routed := range o.Routed {
			switch routed := routed.Masked(); {
			case !routed.Overlaps(p):
			case routed == p:
				r.add(ofGuest, "%s is routed to %s", plan.Bare(p), o.Who)
			case routed.Bits() < p.Bits():
				r.add(ofGuest, "%s is part of %s, which is routed to %s", plan.Bare(p), routed, o.Who)
			default:
				r.add(ofGuest, "%s covers %s, which is routed to %s", p, plan.Bare(routed), o.Who)
			}
		}
	}
}

// publicElsewhere says whether an address stands for another guest.
func (j *judge) publicElsewhere(a netip.Addr, r *reasons) {
	for _, o := range j.rest {
		if slices.Contains(o.Public, a) {
			r.add(ofGuest, "%s is the public address of %s", a, o.Who)
		}
	}
}

// leavesElsewhere says whether what another guest sends leaves as an address.
func (j *judge) leavesElsewhere(a netip.Addr, r *reasons) {
	for _, o := range j.rest {
		if slices.Contains(o.Leaves, a) {
			r.add(ofGuest, "%s is what %s is masqueraded as", a, o.Who)
		}
	}
}

// otherUplink warns of an address in a network that is not on the guest's uplink: nothing
// there answers for it.
func (j *judge) otherUplink(a netip.Addr) {
	dev, where := j.networkOf(a)
	if dev == "" || dev == j.Uplink {
		return
	}
	uplink := "the guest has no uplink, so nothing answers for it there"
	if j.Uplink != "" {
		uplink = fmt.Sprintf("the guest's uplink is %s, so nothing answers for it there", j.Uplink)
	}
	j.warn("%s is %s, and %s: name %s by gatewaydev= or `uplink`", a, where, uplink, dev)
}

// networkOf is the interface on whose network an address is, "" where it is on none: by the
// most specific network, of several like it the uplink's, or else by the kernel's word.
func (j *judge) networkOf(a netip.Addr) (dev, where string) {
	var best Network
	for _, n := range j.Networks {
		switch {
		case !n.Prefix.Contains(a) || j.leadsTo(n.Dev):
		case best.Dev == "", n.Prefix.Bits() > best.Prefix.Bits(),
			n.Prefix.Bits() == best.Prefix.Bits() && best.Dev != j.Uplink && (n.Dev == j.Uplink || n.Dev < best.Dev):
			best = n
		}
	}
	if best.Dev != "" {
		return best.Dev, fmt.Sprintf("in %s, the network of %s", best.Prefix.Masked(), best.Dev)
	}
	if l := j.Lookups[a]; l.Fate == OnLink && !j.leadsTo(l.Dev) {
		return l.Dev, "reached through " + l.Dev
	}
	return "", ""
}

// onBridge judges what a bridge's port is to speak as. Only what is on the bridge itself is
// the host's there; a guest that is the host's router is as likely as a mistake.
func (j *judge) onBridge(p netip.Prefix) {
	for _, o := range j.Own {
		if o.Dev == j.Bridge && p.Contains(o.Addr) && !p.IsSingleIP() {
			j.warn("%s covers %s, the host's own address on %s: the guest may speak as the host; give the guest single addresses", p, o.Addr, o.Dev)
		}
	}
	if !p.IsSingleIP() {
		return
	}
	a := p.Addr()
	var own, router reasons
	if why := notAHosts(a); why != "" {
		own.add(bySelf, "%s", why)
	}
	for _, o := range j.Own {
		if o.Dev == j.Bridge && o.Addr == a {
			own.add(ofHost, "%s is the host's own address on %s", a, o.Dev)
		}
	}
	if j.refuse(own, remedyFor(a)) {
		return
	}
	for _, h := range j.NextHops {
		if h.Dev == j.Bridge && h.Addr == a {
			router.add(ofRouter, "%s", h)
		}
	}
	if router.said != "" {
		j.warn("%s: unless the guest is that router, give it another address", router.said)
	}
}
