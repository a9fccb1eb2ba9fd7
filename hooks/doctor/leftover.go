package doctor

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"vifctl/configs"
	"vifctl/configs/handmade"
	"vifctl/hooks/doctor/inventory"
	"vifctl/hooks/journal"
	"vifctl/hooks/plan"
)

// What was there before vifctl, made by hand, and does what vifctl does by now: it outlives the
// guest, and holds where the configuration no longer says so.

// putByUs reports whether a call of ours put an address on an interface.
func putByUs(f *inventory.Facts, index int, p netip.Prefix) bool {
	for i := range f.NICs {
		for _, port := range f.NICs[i].Ports() {
			if port.Record != nil && slices.ContainsFunc(port.Record.Entries, func(e journal.Entry) bool {
				a, ok := e.Step.(plan.Address)
				return ok && len(e.Undo) > 0 && a.Dev.Index == index && a.Addr.Prefix == p
			}) {
				return true
			}
		}
	}
	return false
}

// leftoverAlias looks for guests' public addresses that another program put on an interface of the
// host's: a guest that starts is refused what is the host's own.
func leftoverAlias(f *inventory.Facts) []Finding {
	return each(f, func(n *inventory.NIC) (all []Finding) {
		up := slices.ContainsFunc(n.Ports(), func(p *inventory.Port) bool { return p.Record != nil && p.Link != nil })
		for _, index := range slices.Sorted(maps.Keys(f.Host.Addresses)) {
			if p, _ := f.PortOf(index); p != nil {
				continue
			}
			for _, a := range f.Host.Addresses[index] {
				if !slices.Contains(n.Public, a.Prefix.Addr()) || putByUs(f, index, a.Prefix) {
					continue
				}
				found := leftoverAddress(f.Host.Links[index].Name, a.Prefix)
				if up {
					found.Fix = append(found.Fix, "vifctl repair "+n.Port())
				} else {
					found.Fix = append(found.Fix, online(n, nil))
				}
				all = append(all, found)
			}
		}
		return all
	})
}

// leftoverAddress is the finding of an address that vifctl puts there itself.
func leftoverAddress(dev string, p netip.Prefix) Finding {
	return Finding{
		Sentence: fmt.Sprintf("%s is on %s by another program's doing, and vifctl puts it there itself. Take out what does so, too (an alias, rc.local, a cron job).", p.Addr(), dev),
		Evidence: []string{fmt.Sprintf("address %s on %s, which no call of vifctl's put there", p, dev)},
		Fix:      []string{fmt.Sprintf("ip address del %s dev %s", p, dev)},
	}
}

// leftoverPortAddress looks for the gateway's address that another program, as a cron job, put on
// a guest's port.
func leftoverPortAddress(f *inventory.Facts) []Finding {
	return each(f, func(n *inventory.NIC) (all []Finding) {
		for _, p := range n.Ports() {
			if p.Record == nil || p.Link == nil {
				continue
			}
			for _, e := range p.Record.Entries {
				a, ok := e.Step.(plan.Address)
				if !ok || a.Absent || a.NIC || a.Dev.Index != p.Link.Index {
					continue
				}
				for _, there := range f.Host.Addresses[a.Dev.Index] {
					if there.Prefix.Addr() == a.Addr.Prefix.Addr() && !putByUs(f, a.Dev.Index, there.Prefix) {
						found := leftoverAddress(p.Name, there.Prefix)
						found.Subject = p.Name
						found.Fix = append(found.Fix, "vifctl repair "+p.Name)
						all = append(all, found)
					}
				}
			}
		}
		return all
	})
}

// leftoverTranslation looks for another program's DNAT and SNAT that do what vifctl does for a
// guest. A translation that the configuration leaves to the administrator is none.
func leftoverTranslation(f *inventory.Facts) []Finding {
	return each(f, func(n *inventory.NIC) (all []Finding) {
		if n.Mode != "nat" && n.Mode != "route" {
			return nil
		}
		for _, t := range f.Translations {
			if !doubles(n, t) {
				continue
			}
			all = append(all, Finding{
				Sentence: fmt.Sprintf("Another program's %s does what vifctl does for %s: it stays when the guest goes or its entry changes. Take out what puts it there (rc.local, rules saved for boot).", t.Jump, n.Label()),
				Evidence: []string{"rule of iptables -t nat: " + t.Line}, Fix: []string{t.Delete},
			})
		}
		return all
	})
}

// doubles reports whether a rule does what the guest's entry asks vifctl for.
func doubles(n *inventory.NIC, t handmade.Translation) bool {
	own := func(a netip.Addr) bool {
		return slices.ContainsFunc(n.Addresses, func(p netip.Prefix) bool { return p.IsSingleIP() && p.Addr() == a })
	}
	switch t.Jump {
	case "DNAT":
		if t.Dst.IsSingleIP() && slices.Contains(n.Public, t.Dst.Addr()) {
			return true
		}
		return own(t.To) && slices.ContainsFunc(n.Entry.Forwards, func(w configs.Forward) bool {
			anywhere := !w.Listen.IsValid() || !t.Dst.IsValid()
			return slices.Contains(w.Protocols, t.Proto) && slices.Contains(t.Ports, w.PortsText()) && (anywhere || t.Dst.Addr() == w.Listen)
		})
	case "SNAT":
		return t.Src.IsSingleIP() && own(t.Src.Addr()) && len(n.Public) > 0 && slices.ContainsFunc(n.Public, func(a netip.Addr) bool { return a.Is4() == t.Src.Addr().Is4() })
	}
	return false
}
