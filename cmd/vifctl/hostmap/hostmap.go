// Package hostmap draws what `vifctl map` shows: the host's guest network, from
// the world to the guests, as a tree for a terminal and as a picture. It is given
// the facts and what is wrong with them, and reads nothing itself.
package hostmap

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"vifctl/hooks/doctor"
	"vifctl/hooks/doctor/inventory"
	"vifctl/hooks/kernel"
	"vifctl/hooks/plan"
)

// Map is what is drawn: the ways out of the host, what hangs on each, and what
// hangs on none.
type Map struct {
	Host string
	// Ways are uplinks and bridges with guests; a bridge with an uplink stands for
	// it.
	Ways []Way
	// Wrong is what is about the host itself.
	Wrong []Fault
}

// Fault is something that is wrong; where it is Mild nothing is broken yet.
type Fault struct {
	Said string
	Mild bool
}

// broken reports whether one of them is not mild.
func broken(faults []Fault) bool {
	return slices.ContainsFunc(faults, func(f Fault) bool { return !f.Mild })
}

// Way is an uplink, a bridge with the cards in it, or what has neither.
type Way struct {
	Name string
	// Kind is "uplink", "bridge" or "nowhere".
	Kind string
	// Cards are the links of a bridge that are no guest's.
	Cards     []string
	Addresses []string
	MTU       int
	Down      bool
	Wrong     []Fault
	Guests    []Guest
}

// Guest is one NIC of a guest's.
type Guest struct {
	Name string
	// Ports are its vif and its tap, the one that carries the traffic first.
	Ports     []Port
	Mode      string
	Addresses []string
	// Translated are public addresses and forwards, as "203.0.113.4 ⇄ 192.168.1.2".
	Translated []string
	Down       bool
	Wrong      []Fault
}

// Port is one interface.
type Port struct {
	Name    string
	Carries bool
}

// Of arranges the facts.
func Of(hostname string, f *inventory.Facts, findings []doctor.Finding) Map {
	m := Map{Host: hostname}
	wrong := bySubject(findings)
	m.Wrong = wrong["host"]
	ways := map[string]*Way{}
	way := func(name, kind string) *Way {
		if ways[name] == nil {
			w := &Way{Name: name, Kind: kind, Wrong: wrong[name]}
			if l, ok := f.Host.Named(name); ok {
				w.fill(f, l)
			} else if kind != "nowhere" {
				w.Down = true
			}
			ways[name] = w
		}
		return ways[name]
	}
	if up := f.Uplink(nil); up != "" {
		way(up, kindOf(f, up))
	}
	for _, l := range f.Host.Links {
		if l.Bridge {
			way(l.Name, "bridge")
		}
	}
	for i := range f.NICs {
		n := &f.NICs[i]
		w := way(attrsOf(f, n))
		w.Guests = append(w.Guests, guest(n, wrong))
	}
	for _, name := range slices.Sorted(maps.Keys(ways)) {
		m.Ways = append(m.Ways, *ways[name])
	}
	// The ways out first, then bridges that lead nowhere, then what is nowhere.
	order := []string{"uplink", "bridge", "nowhere"}
	slices.SortStableFunc(m.Ways, func(a, b Way) int {
		return cmp.Or(slices.Index(order, a.Kind)-slices.Index(order, b.Kind), len(b.Cards)-len(a.Cards))
	})
	return m
}

func kindOf(f *inventory.Facts, name string) string {
	if l, ok := f.Host.Named(name); ok && l.Bridge {
		return "bridge"
	}
	return "uplink"
}

// attrsOf is where a NIC's traffic goes: its bridge, or the uplink it is routed to.
func attrsOf(f *inventory.Facts, n *inventory.NIC) (name, kind string) {
	if b := f.Bridge(n); b != "" {
		return b, "bridge"
	}
	if b := n.WantedBridge(); b != "" {
		return b, "bridge"
	}
	if up := f.Uplink(n); up != "" && (n.Mode == "route" || n.Mode == "nat") {
		return up, kindOf(f, up)
	}
	return "not connected", "nowhere"
}

func (w *Way) fill(f *inventory.Facts, l kernel.Link) {
	// A bridge without ports has no carrier, and is none the worse for it.
	w.MTU, w.Down = l.MTU, !l.Up || !l.Carrier && !l.Bridge
	for _, a := range f.Host.Addresses[l.Index] {
		if ip := a.Prefix.Addr(); !ip.IsLinkLocalUnicast() && !ip.IsLoopback() {
			w.Addresses = append(w.Addresses, a.Prefix.String())
		}
	}
	for _, member := range f.MemberPorts(l.Index) {
		if own, _ := f.PortOf(member.Index); own == nil {
			w.Cards = append(w.Cards, member.Name)
		}
	}
}

func guest(n *inventory.NIC, wrong map[string][]Fault) Guest {
	g := Guest{Name: n.Label(), Mode: n.Mode, Down: !n.Up() || !n.Alive}
	if n.Devid > 0 {
		g.Name += fmt.Sprintf(" #%d", n.Devid)
	}
	carrier := n.Carrier()
	for _, p := range n.Ports() {
		port := Port{Name: p.Name, Carries: p == carrier}
		if port.Carries {
			g.Ports = append([]Port{port}, g.Ports...)
		} else {
			g.Ports = append(g.Ports, port)
		}
		g.Wrong = append(g.Wrong, wrong[p.Name]...)
	}
	for _, a := range n.Addresses {
		g.Addresses = append(g.Addresses, plan.Bare(a))
	}
	pairs, _ := n.Entry.OneToOne(n.Addresses)
	for _, p := range pairs {
		g.Translated = append(g.Translated, fmt.Sprintf("%s ⇄ %s", p.Public, p.Private))
	}
	for _, fw := range n.Entry.Forwards {
		listen := "uplink"
		if fw.Listen.IsValid() {
			listen = fw.Listen.String()
		}
		ports := fmt.Sprint(fw.First)
		if fw.Last > fw.First {
			ports += fmt.Sprintf("-%d", fw.Last)
		}
		g.Translated = append(g.Translated, fmt.Sprintf("%s:%s → %d %s", listen, ports, fw.To, strings.Join(fw.Protocols, ",")))
	}
	if n.Mode == "nat" && len(g.Translated) == 0 && n.Entry.Masquerade {
		as := "masqueraded"
		for i, a := range n.Entry.MasqueradeAs.All() {
			as += []string{" as ", ", "}[min(i, 1)] + a.String()
		}
		g.Translated = append(g.Translated, as)
	}
	return g
}

// bySubject lists what is wrong with each thing, causes and consequences alike,
// notes left out.
func bySubject(findings []doctor.Finding) map[string][]Fault {
	wrong := map[string][]Fault{}
	var take func([]doctor.Finding)
	take = func(list []doctor.Finding) {
		for _, f := range list {
			if f.Severity != doctor.Note {
				wrong[f.Subject] = append(wrong[f.Subject], Fault{strings.TrimSuffix(f.Sentence, "."), f.Severity == doctor.Warning})
			}
			take(f.Consequences)
		}
	}
	take(findings)
	return wrong
}
