// Package nat makes a port a routed interface of a guest with a private
// address: what vif-nat does, and the translation that vif-nat left to others.
// The guest reaches out with the uplink's address or with a public one of its
// own; it is reached by what is configured and by nothing else.
package nat

import (
	"fmt"
	"net/netip"
	"slices"

	"vifctl/hooks/plan"
	"vifctl/modes/routed"
)

// Mode is the nat mode.
type Mode struct{}

// Needs implements modes.Mode.
func (Mode) Needs(r plan.Request) plan.Query { return routed.Needs(r) }

// Plan implements modes.Mode.
func (Mode) Plan(r plan.Request, s *plan.Snapshot) (plan.Plan, error) {
	var p plan.Plan
	if s.Uplink == nil && r.Uplink != "" {
		return p, fmt.Errorf("%s: the uplink %s does not exist: bring it up, or name another with gatewaydev=", r.Port, r.Uplink)
	}
	ips := r.IPs
	if len(ips) == 0 {
		own := addressOf(r.NIC)
		ips = []netip.Prefix{netip.PrefixFrom(own, 32)}
		p.Warn("the guest has no address (ip=): it is to use %s", own)
	}
	r.IPs = ips // antispoofing holds the guest to what it is to use
	gateway := r.Gateway
	if own := first(ips, false); !gateway.IsValid() && own.IsValid() {
		gateway = GatewayOf(own)
	}
	port := routed.Port{Host4: gateway, Host6: r.Gateway6, IPs: ips}
	if s.Uplink != nil {
		port.Answer = s.Uplink.Dev
	}
	port.Rules = append(port.Rules, plan.Rule{Kind: plan.RuleRouted, Dev: r.Port})
	port.Rules = append(port.Rules, private(r, ips)...)
	translation, err := translate(r, s, ips)
	if err != nil {
		return p, err
	}
	port.Rules = append(port.Rules, translation...)
	port.Rules = append(port.Rules, leaves(r, s, translation)...)
	// First here is last to be undone: then nothing can start a new flow.
	for _, ip := range ips {
		if ip.IsSingleIP() {
			p.Steps = append(p.Steps, plan.Flows{IP: ip.Addr()})
		}
	}
	for _, public := range r.Public {
		p.Steps = append(p.Steps, plan.Flows{IP: public})
	}
	for _, step := range translation {
		if rule := step.(plan.Rule); rule.Kind == plan.RuleForward {
			p.Steps = append(p.Steps, plan.Flows{By: rule})
		}
	}
	err = routed.Steps(&p, r, s, port)
	p.Steps = append(p.Steps, answer(r, s)...)
	for _, step := range translation {
		p.Steps = append(p.Steps, plan.Flows{By: step.(plan.Rule), Without: true})
	}
	p.Announce(s.Uplink, append(slices.Clone(r.Public), open6(r, ips)...))
	routed.WarnForwarding(&p, s.Uplink, ips)
	return p, err
}

// private keeps strangers from the guest's own addresses.
func private(r plan.Request, ips []netip.Prefix) []plan.Step {
	switch {
	case !r.Open6:
		return []plan.Step{plan.Rule{Kind: plan.RulePrivate, Dev: r.Port}}
	case slices.ContainsFunc(ips, func(ip netip.Prefix) bool { return ip.Addr().Is4() }):
		return []plan.Step{plan.Rule{Kind: plan.RulePrivate4, Dev: r.Port}}
	}
	return nil
}

// translate returns the rules of the guest's addresses: one to one for the
// public ones in their order, masquerade for what has none, and forwards.
func translate(r plan.Request, s *plan.Snapshot, ips []netip.Prefix) ([]plan.Step, error) {
	var rules []plan.Step
	taken := map[netip.Addr]bool{}
	for _, public := range r.Public {
		private, err := partner(r.Port, public, ips, taken)
		if err != nil {
			return nil, err
		}
		taken[private] = true
		rules = append(rules, plan.Rule{Kind: plan.RuleOneToOne, Public: public, Private: private})
	}
	for _, ip := range ips {
		if a := ip.Addr(); ip.IsSingleIP() && !taken[a] && !r.NoMasquerade && (a.Is4() || r.NAT66) {
			rules = append(rules, plan.Rule{Kind: plan.RuleMasquerade, Private: a, Public: as(r, a.Is6())})
		}
	}
	for _, f := range r.Forwards {
		f.Kind = plan.RuleForward
		if !f.Public.IsValid() {
			if s.Uplink == nil {
				return nil, fmt.Errorf("%s: a forward without an address listens on the uplink's, and there is no uplink", r.Port)
			}
			f.Public, _ = s.Uplink.First(false)
		}
		if f.Private = first(ips, f.Public.Is6()); !f.Private.IsValid() {
			return nil, fmt.Errorf("%s: forward of %s port %d: the guest has no address of that family", r.Port, f.Public, f.First)
		}
		rules = append(rules, f)
	}
	return rules, nil
}

// as is the address as which what is masqueraded leaves, zero for the uplink's.
func as(r plan.Request, is6 bool) netip.Addr {
	for _, a := range r.MasqueradeAs {
		if a.Is6() == is6 {
			return a
		}
	}
	return netip.Addr{}
}

// leaves returns the rules of what leaves by an uplink that is not the host's.
func leaves(r plan.Request, s *plan.Snapshot, translation []plan.Step) (rules []plan.Step) {
	if s.Uplink == nil || r.HostUplink == "" || r.HostUplink == s.Uplink.Name {
		return nil
	}
	for _, step := range translation {
		switch rule := step.(plan.Rule); rule.Kind {
		case plan.RuleOneToOne, plan.RuleMasquerade:
			rules = append(rules, plan.Rule{
				Kind: plan.RuleLeaves, Dev: s.Uplink.Dev, Private: rule.Private, Public: rule.Public, Masquerade: rule.Kind == plan.RuleMasquerade,
			})
		default:
		}
	}
	return rules
}

// partner finds the private address that a public one stands for: the first of
// its family that has no other yet.
func partner(port plan.Dev, public netip.Addr, ips []netip.Prefix, taken map[netip.Addr]bool) (netip.Addr, error) {
	for _, ip := range ips {
		if a := ip.Addr(); a.Is6() == public.Is6() && ip.IsSingleIP() && !taken[a] {
			return a, nil
		}
	}
	return netip.Addr{}, fmt.Errorf("%s: the guest has no private address left for the public address %s to stand for", port, public)
}

// answer puts the public addresses on the uplink, so that the host answers for
// them there.
func answer(r plan.Request, s *plan.Snapshot) []plan.Step {
	if s.Uplink == nil {
		return nil
	}
	var steps []plan.Step
	for _, public := range r.Public {
		a := plan.Addr{Prefix: netip.PrefixFrom(public, public.BitLen()), Origin: plan.RouteProtocol}
		if public.Is6() {
			// Deprecated, or the host and the masquerade would choose a guest's
			// address as their own.
			a.NoDAD, a.Deprecated = true, true
		}
		steps = append(steps, plan.Address{Dev: s.Uplink.Dev, Addr: a, NIC: true})
	}
	return steps
}

// open6 are the guest's own addresses that are reached from outside: IPv6 is
// routed unless it is translated, too.
func open6(r plan.Request, ips []netip.Prefix) []netip.Addr {
	if r.NAT66 {
		return nil
	}
	return slices.DeleteFunc(routed.Singles(ips), netip.Addr.Is4)
}

func first(ips []netip.Prefix, is6 bool) netip.Addr {
	for _, ip := range ips {
		if ip.Addr().Is6() == is6 && ip.IsSingleIP() {
			return ip.Addr()
		}
	}
	return netip.Addr{}
}

// addressOf is the address that vif-nat has always given to a guest without
// one: 10.<domid/256>.<domid%256>.<handle+1>.
func addressOf(n plan.NIC) netip.Addr {
	return netip.AddrFrom4([4]byte{10, byte(n.Domid >> 8), byte(n.Domid), byte(n.Devid + 1)})
}

// GatewayOf is the gateway that belongs to a private address by vif-nat's rule:
// 127 above it, or 127 below where that would be no host's address any more.
func GatewayOf(a netip.Addr) netip.Addr {
	b := a.As4()
	if int(b[3])+127 > 254 {
		b[3] -= 127
	} else {
		b[3] += 127
	}
	return netip.AddrFrom4(b)
}
