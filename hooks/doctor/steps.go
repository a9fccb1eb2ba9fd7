package doctor

import (
	"fmt"
	"slices"
	"strings"

	"vifctl/hooks/doctor/inventory"
	"vifctl/hooks/plan"
)

// What a port's plan wants and the host does not have: the same plan that a call
// makes, told apart by what it means to the guest.

// lacking makes one finding a port of the missing steps that wanted takes.
func lacking(f *inventory.Facts, wanted func(plan.Step) bool, tell func(*inventory.NIC, *inventory.Port, []plan.Step) Finding) []Finding {
	return each(f, func(n *inventory.NIC) (all []Finding) {
		told := map[string]bool{}
		for _, p := range n.Ports() {
			if p == n.Late() {
				continue // it lacks everything, which is one finding
			}
			var steps []plan.Step
			for _, a := range p.Missing() {
				// What serves both ports of a NIC is missing once.
				if wanted(a.Step) && !told[a.Step.Key()] {
					told[a.Step.Key()] = a.Step.Traits().Owner != plan.OwnerPort
					steps = append(steps, a.Step)
				}
			}
			if len(steps) == 0 {
				continue
			}
			found := tell(n, p, steps)
			found.Subject = p.Name
			for _, s := range steps {
				found.Evidence = append(found.Evidence, "missing: "+command(s))
			}
			if found.Fix == nil {
				found.Fix = []string{"vifctl repair " + p.Name}
			}
			all = append(all, found)
		}
		return all
	})
}

func command(s plan.Step) string { return strings.TrimPrefix(strings.Join(s.Commands(), "; "), "# ") }

func isUp(s plan.Step) bool { _, ok := s.(plan.Up); return ok }

func portDown(f *inventory.Facts) []Finding {
	return lacking(f, isUp, func(_ *inventory.NIC, p *inventory.Port, _ []plan.Step) Finding {
		return Finding{
			Sentence: fmt.Sprintf("%s is down.", p.Name), Evidence: []string{"link " + p.Name + " is down"},
			Fix: []string{"vifctl repair " + p.Name},
		}
	})
}

// isMaster: a port's place in a bridge, the kernel's or Open vSwitch's.
func isMaster(s plan.Step) bool { return bridgeIn(s) != "" }

func bridgeIn(s plan.Step) string {
	switch s := s.(type) {
	case plan.Master:
		return s.Bridge.Name
	case plan.SwitchPort:
		return s.Bridge
	default:
		return ""
	}
}

func wrongBridge(f *inventory.Facts) []Finding {
	return lacking(f, isMaster, func(_ *inventory.NIC, p *inventory.Port, steps []plan.Step) Finding {
		bridge := bridgeIn(steps[0])
		if m, ok := steps[0].(plan.Master); ok && p.Link.Master == m.Bridge.Index {
			return Finding{
				Sentence: fmt.Sprintf("%s learns from frames of %s that the guest's filter does not see.", bridge, p.Name),
				Evidence: []string{fmt.Sprintf("group_fwd_mask of %s is %#x", p.Name, p.Link.GroupForward)},
			}
		}
		is := "in no bridge"
		if l, ok := f.Host.Links[p.Link.Master]; ok {
			is = "in " + l.Name
		}
		return Finding{Sentence: fmt.Sprintf("%s is %s and should be in %s.", p.Name, is, bridge), Evidence: []string{"link " + p.Name + " is " + is}}
	})
}

// isGateway: an address that the host has on the port, for the guest to ask.
func isGateway(s plan.Step) bool {
	a, ok := s.(plan.Address)
	return ok && !a.Absent && !a.NIC
}

func gatewayAddress(f *inventory.Facts) []Finding {
	return lacking(f, isGateway, func(_ *inventory.NIC, p *inventory.Port, _ []plan.Step) Finding {
		return Finding{
			Sentence: fmt.Sprintf("The host lacks the address on %s that the guest uses as its gateway.", p.Name), Evidence: []string{addressesOn(f, p)},
		}
	})
}

func isRoute(s plan.Step) bool {
	r, ok := s.(plan.Route)
	return ok && !r.Absent
}

func routeMissing(f *inventory.Facts) []Finding {
	return lacking(f, isRoute, func(_ *inventory.NIC, p *inventory.Port, steps []plan.Step) Finding {
		var to, evidence []string
		another := true
		for _, s := range steps {
			r := s.(plan.Route).Route
			to = append(to, plan.Bare(r.Dst))
			way := "nowhere"
			best, ok := inventory.BestRoute(f, r.Dst.Addr())
			if ok {
				way = "to " + f.Host.Links[best.Index()].Name
			}
			another = another && ok && best.Index() == p.Link.Index && best.Dst == r.Dst
			evidence = append(evidence, fmt.Sprintf("ip route get %s leads %s", r.Dst.Addr(), way))
		}
		if another {
			return Finding{
				Severity: Warning, Sentence: fmt.Sprintf("The route to the guest's %s behind %s differs from what it should be.", strings.Join(to, ", "), p.Name), Evidence: evidence,
			}
		}
		return Finding{Sentence: fmt.Sprintf("No route leads to the guest's %s behind %s.", strings.Join(to, ", "), p.Name), Evidence: evidence}
	})
}

func isSetting(name string) func(plan.Step) bool {
	return func(s plan.Step) bool {
		setting, ok := s.(plan.Sysctl)
		return ok && setting.Name == name
	}
}

func proxyARP(f *inventory.Facts) []Finding {
	return lacking(f, isSetting("proxy_arp"), func(_ *inventory.NIC, p *inventory.Port, _ []plan.Step) Finding {
		return Finding{
			Sentence: fmt.Sprintf("The host does not answer on %s for addresses behind it: the guest reaches only the host.", p.Name),
			Evidence: []string{fmt.Sprintf("net/ipv4/conf/%s/proxy_arp is %q", p.Name, f.Setting("ipv4/conf", p.Name, "proxy_arp"))},
		}
	})
}

func isProxyNDP(s plan.Step) bool {
	_, ok := s.(plan.ProxyNeighbour)
	return ok || isSetting("proxy_ndp")(s)
}

func proxyNDP(f *inventory.Facts) []Finding {
	return lacking(f, isProxyNDP, func(n *inventory.NIC, _ *inventory.Port, steps []plan.Step) Finding {
		uplink := f.Uplink(n)
		switch s := steps[0].(type) {
		case plan.ProxyNeighbour:
			uplink = s.Dev.Name
		case plan.Sysctl:
			uplink = s.Dev.Name
		default: // isProxyNDP takes no other
		}
		return Finding{
			Sentence: fmt.Sprintf("%s does not answer for the guest's IPv6 addresses: no host outside finds the guest.", uplink),
			Evidence: []string{fmt.Sprintf("net/ipv6/conf/%s/proxy_ndp is %q", uplink, f.Setting("ipv6/conf", uplink, "proxy_ndp"))},
		}
	})
}

func isPublic(s plan.Step) bool {
	a, ok := s.(plan.Address)
	return ok && !a.Absent && a.NIC
}

func publicAddress(f *inventory.Facts) []Finding {
	return lacking(f, isPublic, func(_ *inventory.NIC, _ *inventory.Port, steps []plan.Step) Finding {
		a := steps[0].(plan.Address)
		l := f.Host.Links[a.Dev.Index]
		return Finding{
			Sentence: fmt.Sprintf("%s lacks the guest's public address %s: no host outside finds it.", l.Name, a.Addr.Prefix.Addr()),
			Evidence: []string{addressesOn(f, &inventory.Port{Name: l.Name, Link: &l})},
		}
	})
}

func isRule(kinds ...plan.RuleKind) func(plan.Step) bool {
	return func(s plan.Step) bool {
		r, ok := s.(plan.Rule)
		return ok && !r.Absent && slices.Contains(kinds, r.Kind)
	}
}

func translationMissing(f *inventory.Facts) []Finding {
	kinds := isRule(plan.RuleOneToOne, plan.RuleMasquerade, plan.RuleForward, plan.RulePrivate, plan.RulePrivate4)
	return lacking(f, kinds, func(n *inventory.NIC, p *inventory.Port, _ []plan.Step) Finding {
		return Finding{Sentence: fmt.Sprintf("The addresses of %s are not translated behind %s.", n.Label(), p.Name), Evidence: []string{}}
	})
}

// markMissing: only what carries the mark passes others' filters.
func markMissing(f *inventory.Facts) []Finding {
	return lacking(f, isRule(plan.RuleRouted), func(_ *inventory.NIC, p *inventory.Port, _ []plan.Step) Finding {
		return Finding{Sentence: fmt.Sprintf("What %s forwards has no mark that other programs' rules let pass.", p.Name), Evidence: []string{}}
	})
}

func antispoofingMissing(f *inventory.Facts) []Finding {
	kinds := isRule(plan.RuleStrict, plan.RuleMAC, plan.RuleOwnMAC, plan.RuleOwnAddress, plan.RuleGuestAddress)
	return lacking(f, kinds, func(_ *inventory.NIC, p *inventory.Port, _ []plan.Step) Finding {
		return Finding{Sentence: fmt.Sprintf("The guest behind %s is not held to its own addresses.", p.Name), Evidence: []string{}}
	})
}

// drifted takes what no other check covers, and what the configuration
// no longer wants.
func drifted(f *inventory.Facts) []Finding {
	known := []func(plan.Step) bool{isUp, isMaster, isGateway, isRoute, isSetting("proxy_arp"), isProxyNDP, isPublic}
	rest := func(s plan.Step) bool {
		_, rule := s.(plan.Rule)
		_, flows := s.(plan.Flows)
		return !rule && !flows && !slices.ContainsFunc(known, func(is func(plan.Step) bool) bool { return is(s) })
	}
	all := lacking(f, rest, func(_ *inventory.NIC, p *inventory.Port, _ []plan.Step) Finding {
		return Finding{Sentence: fmt.Sprintf("%s has changed since it was brought up.", p.Name), Evidence: []string{}}
	})
	return append(all, each(f, func(n *inventory.NIC) (more []Finding) {
		for _, p := range n.Ports() {
			if p.Work == nil || len(p.Work.Undo) == 0 {
				continue
			}
			found := Finding{
				Subject: p.Name, Sentence: fmt.Sprintf("%s has what the configuration no longer wants.", p.Name), Fix: []string{"vifctl repair " + p.Name},
			}
			for _, e := range p.Work.Undo {
				found.Evidence = append(found.Evidence, "no longer wanted: "+command(e.Step))
			}
			more = append(more, found)
		}
		return more
	})...)
}
