package dom0

import (
	"fmt"
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
	for option, looks := range families {
		facts = append(facts, n.lookAtFamily(option, looks)...)
	}
	facts = append(facts, n.sysctls()...)
	slices.Sort(facts)
	// Rulesets have an order of their own.
	facts = append(facts, n.firewall()...)
	return strings.Join(facts, "\n") + "\n"
}

// A look is a program's answer, each line of which is a fact of one kind.
type look struct {
	kind    string
	command string
	keep    func(line string) bool
}

var looks = []look{
	{kind: "vlan", command: "bridge -compressvlans -oneline vlan show", keep: func(line string) bool { return line != "port vlan-id" }},
	// The kernel's default queues have handle 0, and stay once they were there: they say nothing.
	{kind: "qdisc", command: "tc qdisc show", keep: func(line string) bool { return !strings.Contains(line, " 0: dev ") }},
}

// What ip is asked in one process for each family: starting one costs as much as ten answers.
var families = map[string][]look{
	"-4": {
		{kind: "route", command: "route show table all"},
		{kind: "rule", command: "rule show"},
		{kind: "neighbour", command: "neigh show nud permanent"},
		{kind: "neighbour", command: "neigh show proxy"},
	},
	"-6": {
		{kind: "route6", command: "route show table all"},
		{kind: "rule6", command: "rule show"},
		{kind: "neighbour6", command: "neigh show nud permanent"},
		{kind: "neighbour6", command: "neigh show proxy"},
	},
}

// fence is asked between two questions: its answer is the only one that begins as loopback does.
const fence = "link show dev lo"

var fenceAnswer = regexp.MustCompile(`(?m)^1: lo: .*\n.*\n`)

func (n *Namespace) lookAtFamily(option string, looks []look) []string {
	var questions strings.Builder
	for _, l := range looks {
		questions.WriteString(l.command + "\n" + fence + "\n")
	}
	r := n.feed(questions.String(), "ip", option, "-batch", "-")
	answers := fenceAnswer.Split(r.Stdout, -1)
	if r.Exit != 0 || len(answers) != len(looks)+1 {
		return []string{fmt.Sprintf("ip %s unknown: exit %d: %s%s", option, r.Exit, r.Stdout, r.Stderr)}
	}
	var facts []string
	for i, l := range looks {
		facts = append(facts, l.facts(answers[i])...)
	}
	return facts
}

// noise is what iproute2 adds that comes and goes by itself.
var noise = regexp.MustCompile(` (linkdown|dead|PERMANENT|expires \d+sec|refcnt \d+)\b`)

func (n *Namespace) look(l look) []string {
	words := strings.Fields(l.command)
	out, err := n.run(words[0], words[1:]...)
	if err != nil {
		return []string{l.kind + " unknown: " + err.Error()}
	}
	return l.facts(out)
}

func (l look) facts(answer string) []string {
	var facts []string
	for line := range strings.Lines(answer) {
		line = strings.Join(strings.Fields(noise.ReplaceAllString(line, "")), " ")
		if line != "" && (l.keep == nil || l.keep(line)) {
			facts = append(facts, l.kind+" "+line)
		}
	}
	return facts
}
