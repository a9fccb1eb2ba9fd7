package dom0

import (
	"regexp"
	"slices"
	"strings"
)

// State is all that the kernel holds for this dom0's network, as text: a line a fact, each beginning with its kind (link,
// port, vlan, address, route, rule, neighbour, sysctl, qdisc, nft, iptables), sorted within its kind, and without what
// differs from one run to the next (interface numbers, counters, carrier and timers).
//
// It is read by iproute2, nft and from /proc, none of which vifctl uses to write.
func (n *Namespace) State() string {
	links, err := n.settle()
	if err != nil {
		return err.Error() + "\n"
	}
	var facts []string
	for _, l := range links {
		facts = append(facts, l.facts()...)
	}
	for _, look := range looks {
		facts = append(facts, n.look(look)...)
	}
	facts = append(facts, n.sysctls()...)
	slices.Sort(facts)
	// Rulesets have an order of their own.
	facts = append(facts, n.firewall()...)
	return strings.Join(facts, "\n") + "\n"
}

// A look is a command, each line of whose output is a fact of one kind.
type look struct {
	kind    string
	command string
	keep    func(line string) bool
}

var looks = []look{
	{kind: "route", command: "ip -4 route show table all"},
	{kind: "route6", command: "ip -6 route show table all"},
	{kind: "rule", command: "ip -4 rule show"},
	{kind: "rule6", command: "ip -6 rule show"},
	{kind: "neighbour", command: "ip -4 neigh show nud permanent"},
	{kind: "neighbour6", command: "ip -6 neigh show nud permanent"},
	{kind: "neighbour", command: "ip -4 neigh show proxy"},
	{kind: "neighbour6", command: "ip -6 neigh show proxy"},
	{kind: "vlan", command: "bridge -compressvlans -oneline vlan show", keep: func(line string) bool { return line != "port vlan-id" }},
	// The kernel's default queues have handle 0, and stay once they were there: they say nothing.
	{kind: "qdisc", command: "tc qdisc show", keep: func(line string) bool { return !strings.Contains(line, " 0: dev ") }},
}

// noise is what iproute2 adds that comes and goes by itself.
var noise = regexp.MustCompile(` (linkdown|dead|PERMANENT|expires \d+sec|refcnt \d+)\b`)

func (n *Namespace) look(l look) []string {
	words := strings.Fields(l.command)
	out, err := n.run(words[0], words[1:]...)
	if err != nil {
		return []string{l.kind + " unknown: " + err.Error()}
	}
	var facts []string
	for line := range strings.Lines(out) {
		line = strings.Join(strings.Fields(noise.ReplaceAllString(line, "")), " ")
		if line != "" && (l.keep == nil || l.keep(line)) {
			facts = append(facts, l.kind+" "+line)
		}
	}
	return facts
}
