package doctor

import (
	"fmt"
	"slices"
	"strconv"

	"vifctl/hooks/doctor/inventory"
	"vifctl/hooks/plan"
)

// leavesElsewhere looks for guests whose packets do not leave by their uplink: a VPN, or a
// rule, has taken the way, and what leaves there is not translated.
func leavesElsewhere(f *inventory.Facts) []Finding {
	return each(f, func(n *inventory.NIC) []Finding {
		uplink := f.Uplink(n)
		for _, w := range n.Out {
			if w.Dev == uplink || uplink == "" || w.Dev == "" {
				continue
			}
			found := Finding{
				Severity: Warning,
				Sentence: fmt.Sprintf("What %s sends to the world leaves by %s, and not by its uplink %s.", n.Label(), w.Dev, uplink),
				Evidence: []string{fmt.Sprintf("ip route get %s from the guest leads through %s: %s", w.To, w.Dev, routeWords(w))},
				Fix:      []string{fmt.Sprintf("set `uplink = %q` for the guest if it is to leave there; else take that route away: %s", w.Dev, deleteRoute(w))},
			}
			if n.Mode == "nat" {
				found.Severity = Error
				found.Sentence = fmt.Sprintf("What %s sends to the world leaves by %s, and not by its uplink %s: untranslated, so that no answer finds it.", n.Label(), w.Dev, uplink)
			}
			return one(found)
		}
		return nil
	})
}

// routeElsewhere looks for routes of others' that lead a guest's packets away from it.
func routeElsewhere(f *inventory.Facts) []Finding {
	return each(f, func(n *inventory.NIC) (all []Finding) {
		for _, w := range n.Back {
			own, _ := f.PortOf(w.Index())
			if w.Index() == 0 || w.Protocol == plan.RouteProtocol || own != nil && (own.NIC == n.NIC || moves(own, n)) || !slices.ContainsFunc(n.Ports(), hasRoute(f, w)) {
				continue
			}
			all = append(all, Finding{
				Sentence: fmt.Sprintf("What is for %s at %s goes to %s: another route comes before the guest's own.", n.Label(), w.To, w.Dev),
				Evidence: []string{fmt.Sprintf("ip route get %s leads through %s: %s", w.To, w.Dev, routeWords(w))},
				Fix:      []string{leadBack(w)},
			})
		}
		return all
	})
}

// hasRoute reports whether a port has a route to an address: without one that is what is
// missing.
func hasRoute(f *inventory.Facts, w inventory.Way) func(*inventory.Port) bool {
	return func(p *inventory.Port) bool {
		for _, r := range f.Host.Routes {
			if p.Link != nil && r.Index() == p.Link.Index && r.Dst.Contains(w.To) {
				return true
			}
		}
		return false
	}
}

// leadBack has the guest's own route count: where a rule comes before the main table, by a
// rule before that one.
func leadBack(w inventory.Way) string {
	if w.Attrs.Table == plan.MainTable {
		return deleteRoute(w)
	}
	words := []string{"ip"}
	if w.To.Is6() {
		words = append(words, "-6")
	}
	return plan.Command(append(words, "rule", "add", "to", w.To.String(), "lookup", "main", "priority", "1")...)
}

func routeWords(w inventory.Way) string {
	words := destination(w)
	if g := w.Gateway(); g.IsValid() {
		words += " via " + g.String()
	}
	words += " dev " + w.Dev
	if w.Metric != 0 {
		words += " metric " + strconv.Itoa(w.Metric)
	}
	if t := w.Attrs.Table; t != plan.MainTable {
		words += " table " + strconv.Itoa(t)
	}
	return words
}

func destination(w inventory.Way) string {
	if w.Dst.Bits() == 0 {
		return "default"
	}
	return plan.Bare(w.Dst)
}

func deleteRoute(w inventory.Way) string {
	words := []string{"ip"}
	if w.To.Is6() {
		words = append(words, "-6")
	}
	words = append(words, "route", "del", destination(w), "dev", w.Dev)
	if w.Metric != 0 {
		words = append(words, "metric", strconv.Itoa(w.Metric))
	}
	if t := w.Attrs.Table; t != plan.MainTable {
		words = append(words, "table", strconv.Itoa(t))
	}
	return plan.Command(words...)
}
