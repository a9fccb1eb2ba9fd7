package doctor

import (
	"fmt"
	"slices"
	"strings"

	"vifctl/hooks/doctor/inventory"
	"vifctl/hooks/kernel"
	"vifctl/hooks/network"
	"vifctl/hooks/plan"
)

// networkMissing looks for bridges that `vifctl network` made and that have gone. The record knows
// what a person would have to find out: which card was in it, and the host's addresses.
func networkMissing(f *inventory.Facts) (all []Finding) {
	for _, s := range f.Sides {
		if !s.Gone {
			continue
		}
		found := missingOf(s)
		found.Sentence = fmt.Sprintf("The bridge %s that `vifctl network` made does not exist any more.", s.Name)
		if s.Another {
			found.Sentence = fmt.Sprintf("The bridge %s is not the one that `vifctl network` made: it has neither the host's card nor its addresses.", s.Name)
			found.Evidence = append(found.Evidence, "link "+s.Name+" is another")
			found.Fix = slices.Insert(found.Fix, 0, plan.Command("ip", "link", "delete", s.Name))
		}
		if slices.ContainsFunc(f.NICs, func(n inventory.NIC) bool { return n.Alive && n.WantedBridge() == s.Name }) {
			found.Fix = append(found.Fix, "vifctl repair")
		}
		all = append(all, found)
	}
	return all
}

// networkChanged holds the rest of what it started against the host as it is.
func networkChanged(f *inventory.Facts) (all []Finding) {
	for _, s := range f.Sides {
		if s.Gone || len(s.Missing) == 0 {
			continue
		}
		found := missingOf(s)
		found.Severity = Warning
		found.Sentence = fmt.Sprintf("What `vifctl network start %s` set has been changed.", s.Mode)
		for _, step := range slices.Backward(s.Missing) {
			switch step := step.(type) {
			case plan.Master:
				found.Sentence = fmt.Sprintf("%s is no longer a port of %s: guests there reach no host outside.", step.Dev.Name, s.Name)
			case plan.Up:
				found.Sentence = fmt.Sprintf("%s, which `vifctl network` set up for guests, is down.", step.Dev.Name)
			case plan.Forwarding:
				found.Sentence = fmt.Sprintf("Forwarding, which `vifctl network start %s` turned on, is off.", s.Mode)
			default:
				continue
			}
			found.Severity = Error
		}
		all = append(all, found)
	}
	return all
}

func missingOf(s network.Side) Finding {
	found := Finding{
		Subject: s.Name, Evidence: []string{fmt.Sprintf("/run/vifctl/network.%s.%s.json: it is started", s.Mode, s.Name)}, Fix: []string{s.Command},
	}
	for _, step := range s.Missing {
		found.Evidence = append(found.Evidence, "missing: "+command(step))
	}
	return found
}

// sideOf is the network that was started under a bridge's or an uplink's name.
func sideOf(f *inventory.Facts, name string) (network.Side, bool) {
	i := slices.IndexFunc(f.Sides, func(s network.Side) bool { return s.Name == name || s.Uplink == name })
	if i < 0 {
		return network.Side{}, false
	}
	return f.Sides[i], true
}

// routerSide is the network by which the host was made a router.
func routerSide(f *inventory.Facts) (network.Side, bool) {
	i := slices.IndexFunc(f.Sides, func(s network.Side) bool { return s.Mode != "bridge" })
	if i < 0 {
		return network.Side{}, false
	}
	return f.Sides[i], true
}

// bridgeCardDown looks at the way from a bridge with guests to the world: its ports that are no
// guest's. A bridge without any is for guests alone.
func bridgeCardDown(f *inventory.Facts) (all []Finding) {
	guests := map[string][]*inventory.NIC{}
	for i := range f.NICs {
		if n := &f.NICs[i]; n.Alive && f.Bridge(n) != "" {
			guests[f.Bridge(n)] = append(guests[f.Bridge(n)], n)
		}
	}
	for _, bridge := range links(f) {
		if len(guests[bridge.Name]) == 0 || !bridge.Bridge {
			continue
		}
		var down []kernel.Link
		works := false
		for _, card := range f.MemberPorts(bridge.Index) {
			// Other programs' guests have taps, which lead to no network.
			if own, _ := f.PortOf(card.Index); own != nil || card.Kind == "tun" {
				continue
			}
			works = works || card.Up && card.Carrier
			down = append(down, card)
		}
		if works || len(down) == 0 {
			continue
		}
		found := Finding{
			Severity: Warning, Subject: bridge.Name, Sentence: fmt.Sprintf("No way leads out of the bridge %s of %s: %s.", bridge.Name, who(guests[bridge.Name]), states(down)),
			Fix: []string{},
		}
		// It is known that guests' way out is there, and not only a container's port.
		if side, started := sideOf(f, bridge.Name); started && side.Uplink != "" || f.Uplink(nil) == bridge.Name {
			found.Severity = Error
		}
		for _, card := range down {
			found.Evidence = append(found.Evidence, "link "+card.Name+" is in "+bridge.Name+" and "+state(card))
			if !card.Up {
				found.Fix = append(found.Fix, plan.Command("ip", "link", "set", card.Name, "up"))
			}
		}
		if len(found.Fix) == 0 {
			found.Fix = []string{"ethtool " + down[0].Name}
		}
		all = append(all, found.touching(guests[bridge.Name]))
	}
	return all
}

func state(l kernel.Link) string {
	if !l.Up {
		return "is down"
	}
	return "has no carrier: a cable, or a switch"
}

func states(list []kernel.Link) string {
	var words []string
	for _, l := range list {
		words = append(words, l.Name+" "+state(l))
	}
	return strings.Join(words, ", ")
}
