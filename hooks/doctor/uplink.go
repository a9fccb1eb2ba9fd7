package doctor

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"vifctl/hooks/doctor/inventory"
	"vifctl/hooks/kernel"
	"vifctl/hooks/plan"
)

// routed are the NICs that the host routes for.
func routed(f *inventory.Facts) (all []*inventory.NIC) {
	for i := range f.NICs {
		if n := &f.NICs[i]; n.Alive && (n.Mode == "route" || n.Mode == "nat") {
			all = append(all, n)
		}
	}
	return all
}

// families tells which the guest has addresses of; without any it is IPv4.
func families(n *inventory.NIC) (has4, has6 bool) {
	for _, a := range n.Addresses {
		has4 = has4 || a.Addr().Is4()
		has6 = has6 || a.Addr().Is6()
	}
	return has4 || !has6, has6
}

// uplinks are the names of the ways out that routed guests use, each with them.
func uplinks(f *inventory.Facts) (names []string, guests map[string][]*inventory.NIC) {
	guests = map[string][]*inventory.NIC{}
	for _, n := range routed(f) {
		name := f.Uplink(n)
		if name == "" {
			continue
		}
		if guests[name] == nil {
			names = append(names, name)
		}
		guests[name] = append(guests[name], n)
	}
	slices.Sort(names)
	return names, guests
}

func who(guests []*inventory.NIC) string {
	var names []string
	for _, n := range guests {
		if !slices.Contains(names, n.Label()) {
			names = append(names, n.Label())
		}
	}
	const most = 5
	if len(names) > most {
		return strings.Join(names[:most], ", ") + fmt.Sprintf(" and %d more", len(names)-most)
	}
	return strings.Join(names, ", ")
}

func uplinkMissing(f *inventory.Facts) (all []Finding) {
	names, guests := uplinks(f)
	for _, name := range names {
		if _, ok := f.Host.Named(name); ok {
			continue
		}
		all = append(all, Finding{
			Subject: name, Sentence: fmt.Sprintf("The uplink %s of %s does not exist.", name, who(guests[name])),
			Evidence: []string{"no link " + name, saidBy(guests[name][0], "gatewaydev", "uplink")},
			Fix:      []string{"ip -brief link"},
		}.touching(guests[name]))
	}
	return all
}

// saidBy tells who named something: the toolstack, or the configuration.
func saidBy(n *inventory.NIC, key, setting string) string {
	if v := n.Backend[key]; v != "" {
		return fmt.Sprintf("%s/%s is %s", backend(n), key, v)
	}
	return "the configuration's " + setting
}

func backend(n *inventory.NIC) string { return fmt.Sprintf("backend/vif/%d/%d", n.Domid, n.Devid) }

func uplinkDown(f *inventory.Facts) (all []Finding) {
	names, guests := uplinks(f)
	for _, name := range names {
		l, ok := f.Host.Named(name)
		switch {
		case !ok:
		case !l.Up && f.Host.DefaultDevice() == "":
			all = append(all, tookTheRoute(f, l, guests[name]))
		case !l.Up:
			all = append(all, Finding{
				Subject: name, Sentence: fmt.Sprintf("The uplink %s of %s is down.", name, who(guests[name])),
				Evidence: []string{"link " + name + " is down"}, Fix: []string{plan.Command("ip", "link", "set", name, "up")},
			}.touching(guests[name]))
		case !l.Carrier:
			all = append(all, Finding{
				Subject: name, Sentence: fmt.Sprintf("The uplink %s of %s has no carrier: a cable, or a switch.", name, who(guests[name])),
				Evidence: []string{"link " + name + " is up, without LOWER_UP"}, Fix: []string{},
			}.touching(guests[name]))
		}
	}
	if guests := routed(f); len(guests) > 0 && len(names) == 0 {
		for _, l := range lost(f) {
			all = append(all, tookTheRoute(f, l, guests))
		}
	}
	return append(all, formerDown(f, names)...)
}

// tookTheRoute is about an uplink that is down on a host without a default route.
func tookTheRoute(f *inventory.Facts, l kernel.Link, guests []*inventory.NIC) Finding {
	return Finding{
		Subject: l.Name, Sentence: fmt.Sprintf("The uplink %s of %s is down, and its default route went with it.", l.Name, who(guests)),
		Evidence: []string{"no default route", addressesOn(f, &inventory.Port{Name: l.Name, Link: &l}) + " and is down"},
		Fix:      []string{plan.Command("ip", "link", "set", l.Name, "up"), "ip route add default via GATEWAY dev " + l.Name},
	}.touching(guests)
}

// formerDown looks for what was the uplink when ports were brought up, and is down,
// while the default route leads elsewhere by now: all that is done there seems to
// be in the wrong place.
func formerDown(f *inventory.Facts, now []string) (all []Finding) {
	guests := map[string][]*inventory.NIC{}
	for _, n := range routed(f) {
		for _, name := range former(f, n) {
			guests[name] = append(guests[name], n)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(guests)) {
		l, _ := f.Host.Named(name)
		if slices.Contains(now, name) || len(now) == 0 {
			continue
		}
		all = append(all, Finding{
			Subject: name, Sentence: fmt.Sprintf("%s, by which %s went out, is down, and the default route leads elsewhere.", name, who(guests[name])),
			Evidence: []string{addressesOn(f, &inventory.Port{Name: name, Link: &l}) + " and is down", "the default route leads to " + f.Uplink(nil)},
			Fix:      []string{plan.Command("ip", "link", "set", name, "up"), "ip route add default via GATEWAY dev " + name},
		}.touching(guests[name]))
	}
	return all
}

// former are the links, down by now, on which something was done for a NIC as on
// its uplink.
func former(f *inventory.Facts, n *inventory.NIC) (names []string) {
	for _, p := range n.Ports() {
		if p.Record == nil {
			continue
		}
		for _, e := range p.Record.Entries {
			// What serves the whole guest, the uplink has.
			t := e.Step.Traits()
			if t.Owner != plan.OwnerNIC {
				continue
			}
			dev := cmp.Or(t.Dev, t.Beside)
			if l, ok := f.Host.Links[dev.Index]; ok && !l.Up && !slices.Contains(names, l.Name) {
				names = append(names, l.Name)
			}
		}
	}
	return names
}

// lost are the links that may have been the way out of a host that has none any
// more: those of no guest that are down and have an address.
func lost(f *inventory.Facts) (all []kernel.Link) {
	for _, l := range links(f) {
		if guest, _ := f.PortOf(l.Index); guest != nil || l.Up && l.Carrier || l.Master != 0 {
			continue
		}
		if slices.ContainsFunc(f.Host.Addresses[l.Index], func(a plan.Addr) bool {
			return a.Prefix.Addr().IsGlobalUnicast()
		}) {
			all = append(all, l)
		}
	}
	return all
}

func lostNames(f *inventory.Facts) (names []string) {
	for _, l := range lost(f) {
		names = append(names, l.Name)
	}
	return names
}

func uplinkAddress(f *inventory.Facts) (all []Finding) {
	names, guests := uplinks(f)
	for _, name := range names {
		l, ok := f.Host.Named(name)
		if !ok {
			continue
		}
		for _, is6 := range []bool{false, true} {
			wanted := slices.ContainsFunc(guests[name], func(n *inventory.NIC) bool {
				has4, has6 := families(n)
				return !is6 && has4 || is6 && has6 && n.Mode == "nat" && n.Entry.NAT66
			})
			has := slices.ContainsFunc(f.Host.Addresses[l.Index], func(a plan.Addr) bool {
				return a.Prefix.Addr().Is6() == is6 && !a.Prefix.Addr().IsLinkLocalUnicast()
			})
			if wanted && !has {
				all = append(all, Finding{
					Subject: name, Sentence: fmt.Sprintf("The uplink %s has no %s address to share with %s.", name, family(is6), who(guests[name])),
					Evidence: []string{fmt.Sprintf("link %s has %d addresses, none of them %s", name, len(f.Host.Addresses[l.Index]), family(is6))},
					Fix:      []string{plan.Command("ip", "address", "add", "ADDRESS/LENGTH", "dev", name)},
				}.touching(guests[name]))
			}
		}
	}
	return all
}

func family(is6 bool) string {
	if is6 {
		return "IPv6"
	}
	return "IPv4"
}

func noDefaultRoute(f *inventory.Facts) (all []Finding) {
	for _, is6 := range []bool{false, true} {
		var guests []*inventory.NIC
		for _, n := range routed(f) {
			if has4, has6 := families(n); !is6 && has4 || is6 && has6 {
				guests = append(guests, n)
			}
		}
		// A rule may lead to a default route in another table.
		if _, ok := f.Host.Default(is6); ok || is6 && f.Reaches6 || !is6 && f.Reaches4 || len(guests) == 0 {
			continue
		}
		found := Finding{
			Subject: host, Sentence: fmt.Sprintf("This host has no %s default route: nothing beyond its own networks is within reach of %s.", family(is6), who(guests)),
			Evidence: []string{fmt.Sprintf("no %s default route in the main table", family(is6))},
			Fix:      []string{"ip route add default via GATEWAY"},
		}
		if is6 {
			found.Severity, found.Fix = Warning, []string{"ip -6 route add default via GATEWAY"}
		}
		for _, n := range guests {
			found.of = append(found.of, f.Uplink(n), n.Backend["gatewaydev"], n.Entry.Uplink)
		}
		found.of = append(found.of, lostNames(f)...)
		for _, s := range f.Sides {
			found.of = append(found.of, s.Name)
		}
		all = append(all, found.touching(guests))
	}
	return all
}

func forwardingOff(f *inventory.Facts) (all []Finding) {
	for _, s := range []struct {
		is6  bool
		path string
	}{{false, "ipv4/ip_forward"}, {true, "ipv6/conf/all/forwarding"}} {
		var guests []*inventory.NIC
		for _, n := range routed(f) {
			if has4, has6 := families(n); !s.is6 && has4 || s.is6 && has6 {
				guests = append(guests, n)
			}
		}
		if v, ok := f.Settings[s.path]; !ok || v != "0" || len(guests) == 0 {
			continue
		}
		name := "net." + strings.ReplaceAll(s.path, "/", ".")
		found := Finding{
			Subject: host, Sentence: fmt.Sprintf("This host does not forward %s: nothing behind it is within reach of %s.", family(s.is6), who(guests)),
			Evidence: []string{name + " is 0"},
			// A file that sorts last: 99-sysctl.conf is /etc/sysctl.conf.
			Fix: []string{"sysctl -w " + name + "=1", fmt.Sprintf("echo %s=1 >> /etc/sysctl.d/zz-vifctl.conf", name)},
		}
		if router, ok := routerSide(f); ok {
			found.of = []string{router.Name}
		}
		all = append(all, found.touching(guests))
	}
	return all
}

// ipv6Disabled looks for interfaces without IPv6 in the way of guests that have it.
func ipv6Disabled(f *inventory.Facts) (all []Finding) {
	off := func(dev string) bool { return f.Setting("ipv6/conf", dev, "disable_ipv6") == "1" }
	names, guests := uplinks(f)
	for _, name := range names {
		with := slices.DeleteFunc(slices.Clone(guests[name]), func(n *inventory.NIC) bool {
			_, has6 := families(n)
			return !has6
		})
		if len(with) == 0 || !off(name) {
			continue
		}
		setting := "net/ipv6/conf/" + name + "/disable_ipv6"
		found := Finding{
			Subject: name, Sentence: fmt.Sprintf("IPv6 is disabled on the uplink %s: what %s sends and receives by IPv6 is dropped.", name, who(with)),
			Evidence: []string{setting + " is 1"},
			Fix:      []string{"sysctl -w " + setting + "=0", fmt.Sprintf("echo %s=0 >> /etc/sysctl.d/zz-vifctl.conf", setting)},
		}
		// The kernel has taken these away.
		if l, _ := f.Host.Named(name); !slices.ContainsFunc(f.Host.Addresses[l.Index], func(a plan.Addr) bool { return a.Prefix.Addr().Is6() }) {
			found.Evidence = append(found.Evidence, name+" has no IPv6 address")
			found.Fix = append(found.Fix, plan.Command("ip", "address", "add", "ADDRESS/LENGTH", "dev", name))
		}
		if _, ok := f.Host.Default(true); !ok {
			found.Fix = append(found.Fix, "ip -6 route add default via GATEWAY dev "+name)
		}
		found.Fix = append(found.Fix, "vifctl repair")
		all = append(all, found.touching(with))
	}
	return append(all, each(f, func(n *inventory.NIC) []Finding {
		p := n.Carrier()
		if _, has6 := families(n); !has6 || n.Mode != "route" && n.Mode != "nat" || p == nil || p.Record == nil || !off(p.Name) {
			return nil
		}
		return one(Finding{
			Subject: p.Name, Sentence: fmt.Sprintf("IPv6 is disabled on %s: what %s sends and receives by IPv6 is dropped.", p.Name, n.Label()),
			Evidence: []string{"net/ipv6/conf/" + p.Name + "/disable_ipv6 is 1"}, Fix: []string{"vifctl repair " + p.Name},
		})
	})...)
}

// uplinkSilent looks for routed guests with addresses of the uplink's own
// network: who is there asks for them by ARP, and the uplink must answer.
func uplinkSilent(f *inventory.Facts) (all []Finding) {
	names, guests := uplinks(f)
	for _, name := range names {
		l, ok := f.Host.Named(name)
		if !ok || f.Setting("ipv4/conf", name, "proxy_arp") != "0" || f.Setting("ipv4/conf", "all", "proxy_arp") == "1" {
			continue
		}
		var silent []*inventory.NIC
		var evidence []string
		for _, n := range guests[name] {
			for _, a := range n.Addresses {
				on := slices.IndexFunc(f.Host.Addresses[l.Index], func(own plan.Addr) bool {
					return !own.Prefix.IsSingleIP() && own.Prefix.Contains(a.Addr())
				})
				// For IPv6 the uplink has an entry of each address's own.
				if n.Mode == "route" && a.Addr().Is4() && on >= 0 {
					silent = append(silent, n)
					evidence = append(evidence, fmt.Sprintf("%s is in the network of %s on %s", plan.Bare(a), f.Host.Addresses[l.Index][on].Prefix, name))
				}
			}
		}
		if len(silent) == 0 {
			continue
		}
		all = append(all, Finding{
			Subject: name, Sentence: fmt.Sprintf("%s does not answer for %s: no host on its network finds them.", name, who(silent)),
			Evidence: append([]string{fmt.Sprintf("net/ipv4/conf/%s/proxy_arp is 0, and all/proxy_arp is not 1", name)}, evidence...),
			Fix:      []string{fmt.Sprintf("sysctl -w net/ipv4/conf/%s/proxy_arp=1", name)},
		}.touching(silent))
	}
	return all
}
