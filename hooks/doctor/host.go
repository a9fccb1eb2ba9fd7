package doctor

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"vifctl/hooks/doctor/inventory"
	"vifctl/hooks/journal"
	"vifctl/hooks/kernel"
	"vifctl/hooks/plan"
	routedmode "vifctl/modes/routed"
)

func one(f Finding) []Finding { return []Finding{f} }

func configuration(f *inventory.Facts) []Finding {
	if f.ConfigErr == nil {
		return nil
	}
	return one(Finding{
		Subject:  host,
		Sentence: "The configuration has a mistake, so nothing comes up any more; what is up stays as it is.",
		Evidence: strings.Split(f.ConfigErr.Error(), "\n"),
		Fix:      []string{"vifctl config check"},
	})
}

func xenstored(f *inventory.Facts) []Finding {
	if f.XenstoreErr == nil {
		return nil
	}
	return one(Finding{
		Subject:  host,
		Sentence: "The xenstore does not answer: no guest can start, and what guests there are is only known from the journal.",
		Evidence: []string{f.XenstoreErr.Error()},
		Fix:      []string{"systemctl status xenstored"},
	})
}

func scripts(f *inventory.Facts) []Finding {
	var evidence []string
	for _, name := range slices.Sorted(maps.Keys(f.Scripts)) {
		evidence = append(evidence, fmt.Sprintf("/etc/xen/scripts/%s: %s", name, f.Scripts[name]))
	}
	if len(evidence) == 0 {
		return nil
	}
	return one(Finding{
		Subject: host, Sentence: "xl calls other scripts than this vifctl.", Evidence: evidence, Fix: []string{"vifctl install"},
	})
}

func journalDamaged(f *inventory.Facts) []Finding {
	if f.JournalErr == nil {
		return nil
	}
	return one(Finding{
		Subject: host, Sentence: "What was done for a port cannot be read any more, so it cannot be undone.",
		Evidence: strings.Split(f.JournalErr.Error(), "\n"),
		Fix:      []string{"vifctl repair"},
	})
}

func interrupted(f *inventory.Facts) (all []Finding) {
	for _, nic := range f.Interrupted {
		all = append(all, Finding{
			Subject: "vif" + nic.String(), Sentence: fmt.Sprintf("A call for vif%s was killed before its end.", nic),
			Evidence: []string{fmt.Sprintf("/run/vifctl/%s.lock is there and no process holds it", nic)},
			Fix:      []string{"vifctl repair"},
		})
	}
	return all
}

func staleRecords(f *inventory.Facts) (all []Finding) {
	for _, r := range f.Stale {
		why := "its guest does not exist any more"
		evidence := fmt.Sprintf("no /local/domain/%d in the xenstore", r.NIC.Domid)
		if r.Boot != f.Boot {
			why, evidence = "it is of before the last reboot", fmt.Sprintf("boot %s, and this is %s", r.Boot, f.Boot)
		}
		call := []string{"vifctl", "offline", "type_if=vif"}
		if r.Kind == plan.Tap {
			call = []string{"vifctl", "remove", "type_if=tap", "INTERFACE=" + r.Device}
		}
		call = append(call, fmt.Sprintf("XENBUS_PATH=backend/vif/%d/%d", r.NIC.Domid, r.NIC.Devid))
		all = append(all, Finding{
			Subject: r.Name, Guest: r.Guest, Sentence: fmt.Sprintf("What was done for %s is still remembered, and %s.", r.Name, why),
			Evidence: []string{fmt.Sprintf("/run/vifctl/%s.%s.json", r.NIC, r.Kind), evidence},
			Fix:      []string{plan.Command(call...)},
		})
	}
	return all
}

// leftovers are interfaces that Xen named, of domains that it does not have.
func leftovers(f *inventory.Facts) (all []Finding) {
	if f.XenstoreErr != nil {
		return nil
	}
	alive := map[int]bool{}
	for _, n := range f.NICs {
		alive[n.Domid] = alive[n.Domid] || n.Alive
		if n.Stub != nil && n.Stub.Alive {
			alive[n.Stub.Domid] = true
		}
	}
	for _, l := range links(f) {
		var domid, devid int
		rest := ""
		n, _ := fmt.Sscanf(strings.TrimPrefix(strings.TrimPrefix(l.Name, "vif"), "tap"), "%d.%d%s", &domid, &devid, &rest)
		named := strings.HasPrefix(l.Name, "vif") || strings.HasPrefix(l.Name, "tap")
		if !named || n < 2 || n == 3 && rest != "-emu" || alive[domid] {
			continue
		}
		all = append(all, Finding{
			Subject: l.Name, Sentence: fmt.Sprintf("%s is an interface of domain %d, which does not exist any more.", l.Name, domid),
			Evidence: []string{fmt.Sprintf("link %s, ifindex %d", l.Name, l.Index), fmt.Sprintf("no backend/vif/%d in the xenstore", domid)},
			Fix:      []string{plan.Command("ip", "link", "delete", l.Name)},
		})
	}
	return all
}

// links in the order of their names.
func links(f *inventory.Facts) []kernel.Link {
	return slices.SortedFunc(maps.Values(f.Host.Links), func(a, b kernel.Link) int { return strings.Compare(a.Name, b.Name) })
}

func watcher(f *inventory.Facts) []Finding {
	if f.Watcher {
		return nil
	}
	var taps []string
	var guests []*inventory.NIC
	for i := range f.NICs {
		n := &f.NICs[i]
		if n.Alive && n.Stub == nil && n.Backend["type"] == "vif_ioemu" {
			guests = append(guests, n)
			taps = append(taps, fmt.Sprintf("%s has an emulated NIC (%s/type is vif_ioemu)", n.Label(), backend(n)))
		}
	}
	if len(taps) == 0 {
		return nil
	}
	return one(Finding{
		Subject: host, Sentence: "vifctl watch is not running: an emulated NIC's tap that appears late gets no network.",
		Evidence: append([]string{"no process `vifctl watch` in this network namespace"}, taps...),
		Fix:      []string{"systemctl enable --now vifctl-watch"},
	}.touching(guests))
}

func conntrackFull(f *inventory.Facts) []Finding {
	if f.TrackedMost == 0 || f.Tracked*10 < f.TrackedMost*9 {
		return nil
	}
	found := Finding{
		Subject: host, Sentence: "The table of tracked connections is nearly full: soon new ones are dropped.", Severity: Warning,
		Evidence: []string{fmt.Sprintf("net.netfilter.nf_conntrack_count is %d of nf_conntrack_max %d", f.Tracked, f.TrackedMost)},
		Fix:      largerTable(f, 4*f.TrackedMost),
	}
	if buckets := f.Settings["netfilter/nf_conntrack_buckets"]; buckets != "" {
		found.Evidence = append(found.Evidence, "net.netfilter.nf_conntrack_buckets is "+buckets)
	}
	if f.Tracked*100 >= f.TrackedMost*99 {
		found.Severity, found.Sentence = Error, "The table of tracked connections is full: new ones are dropped."
	}
	return one(found)
}

// largerTable makes room for so many connections, and buckets to find them in, so that it lasts: by
// what `vifctl network` sets for a number of guests, and on a host that is no router for them by a
// file that sorts last.
func largerTable(f *inventory.Facts, connections int) []string {
	guests := routed(f)
	number := routedmode.GuestsFor(connections)
	if len(guests) == 0 || number == 0 || f.Config == nil {
		fix := []string{}
		for _, name := range []string{"nf_conntrack_buckets", "nf_conntrack_max"} {
			fix = append(fix, fmt.Sprintf("sysctl -w net.netfilter.%s=%d", name, connections),
				fmt.Sprintf("echo net.netfilter.%s=%d >> /etc/sysctl.d/zz-vifctl.conf", name, connections))
		}
		return fix
	}
	mode := guests[0].Mode
	var fix []string
	if number > f.Config.Host.Guests {
		fix = append(fix, fmt.Sprintf("set guests = %d under [host] in /etc/xen/vifctl.toml", number))
	}
	router, started := routerSide(f)
	if !slices.ContainsFunc(f.Config.Host.Networks.All(), func(words []string) bool { return words[0] != "bridge" }) {
		fix = append(fix, fmt.Sprintf("set network = [%q] there, and systemctl enable vifctl-network", mode))
	}
	if started {
		return append(fix, router.Command)
	}
	return append(fix, "vifctl network start "+mode)
}

func twoVariants(f *inventory.Facts) []Finding {
	if len(f.Variants) < 2 {
		return nil
	}
	return one(Finding{
		Subject: host, Sentence: "Both variants of iptables hold rules: each shows only its own, and a packet passes both.",
		Evidence: []string{"iptables-legacy holds a rule, or a policy that drops", "iptables-nft holds a rule, or a policy that drops"},
		Fix:      []string{"iptables-legacy-save", "iptables-nft-save"},
	})
}

// tableMissing looks for records with rules whose table is gone.
func tableMissing(f *inventory.Facts) []Finding {
	lost := map[string]bool{}
	for i := range f.NICs {
		for _, p := range f.NICs[i].Ports() {
			for _, a := range p.Missing() {
				r, ok := a.Step.(plan.Rule)
				if !ok || f.Iptables || !wasTaken(p, a.Step) {
					continue
				}
				for _, family := range tablesOf(r) {
					lost[family] = lost[family] || !slices.Contains(f.Tables, family)
				}
			}
		}
	}
	maps.DeleteFunc(lost, func(_ string, is bool) bool { return !is })
	if len(lost) == 0 {
		return nil
	}
	var evidence []string
	for _, family := range slices.Sorted(maps.Keys(lost)) {
		evidence = append(evidence, fmt.Sprintf("nft list table %s vifctl: no such table", family))
	}
	return one(Finding{
		Subject: host, Sentence: "Another program has flushed vifctl's rules: guests are not held to their addresses, and not translated.",
		Evidence: evidence, Fix: []string{"vifctl repair"},
	})
}

// tablesOf are the families of our tables that a rule is in.
func tablesOf(r plan.Rule) []string {
	switch checks := slices.Contains([]plan.RuleKind{plan.RuleStrict, plan.RuleMAC, plan.RuleOwnMAC, plan.RuleOwnAddress, plan.RuleGuestAddress}, r.Kind); {
	case checks && r.Bridged:
		return []string{"bridge"}
	case checks && r.Prefix.Addr().Is6():
		return []string{"inet"}
	case checks:
		return []string{"arp", "inet"}
	}
	return []string{"inet"}
}

// chainsChanged looks for chains of ours that another program changed: elements
// protect no guest without the rules that look them up.
func chainsChanged(f *inventory.Facts) []Finding {
	if len(f.Tampered) == 0 {
		return nil
	}
	var evidence []string
	for _, chain := range f.Tampered {
		evidence = append(evidence, fmt.Sprintf("nft list chain %s: not as many rules, or ways to it, as vifctl made", chain))
	}
	return one(Finding{
		Subject: host, Sentence: "Another program has changed the chains of vifctl's own tables: they may no longer check and translate.",
		Evidence: evidence, Fix: []string{"vifctl repair"},
	})
}

// wasTaken: a call did it, so another program has undone it.
func wasTaken(p *inventory.Port, s plan.Step) bool {
	return p.Record != nil && slices.ContainsFunc(p.Record.Entries, func(e journal.Entry) bool { return e.Step.Key() == s.Key() })
}

// notPublic is the counter of new flows from outside to a private guest: no guest has done
// anything wrong.
const notPublic = "not_public"

func dropped(f *inventory.Facts) (all []Finding) {
	if n := f.Drops[notPublic]; n > 0 {
		all = append(all, Finding{
			Subject: host, Sentence: "Hosts outside have called private guests by addresses that are not public: that is dropped, unless `public` or `forward` leads there.",
			Evidence: []string{fmt.Sprintf("counter %s: %s", notPublic, packets(n))}, Fix: []string{},
		})
	}
	var evidence []string
	for _, reason := range slices.Sorted(maps.Keys(f.Drops)) {
		if f.Drops[reason] > 0 && reason != notPublic {
			evidence = append(evidence, fmt.Sprintf("counter %s: %s", reason, packets(f.Drops[reason])))
		}
	}
	if len(evidence) == 0 {
		return all
	}
	for i := range f.NICs {
		for _, p := range f.NICs[i].Ports() {
			if p.Dropped != nil && *p.Dropped > 0 {
				evidence = append(evidence, fmt.Sprintf("from %s of %s: %s", p.Name, f.NICs[i].Label(), packets(*p.Dropped)))
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(f.DropsElsewhere)) {
		evidence = append(evidence, fmt.Sprintf("from %s, with a guest's address: %s", name, packets(f.DropsElsewhere[name])))
	}
	return append(all, Finding{
		Subject: host, Sentence: "Antispoofing has dropped packets: their sender used another's address, or one that vifctl was not told of.",
		Evidence: evidence, Fix: []string{},
	})
}

func packets(n uint64) string {
	if n == 1 {
		return "1 packet"
	}
	return fmt.Sprintf("%d packets", n)
}
