package engine

import (
	"net/netip"
	"slices"

	"vifctl/configs"
	"vifctl/hooks/journal"
	"vifctl/hooks/ownership"
	"vifctl/hooks/plan"
	"vifctl/modes/nat"
)

// claimOf is what a NIC's steps ask for of addresses and of the host's ports. On a bridge
// that is what the NIC may speak as, which antispoofing holds it to.
func claimOf(who ownership.Who, mode, bridge string, steps []plan.Step) ownership.Claim {
	c := ownership.Claim{Who: who, Mode: mode, Bridge: bridge}
	for _, s := range steps {
		if s.Traits().Absent {
			continue
		}
		switch s := s.(type) {
		case plan.Route:
			c.Addresses = append(c.Addresses, s.Route.Dst)
		case plan.Address:
			if a := s.Addr.Prefix.Addr(); !s.NIC && a.Is4() {
				c.Gateway = a
			} else if !s.NIC && !a.IsLinkLocalUnicast() {
				c.Gateway6 = a
			}
		case plan.Rule:
			addRule(&c, s)
		default: // asks for no address
		}
	}
	for _, p := range c.Addresses {
		if mode == "nat" && p.Addr().Is4() && p.IsSingleIP() {
			c.RuleGateway = c.Gateway == nat.GatewayOf(p.Addr())
			break
		}
	}
	return c
}

func addRule(c *ownership.Claim, r plan.Rule) {
	switch {
	case r.Kind == plan.RuleOneToOne:
		c.Public = append(c.Public, r.Public)
	case r.Kind == plan.RuleMasquerade && r.Public.IsValid() && !slices.Contains(c.Leaves, r.Public):
		c.Leaves = append(c.Leaves, r.Public)
	case r.Kind == plan.RuleForward:
		c.Forwards = append(c.Forwards, ownership.ForwardOf(r))
	case r.Kind == plan.RuleOwnAddress && c.Bridge != "" && !r.Prefix.Addr().IsLinkLocalUnicast():
		c.Addresses = append(c.Addresses, r.Prefix)
	}
}

// ClaimOf is what a port that is up has asked for, as its record says.
func ClaimOf(r *journal.Record) ownership.Claim {
	c := claimOf(whoOf(r), r.Mode, r.Bridge, stepsOf(r))
	c.Ports = []string{r.Name, r.Device}
	for _, e := range r.Entries {
		if s, ok := e.Step.(plan.ProxyNeighbour); ok {
			c.Uplink = s.Dev.Name
		}
	}
	return c
}

func whoOf(r *journal.Record) ownership.Who {
	return ownership.Who{Guest: r.Guest, UUID: r.UUID, NIC: r.NIC}
}

func stepsOf(r *journal.Record) []plan.Step {
	steps := make([]plan.Step, len(r.Entries))
	for i, e := range r.Entries {
		steps[i] = e.Step
	}
	return steps
}

// ClaimOfEntry is what a configuration's entry asks for, whether or not its guest runs.
// Where the script is to pick the mode, the entry's settings tell which can be meant.
func ClaimOfEntry(g configs.Guest, uplink string) ownership.Claim {
	c := ownership.Claim{
		Who: ownership.Who{Guest: g.Name, UUID: g.UUID}, Mode: g.Mode, Bridge: g.Bridge, Uplink: uplink,
		Addresses: g.Addresses, Public: g.Public, Leaves: g.MasqueradeAs.All(), Gateway: g.Gateway.IPv4, Gateway6: g.Gateway.IPv6,
	}
	if g.Uplink != "" {
		c.Uplink = g.Uplink
	}
	for _, r := range forwards(g.Forwards) {
		c.Forwards = append(c.Forwards, ownership.ForwardOf(r))
	}
	if c.Mode == "" {
		c.Mode = "route"
		if len(c.Public)+len(c.Forwards) > 0 {
			c.Mode = "nat"
		}
	}
	own := slices.IndexFunc(c.Addresses, func(p netip.Prefix) bool { return p.Addr().Is4() && p.IsSingleIP() })
	if c.Mode == "nat" && !c.Gateway.IsValid() && own >= 0 {
		c.Gateway, c.RuleGateway = nat.GatewayOf(c.Addresses[own].Addr()), true
	}
	return c
}

// asked are the single addresses that a claim is about, each once: those that a look-up in
// the kernel's routes tells something of.
func asked(c ownership.Claim) (list []netip.Addr) {
	add := func(a netip.Addr) {
		if a.IsValid() && !slices.Contains(list, a) {
			list = append(list, a)
		}
	}
	for _, p := range c.Addresses {
		if p.IsSingleIP() {
			add(p.Addr())
		}
	}
	for _, a := range slices.Concat(c.Public, c.Leaves) {
		add(a)
	}
	for _, f := range c.Forwards {
		add(f.Listen)
	}
	add(c.Gateway)
	add(c.Gateway6)
	return list
}
