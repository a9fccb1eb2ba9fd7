package doctor

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"vifctl/hooks/doctor/inventory"
	"vifctl/hooks/engine"
	"vifctl/hooks/plan"
)

// each makes findings of the NICs of guests that exist.
func each(f *inventory.Facts, find func(*inventory.NIC) []Finding) (all []Finding) {
	for i := range f.NICs {
		n := &f.NICs[i]
		if !n.Alive {
			continue
		}
		for _, found := range find(n) {
			found.Guest = cmp.Or(found.Guest, n.Guest)
			found.Subject = cmp.Or(found.Subject, n.Port())
			found.of = append(found.of, "vif"+n.NIC.String(), f.Uplink(n), n.WantedBridge())
			found.of = append(found.of, former(f, n)...)
			if f.Uplink(n) == "" {
				found.of = append(found.of, lostNames(f)...)
			}
			for _, p := range n.Ports() {
				found.of = append(found.of, p.Name)
			}
			all = append(all, found)
		}
	}
	return all
}

// online is the call that brings a port up again, for a person to make.
func online(n *inventory.NIC, p *inventory.Port) string {
	d := engine.Derived{NIC: n.NIC, Script: n.Script, Mode: n.Mode}
	if p != nil && p == n.Tap && n.Stub != nil {
		d.NIC = n.Stub.NIC
	}
	if p != nil && p.Kind == plan.Tap {
		return d.Online(plan.Tap, p.Name)
	}
	return d.Online(plan.Vif, "")
}

// offline are the calls that take a NIC's ports down.
func offline(n *inventory.NIC) (calls []string) {
	d := engine.Derived{NIC: n.NIC, Script: n.Script, Mode: n.Mode}
	for _, p := range n.Ports() {
		if p.Record != nil && p.Link != nil {
			calls = append(calls, d.Offline(p.Kind, p.Name))
		}
	}
	return calls
}

func hotplugFailed(f *inventory.Facts) []Finding {
	return each(f, func(n *inventory.NIC) []Finding {
		if n.Backend == nil || n.Status() != "error" {
			return nil
		}
		why := strings.TrimPrefix(cmp.Or(n.Backend["hotplug-error"], "the hook wrote no reason"), n.Port()+": ")
		return one(Finding{
			Sentence: fmt.Sprintf("%s could not be brought up: %s.", n.Port(), strings.TrimSuffix(why, ".")),
			Evidence: []string{backend(n) + "/hotplug-status is error", fmt.Sprintf("%s/hotplug-error is %q", backend(n), n.Backend["hotplug-error"])},
			Fix:      []string{online(n, nil)},
		})
	})
}

func hotplugSilent(f *inventory.Facts) []Finding {
	return each(f, func(n *inventory.NIC) []Finding {
		if n.Backend == nil || n.Status() == "connected" || n.Status() == "error" {
			return nil
		}
		return one(Finding{
			Sentence: fmt.Sprintf("The toolstack was not told that %s is connected, so the guest's driver waits for ever.", n.Port()),
			Evidence: []string{fmt.Sprintf("%s/hotplug-status is %q", backend(n), n.Status()), fmt.Sprintf("%s/script is %q", backend(n), n.Backend["script"])},
			Fix:      []string{online(n, nil)},
		})
	})
}

func interfaceMissing(f *inventory.Facts) []Finding {
	return each(f, func(n *inventory.NIC) []Finding {
		if n.Backend == nil || n.Vif == nil || n.Vif.Link != nil || n.Tap != nil && n.Tap.Link != nil {
			return nil
		}
		return one(Finding{
			Subject: n.Vif.Name, Sentence: fmt.Sprintf("The interface %s does not exist, although Xen has the guest's backend for it.", n.Vif.Name),
			Evidence: []string{"no link " + n.Vif.Name, fmt.Sprintf("%s/state is %q", backend(n), n.Backend["state"])},
			Fix:      []string{fmt.Sprintf("xl network-detach %d %d", n.Domid, n.Devid), fmt.Sprintf("xl network-attach %d …", n.Domid), "modprobe xen-netback"},
		})
	})
}

func bridgeMissing(f *inventory.Facts) []Finding {
	return each(f, func(n *inventory.NIC) []Finding {
		bridge := n.WantedBridge()
		l, ok := f.Host.Named(bridge)
		found := slices.ContainsFunc(n.Ports(), func(p *inventory.Port) bool { return p.Work != nil })
		if bridge == "" || found || ok && (l.Bridge || l.Kind == "openvswitch") {
			return nil
		}
		// A guest's xenbrN may go by the name ethN here.
		if old, there := f.Host.Named("eth" + strings.TrimPrefix(bridge, "xenbr")); !ok && there && old.Bridge && strings.HasPrefix(bridge, "xenbr") {
			return nil
		}
		missing := Finding{
			Subject: bridge, Sentence: fmt.Sprintf("The bridge %s, which %s is to be in, does not exist.", bridge, n.Port()),
			Evidence: []string{"no link " + bridge, saidBy(n, "bridge", "bridge")},
			Fix: []string{
				plan.Command("ip", "link", "add", bridge, "type", "bridge"), plan.Command("ip", "link", "set", bridge, "up"), online(n, nil),
			},
		}
		if side, started := sideOf(f, bridge); started && !ok {
			missing.Fix = []string{side.Command, online(n, nil)}
		}
		if ok {
			missing.Sentence = fmt.Sprintf("%s, which %s is to be in, is no bridge.", bridge, n.Port())
			missing.Evidence[0] = fmt.Sprintf("link %s is of the kind %s", bridge, l.Kind)
			missing.Fix = nil
		}
		return one(missing)
	})
}

func bridgeDown(f *inventory.Facts) []Finding {
	seen := map[string]bool{}
	return each(f, func(n *inventory.NIC) []Finding {
		l, ok := f.Host.Named(f.Bridge(n))
		if !ok || l.Up || seen[l.Name] {
			return nil
		}
		seen[l.Name] = true
		return one(Finding{
			Subject: l.Name, Sentence: fmt.Sprintf("The bridge %s is down: nothing passes it.", l.Name),
			Evidence: []string{"link " + l.Name + " is down"}, Fix: []string{plan.Command("ip", "link", "set", l.Name, "up")},
		})
	})
}

func managedPort(f *inventory.Facts) []Finding {
	return each(f, func(n *inventory.NIC) (all []Finding) {
		for _, p := range n.Ports() {
			manager := f.Managed[p.Name]
			if manager == "" || p.Link == nil {
				continue
			}
			found := Finding{
				Subject: p.Name, Sentence: fmt.Sprintf("%s manages %s, and takes away what it did not put there.", manager, p.Name),
				Evidence: []string{fmt.Sprintf("/run/systemd/netif/links/%d: ADMIN_STATE is not unmanaged", p.Link.Index)},
				Fix: []string{
					`printf '[Match]\nName=vif* tap*\n[Link]\nUnmanaged=yes\n' > /etc/systemd/network/10-xen-vifs.network`, "networkctl reload",
				},
			}
			if manager == "NetworkManager" {
				found.Evidence = []string{fmt.Sprintf("/run/NetworkManager/devices/%d: managed", p.Link.Index)}
				found.Fix = []string{
					`printf '[keyfile]\nunmanaged-devices=interface-name:vif*;interface-name:tap*\n' > /etc/NetworkManager/conf.d/xen-vifs.conf`,
					"nmcli general reload",
				}
			}
			all = append(all, found)
		}
		return all
	})
}

// tapNotUp: the emulated NIC carries the traffic as long as it is there and the guest's driver
// has not connected, and neither a call nor the watcher did for it what was done for the vif.
func tapNotUp(f *inventory.Facts) []Finding {
	return each(f, func(n *inventory.NIC) []Finding {
		p := n.Late()
		if p == nil {
			return nil
		}
		found := Finding{
			Subject: p.Name, Sentence: fmt.Sprintf("The guest's traffic goes through the emulated NIC's tap %s, and only its vif %s was brought up.", p.Name, n.Vif.Name),
			Evidence: []string{"link " + p.Name + " exists", fmt.Sprintf("no record /run/vifctl/%s.tap.json", n.NIC), addressesOn(f, p), addressesOn(f, n.Vif)},
			Fix:      []string{"vifctl repair " + p.Name},
		}
		if n.Driven() {
			found.Severity = Warning
			found.Sentence = fmt.Sprintf("The emulated NIC's tap %s was not brought up: the guest has no network until its driver for %s runs.", p.Name, n.Vif.Name)
		}
		return one(found)
	})
}

func addressesOn(f *inventory.Facts, p *inventory.Port) string {
	var words []string
	for _, a := range f.Host.Addresses[p.Link.Index] {
		words = append(words, a.Prefix.String())
	}
	if len(words) == 0 {
		return p.Name + " has no address"
	}
	return p.Name + " has " + strings.Join(words, ", ")
}

func frontend(f *inventory.Facts) []Finding {
	return each(f, func(n *inventory.NIC) []Finding {
		state := n.Backend["state"]
		if state == "" || state == "4" || n.Tap != nil && n.Tap.Link != nil || n.Status() != "connected" {
			return nil
		}
		names := map[string]string{"1": "initialising", "2": "waiting for the guest", "3": "initialised", "5": "closing", "6": "closed"}
		return one(Finding{
			Sentence: fmt.Sprintf("The guest's driver has not connected to %s: the guest is still booting, or has no driver for it.", n.Port()),
			Evidence: []string{fmt.Sprintf("%s/state is %s (%s), and 4 is connected", backend(n), state, cmp.Or(names[state], "unknown"))},
			Fix:      []string{fmt.Sprintf("xl console %d", n.Domid)},
		})
	})
}

// gateways are the addresses by which a guest knows the host, as its ports' plans
// have them.
func gateways(n *inventory.NIC) (all []netip.Addr) {
	add := func(a netip.Addr) {
		if a.IsValid() && !slices.Contains(all, a) {
			all = append(all, a)
		}
	}
	for _, p := range n.Ports() {
		if p.Record == nil {
			continue
		}
		for _, e := range p.Record.Entries {
			if a, ok := e.Step.(plan.Address); ok && !a.Absent && !a.NIC && a.Addr.Prefix.Addr().Is4() {
				add(a.Addr.Prefix.Addr())
			}
		}
	}
	if n.Entry.Gateway.IPv4.IsValid() {
		add(n.Entry.Gateway.IPv4)
	}
	return all
}

// gatewayUnanswered looks for a gateway's address that no interface has: then
// only proxy ARP answers for it, and only where a route leads to it by another
// way than the port.
func gatewayUnanswered(f *inventory.Facts) []Finding {
	return each(f, func(n *inventory.NIC) (all []Finding) {
		p := n.Carrier()
		if n.Mode != "route" && n.Mode != "nat" || p == nil || p.Link == nil || p.Record == nil {
			return nil
		}
		for _, g := range gateways(n) {
			if hasAddress(f, g) {
				continue
			}
			r, ok := inventory.BestRoute(f, g)
			if ok && !r.Blocked() && r.Index() != p.Link.Index {
				continue
			}
			evidence := fmt.Sprintf("no route to %s", g)
			if ok {
				evidence = fmt.Sprintf("the route to %s leads to %s itself", g, p.Name)
			}
			all = append(all, Finding{
				Sentence: fmt.Sprintf("The host does not answer the guest for its gateway %s: no interface has the address, and proxy ARP takes a route to it by another way.", g),
				Evidence: []string{"no interface has " + g.String(), evidence},
				Fix:      []string{plan.Command("ip", "address", "add", g.String()+"/32", "dev", p.Name)},
			})
		}
		return all
	})
}

func hasAddress(f *inventory.Facts, a netip.Addr) bool {
	for _, list := range f.Host.Addresses {
		if slices.ContainsFunc(list, func(own plan.Addr) bool { return own.Prefix.Addr() == a }) {
			return true
		}
	}
	return false
}

// reversePath looks for ports on which strict reverse path filtering drops what
// the guest sends, because the way back leads elsewhere.
func reversePath(f *inventory.Facts) []Finding {
	return each(f, func(n *inventory.NIC) (all []Finding) {
		p := n.Carrier()
		if n.Mode != "route" && n.Mode != "nat" || p == nil || p.Link == nil {
			return nil
		}
		own, every := f.Setting("ipv4/conf", p.Name, "rp_filter"), f.Setting("ipv4/conf", "all", "rp_filter")
		if max(own, every) != "1" {
			return nil
		}
		for _, a := range n.Addresses {
			r, ok := inventory.BestRoute(f, a.Addr())
			if !a.Addr().Is4() || ok && r.Index() == p.Link.Index {
				continue
			}
			way := "nowhere"
			if ok {
				way = f.Host.Links[r.Index()].Name
			}
			all = append(all, Finding{
				Sentence: fmt.Sprintf("What the guest sends from %s is dropped: it comes from %s, and the way back leads to %s.", plan.Bare(a), p.Name, way),
				Evidence: []string{
					fmt.Sprintf("net/ipv4/conf/%s/rp_filter is %q, all/rp_filter is %q; 1 is strict", p.Name, own, every),
					fmt.Sprintf("ip route get %s leads to %s", a.Addr(), way),
				},
				Fix: []string{"vifctl repair " + p.Name, fmt.Sprintf("sysctl -w net/ipv4/conf/%s/rp_filter=2", p.Name)},
			})
		}
		return all
	})
}

// refused: online would fail now, so a repair does, too.
func refused(f *inventory.Facts) []Finding {
	return each(f, func(n *inventory.NIC) (all []Finding) {
		for _, p := range n.Ports() {
			harmless := []error{engine.ErrBusy, engine.ErrGone, engine.ErrNotUp, engine.ErrNoKeys, engine.ErrVifDown}
			if p.WorkErr == nil || f.ConfigErr != nil || f.XenstoreErr != nil || slices.ContainsFunc(harmless, func(e error) bool { return errors.Is(p.WorkErr, e) }) {
				continue
			}
			all = append(all, Finding{
				Subject: p.Name, Sentence: fmt.Sprintf("%s could not be brought up again as things are now.", p.Name),
				Evidence: []string{p.WorkErr.Error()}, Fix: []string{"vifctl plan " + p.Name},
			})
		}
		return all
	})
}

// unknownPort: what another program brought up is left alone, as vifctl does not
// know what it should be like.
func unknownPort(f *inventory.Facts) []Finding {
	return each(f, func(n *inventory.NIC) []Finding {
		if n.Vif == nil || n.Vif.Link == nil || n.Vif.Record != nil || !n.Vif.Link.Up || n.Status() != "connected" {
			return nil
		}
		return one(Finding{
			Subject: n.Vif.Name, Sentence: fmt.Sprintf("%s was brought up by another script than vifctl, so what it lacks cannot be told.", n.Vif.Name),
			Evidence: []string{"link " + n.Vif.Name + " is up", fmt.Sprintf("no record /run/vifctl/%s.vif.json", n.NIC)},
			Fix:      []string{online(n, nil)},
		})
	})
}
