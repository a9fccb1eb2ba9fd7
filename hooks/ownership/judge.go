// Package ownership says whose an address is: what a guest's file asks for is held against
// what is the host's own, its routers', its networks' and other guests'. It is pure: whoever
// asks reads the facts, and does with the answer what is right there.
package ownership

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
)

// Judge holds a claim against the facts. Each refusal and each warning is one sentence: the
// address, whose it is, and what to do. A refused claim would take something from the host,
// its network or another guest; one with warnings may be what is
// wanted, or does not do what it seems to. Each address, gateway and forward has at most one refusal. The answer
// does not depend on the order of the facts.
func Judge(c Claim, f Facts) (refusals, warnings []string) {
	j := judge{Claim: c, Facts: f, rest: slices.DeleteFunc(slices.Clone(f.Others), func(o Other) bool { return c.Same(o.Who) })}
	for _, p := range c.Addresses {
		switch p := p.Masked(); {
		case c.bridged():
			j.onBridge(p)
		case p.IsSingleIP():
			j.address(p.Addr())
		default:
			j.prefix(p)
		}
	}
	if c.translated() {
		for _, a := range c.Public {
			j.public(a)
		}
		for _, a := range c.Leaves {
			j.leaves(a)
		}
		for _, fw := range c.Forwards {
			j.forward(fw)
		}
	}
	if !c.bridged() {
		j.gateway(c.Gateway)
		j.gateway(c.Gateway6)
	}
	// The same facts in another order say the same.
	slices.Sort(j.refusals)
	slices.Sort(j.warnings)
	return j.refusals, j.warnings
}

type judge struct {
	Claim
	Facts
	// rest are the other guests, without the claim's own.
	rest               []Other
	refusals, warnings []string
}

// reasons are sentences about one thing that a claim asks for, of which the first by rank,
// then by the alphabet, is said.
type reasons struct {
	rank int
	said string
}

func (r *reasons) add(rank int, format string, args ...any) {
	s := fmt.Sprintf(format, args...)
	if r.said == "" || cmp.Or(cmp.Compare(rank, r.rank), cmp.Compare(s, r.said)) < 0 {
		r.rank, r.said = rank, s
	}
}

// refuse says what is wrong, if anything is, and what to do.
func (j *judge) refuse(r reasons, remedy string) (refused bool) {
	if r.said == "" {
		return false
	}
	j.refusals = once(j.refusals, r.said+": "+remedy)
	return true
}

func (j *judge) warn(format string, args ...any) {
	j.warnings = once(j.warnings, fmt.Sprintf(format, args...))
}

func once(list []string, s string) []string {
	if slices.Contains(list, s) {
		return list
	}
	return append(list, s)
}

// Ranks of reasons: what an address is by itself, then the host's, its routers', its
// networks' and other guests'.
const (
	bySelf = iota
	ofHost
	ofRouter
	ofNetwork
	ofGuest
)

const another = "a guest cannot have it; give the guest another address"

// address judges a single address that is to be routed to the guest.
func (j *judge) address(a netip.Addr) {
	var r reasons
	j.hosts(a, &r)
	j.networks(a, &r)
	j.routedElsewhere(single(a), &r)
	j.publicElsewhere(a, &r)
	j.leavesElsewhere(a, &r)
	if !j.refuse(r, remedyFor(a)) && j.answered(a) {
		j.otherUplink(a)
	}
}

func remedyFor(a netip.Addr) string {
	if isNetmask(a) {
		return "give the guest's addresses alone, without mask and gateway"
	}
	return another
}

// prefix judges a prefix that is to be routed to the guest. One that is a part of a
// network of the host's takes nothing: the host answers there for each of its addresses.
func (j *judge) prefix(p netip.Prefix) {
	var r reasons
	if why := holdsReserved(p); why != "" {
		r.add(bySelf, "%s", why)
	}
	for _, o := range j.Own {
		if p.Contains(o.Addr) {
			r.add(ofHost, "%s covers %s, the host's own address on %s", p, o.Addr, o.Dev)
		}
	}
	for _, h := range j.NextHops {
		if p.Contains(h.Addr) && !j.leadsTo(h.Dev) {
			r.add(ofRouter, "%s covers %s, the router of %s", p, h.Addr, h.Dev)
		}
	}
	for _, n := range j.Networks {
		net := n.Prefix.Masked()
		if p.Overlaps(net) && p.Bits() <= net.Bits() && !net.IsSingleIP() && !j.leadsTo(n.Dev) {
			r.add(ofNetwork, "%s covers %s, the network of %s", p, net, n.Dev)
		}
	}
	j.routedElsewhere(p, &r)
	for _, o := range j.rest {
		for _, a := range o.Public {
			if p.Contains(a) {
				r.add(ofGuest, "%s covers %s, the public address of %s", p, a, o.Who)
			}
		}
	}
	if !j.refuse(r, "a guest cannot have all of it; give the guest single addresses, or a prefix without that") && j.answered(p.Addr()) {
		j.otherUplink(p.Addr())
	}
}

// public judges an address that is to stand for a private one on the uplink.
func (j *judge) public(a netip.Addr) {
	var r reasons
	j.hosts(a, &r)
	j.networks(a, &r)
	j.routedElsewhere(single(a), &r)
	j.publicElsewhere(a, &r)
	j.leavesElsewhere(a, &r)
	for _, o := range j.rest {
		for _, fw := range o.Forwards {
			if listen, ok := j.resolve(fw, o.Uplink); ok && listen == a {
				r.add(ofGuest, "%s leads to %s with %s", a, o.Who, fw)
			}
		}
	}
	if !j.refuse(r, "it cannot be public for this guest; take another public address") {
		j.otherUplink(a)
	}
}

// leaves judges an address as which what the guest sends leaves. It may be the host's own.
func (j *judge) leaves(a netip.Addr) {
	var r reasons
	j.networks(a, &r)
	j.routedElsewhere(single(a), &r)
	j.publicElsewhere(a, &r)
	switch {
	case j.refuse(r, "what this guest sends cannot leave as it; take an address of the host's own in `masquerade`"):
	case !j.isOwn(a) && !slices.Contains(j.Public, a):
		j.warn("%s is on no interface of this host: answers to what the guest sends as it come here only if they are routed here; put it on the uplink, or take another address in `masquerade`", a)
	}
}

// gateway judges an address for which the host is to answer its guest. It may be the host's
// own, and a link-local one is the guest's link's alone.
func (j *judge) gateway(a netip.Addr) {
	if !a.IsValid() || a.Is6() && a.IsLinkLocalUnicast() {
		return
	}
	var r reasons
	j.networks(a, &r)
	j.publicElsewhere(a, &r)
	for _, o := range j.rest {
		if slices.Contains(o.Routed, single(a)) {
			r.add(ofGuest, "%s is routed to %s", a, o.Who)
		}
	}
	remedy := "the host cannot answer for it as the guest's gateway; set `gateway` to an address that is free, or to the host's own"
	if j.RuleGateway && a == j.Gateway {
		remedy = "the rule that a guest's gateway is 127 above or below its address comes to it; set `gateway` to an address that is free, or to the host's own"
	}
	j.refuse(r, remedy)
}
