package engine

import (
	"fmt"
	"slices"

	"vifctl/hooks/kernel"
	"vifctl/hooks/ownership"
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
	var all []Misgiving
	if missing := e.Config.Host.Uplink; missing != "" {
		if _, ok := s.Host.Named(missing); !ok {
			all = append(all, Misgiving{"host", fmt.Sprintf("the uplink %s does not exist on this host", missing), true})
		}
	}
	entries := e.Config.Guests()
	claims := make([]ownership.Claim, len(entries))
	for i, g := range entries {
		claims[i] = ClaimOfEntry(g, s.Host.Uplink())
		for _, r := range s.Records {
			if (ownership.Who{Guest: r.Guest, UUID: r.UUID}).Same(claims[i].Who) {
				claims[i].Ports = append(claims[i].Ports, r.Name)
			}
		}
	}
	for i, g := range entries {
		for what, name := range map[string]string{"uplink": g.Uplink, "bridge": g.Bridge} {
			if _, ok := s.Host.Named(name); name != "" && !ok && g.Mode != "openvswitch" {
				all = append(all, Misgiving{g.String(), fmt.Sprintf("the %s %s does not exist on this host", what, name), true})
			}
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
