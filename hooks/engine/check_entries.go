package engine

import (
	"fmt"
	"slices"

	"vifctl/configs"
	"vifctl/hooks/journal"
	"vifctl/hooks/kernel"
	"vifctl/hooks/ownership"
	"vifctl/hooks/plan"
)

// Misgiving is what an entry of the configuration would be refused for on this host, or
// warned of.
type Misgiving struct {
	// Entry as the configuration names its guest.
	Entry    string
	Sentence string
	Refused  bool
}

// CheckEntries holds every entry of the configuration against the host as it is now, whether
// or not its guest runs.
func (e *Engine) CheckEntries() ([]Misgiving, error) {
	boot, err := kernel.BootID()
	if err != nil {
		return nil, err
	}
	s, err := e.Surroundings(boot)
	if err != nil {
		return nil, err
	}
	all := s.missing("host", "uplink", e.Config.Host.Uplink)
	entries := e.Config.Guests()
	claims := make([]ownership.Claim, len(entries))
	for i, g := range entries {
		claims[i] = ClaimOfEntry(g, s.Host.Uplink())
		for _, r := range s.Records {
			if IsOf(g, r) {
				claims[i].Who = whoOf(r)
				claims[i].Ports = append(claims[i].Ports, r.Name)
			}
		}
	}
	for i, g := range entries {
		if g.Uplink != e.Config.Host.Uplink {
			all = append(all, s.missing(g.String(), "uplink", g.Uplink)...)
		}
		if g.Mode != "openvswitch" { // the kernel does not know its bridges
			all = append(all, s.missing(g.String(), "bridge", g.Bridge)...)
		}
		f, err := e.Facts(s, claims[i])
		if err != nil {
			return nil, err
		}
		// What two entries want of each other without a word about the host has been
		// found in their files; what they come to on this host has not.
		f.Others = slices.Clone(f.Others)
		for j, c := range claims {
			if j != i {
				f.Others = append(f.Others, ownership.Other{Who: c.Who, Uplink: c.Uplink, Forwards: c.Forwards})
			}
		}
		refusals, warnings := ownership.Judge(claims[i], f)
		for _, sentence := range refusals {
			all = append(all, Misgiving{g.String(), sentence, true})
		}
		for _, sentence := range warnings {
			all = append(all, Misgiving{g.String(), sentence, false})
		}
	}
	return all, nil
}

// IsOf reports whether a port that is up is the guest's that an entry is about. An entry that
// knows it by the hardware address alone is told by that, or by what is routed there.
func IsOf(g configs.Guest, r *journal.Record) bool {
	if g.Name != "" || g.UUID != "" {
		return ownership.Who{Guest: g.Name, UUID: g.UUID}.Same(ownership.Who{Guest: r.Guest, UUID: r.UUID})
	}
	has := func(s plan.Step) bool {
		rule, _ := s.(plan.Rule)
		neighbour, _ := s.(plan.Neighbour)
		return g.MAC != "" && (rule.MAC == g.MAC || neighbour.MAC == g.MAC)
	}
	return slices.ContainsFunc(stepsOf(r), has) || len(g.Addresses) > 0 && slices.Equal(ClaimOf(r).Addresses, g.Addresses)
}

// missing says that an interface which the configuration names does not exist; "" is none.
func (s *Surroundings) missing(entry, what, name string) []Misgiving {
	if _, ok := s.Host.Named(name); ok || name == "" {
		return nil
	}
	return []Misgiving{{entry, fmt.Sprintf("the %s %s does not exist on this host", what, name), true}}
}
