package main

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"vifctl/hooks/firewall"
	"vifctl/hooks/journal"
	"vifctl/hooks/plan"
	"vifctl/modes/nat"
	"vifctl/tests/dom0"
	"vifctl/tests/realxenstore"
)

// A way is one in which a guest's rules get into the kernel.
type way struct {
	name string
	// firewall is what vifctl's configuration says; "" where it is not vifctl's way.
	firewall string
	// variant is the iptables that the host uses, "nft" or "legacy"; "" where it is not iptables' way.
	variant string
	// alone: no other guests ever come.
	alone bool
	// scripts are Debian's.
	scripts func() (map[string]string, error)
	// fill puts other guests' rules in place; nil where vifctl does.
	fill func(w *world, from, to guest) error
	// lines are what is typed for a guest; nil where a call does it all.
	lines func(g guest) []string
	// publicly: the guest is called by its public address.
	publicly bool
}

// Who is compared.
const (
	nftables = "nftables"
	control  = "nftables, no other guests"
	xtNFT    = "iptables (nft)"
	xtLegacy = "iptables (legacy)"
	byHand   = "rules by hand"
	debian   = "Debian's vif-nat"
)

var ways = []way{
	{name: nftables, firewall: "nftables", publicly: true},
	{name: control, firewall: "nftables", publicly: true, alone: true},
	{name: xtNFT, firewall: "iptables", variant: "nft", publicly: true},
	{name: xtLegacy, firewall: "iptables", variant: "legacy", publicly: true},
	{name: byHand, variant: "nft", scripts: dom0.Debian(realxenstore.DebianRoot()), fill: fillByHand, lines: handLines, publicly: true},
	{name: debian, variant: "nft", scripts: filtering, fill: fillDebian},
}

// journalDir is where vifctl keeps its records.
const journalDir = "/run/vifctl"

// open opens vifctl's firewall of the namespace that the calling thread is in.
func (y way) open() (firewall.Firewall, error) {
	o := firewall.Options{Uplinks: []string{dom0.Uplink}}
	if y.firewall != "iptables" {
		return firewall.OpenNFTables(o)
	}
	boot, err := bootID()
	if err != nil {
		return nil, err
	}
	o.Wanted = func() ([]plan.Rule, error) { return journal.Open(journalDir).Rules(boot) }
	return firewall.OpenIPTables(o)
}

func bootID() (string, error) {
	id, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	return strings.TrimSpace(string(id)), err
}

// remember writes the guest's record, of which the iptables backend reads everybody's.
func (g guest) remember() error {
	boot, err := bootID()
	if err != nil {
		return err
	}
	r := &journal.Record{
		Port: journal.Port{NIC: plan.NIC{Domid: int(g)}, Kind: plan.Vif, Index: most + int(g), Boot: boot, Name: g.port(), Device: g.port()},
		Mode: "nat", Guest: g.name(),
	}
	for _, rule := range g.rules() {
		r.Entries = append(r.Entries, journal.Entry{Step: rule, Undo: rule.Inverse(nil)})
	}
	return journal.Open(journalDir).Write(r)
}

// change puts rules in place, or away, as a call does: it looks at what is there first.
func (y way) change(add, remove []plan.Rule) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	f, err := y.open()
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	if _, err := f.InForce(ctx, append(add, remove...)); err != nil {
		return err
	}
	return f.Change(ctx, add, remove)
}

// fillVifctl puts other guests' rules in place by vifctl's own backend, many at a time.
func fillVifctl(w *world, from, to guest) error {
	const atOnce = 500
	for first := from; first < to; first += atOnce {
		var some []plan.Rule
		for g := first; g < min(first+atOnce, to); g++ {
			some = append(some, g.rules()...)
		}
		err := w.d.Do(func() error {
			for g := first; g < min(first+atOnce, to) && w.way.firewall == "iptables"; g++ {
				if err := g.remember(); err != nil {
					return err
				}
			}
			return w.way.change(some, nil)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// handLines are what is typed for a private guest with a public address, by an administrator who has no scripts for it.
func handLines(g guest) []string {
	private, public := g.private(), g.public()
	return []string{
		fmt.Sprintf("-t nat CHANGE PREROUTING -d %s -j DNAT --to-destination %s", public, private),
		fmt.Sprintf("-t nat CHANGE PREROUTING -s %s -d %s -p tcp --dport %d -j DNAT --to-destination %s:22", from, forwarded, g.forward(), private),
		fmt.Sprintf("-t nat CHANGE POSTROUTING -o %s -s %s -j SNAT --to-source %s", dom0.Uplink, private, public),
		fmt.Sprintf("-t filter CHANGE FORWARD -o %s -d %s -j ACCEPT", g.port(), private),
		fmt.Sprintf("-t filter CHANGE FORWARD -i %s ! -s %s -j DROP", g.port(), private),
		fmt.Sprintf("-t filter CHANGE FORWARD -i %s -j ACCEPT", g.port()),
	}
}

// debianLines are what Debian's scripts do for a guest (handle_iptable in vif-common.sh).
func debianLines(g guest) []string {
	const bridged = "-t filter CHANGE FORWARD -m physdev --physdev-is-bridged "
	return []string{
		bridged + fmt.Sprintf("--physdev-in %s -s %s -j ACCEPT", g.port(), g.private()),
		bridged + fmt.Sprintf("--physdev-out %s -j ACCEPT", g.port()),
		bridged + fmt.Sprintf("--physdev-in %s -p udp --sport 68 --dport 67 -j ACCEPT", g.port()),
		bridged + fmt.Sprintf("--physdev-out %s -j ACCEPT", g.port()),
	}
}

func fillByHand(w *world, from, to guest) error { return w.restore(from, to, handLines) }
func fillDebian(w *world, from, to guest) error { return w.restore(from, to, debianLines) }

// restore puts other guests' lines in place: half in front of what is there, half behind it, so that who is measured is
// one in the middle.
func (w *world) restore(first, to guest, lines func(guest) []string) error {
	tables := map[string]*bytes.Buffer{"filter": {}, "nat": {}}
	for g := first; g < to; g++ {
		change := "-A"
		if g%2 == 0 {
			change = "-I"
		}
		for _, line := range lines(g) {
			words := strings.Fields(strings.Replace(line, "CHANGE", change, 1))
			fmt.Fprintln(tables[words[1]], strings.Join(words[2:], " "))
		}
	}
	text := ""
	for table, rules := range tables {
		if rules.Len() > 0 {
			text += "*" + table + "\n" + rules.String() + "COMMIT\n"
		}
	}
	return w.feed(text, "iptables-"+w.way.variant+"-restore", "--noflush", "-w")
}

// filtering are Debian's scripts with the firewalling that Debian has switched off. They are copied as they are, but for
// the line that does so, into a folder that goes with the dom0.
func filtering() (map[string]string, error) {
	links, err := dom0.Debian(realxenstore.DebianRoot())()
	if err != nil {
		return nil, err
	}
	const common, ends = "vif-common.sh", "  return 0\n"
	text, err := os.ReadFile(links[common])
	if err != nil {
		return nil, err
	}
	before, after, found := strings.Cut(string(text), "handle_iptable()\n{\n")
	comment, rest, switchedOff := strings.Cut(after, ends)
	if !found || !switchedOff || strings.Contains(comment, "iptables_w") {
		return nil, fmt.Errorf("%s: the line that switches its firewalling off is not where it was", links[common])
	}
	dir, err := os.MkdirTemp("", "firewall")
	if err != nil {
		return nil, err
	}
	scratch = append(scratch, dir)
	links[common] = filepath.Join(dir, common)
	return links, os.WriteFile(links[common], []byte(before+"handle_iptable()\n{\n"+comment+rest), fs.FileMode(0o755))
}

// scratch are folders that go at the end.
var scratch []string

// gatewayOf is a guest's.
func (y way) gatewayOf(g guest) netip.Addr {
	if y.firewall != "" {
		return netip.MustParseAddr(gateway)
	}
	return nat.GatewayOf(g.private())
}
