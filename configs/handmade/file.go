package handmade

import (
	"fmt"
	"net/netip"
	"path"
	"slices"
	"strings"
)

// tools are the programs by which the network is changed.
var tools = []string{"iptables", "ip6tables", "iptables-nft", "iptables-legacy", "ip6tables-nft", "ip6tables-legacy", "iptables-restore", "ip6tables-restore", "ip", "ifconfig", "brctl", "route", "arp", "nft", "ebtables", "sysctl"}

// file reads the lines of an rc.local, a cron job or a script. Of lines without a word of the
// network's there is nothing to say.
func (i *importer) file(f File) {
	n := 0
	for line := range strings.Lines(f.Text) {
		n++
		line = strings.TrimSpace(line)
		where := fmt.Sprintf("%s:%d", f.Name, n)
		if line == "" || strings.HasPrefix(line, "#") || !slices.ContainsFunc(strings.Fields(line), isTool) && !strings.Contains(line, "/proc/sys/net/") {
			continue
		}
		takeOut := func() { i.TakeOut = append(i.TakeOut, where+": "+line) }
		words, why := split(commandOf(line))
		switch {
		case why != "":
		case len(words) == 0 || !isTool(words[0]):
			why = "it does not begin with the command"
		case strings.Contains(path.Base(words[0]), "tables") && path.Base(words[0]) != "ebtables":
			var r rule
			if r, why = parse(words[1:]); why == "" {
				r.text = line
				why = i.rule(found{r, where, takeOut})
			}
		default:
			// Which addresses stand for guests is known when all rules are.
			i.commands = append(i.commands, func() {
				if why := i.command(path.Base(words[0]), words[1:]); why != "" {
					i.unknown(where, why, line)
				} else {
					takeOut()
				}
			})
		}
		if why != "" {
			i.unknown(where, why, line)
		}
	}
}

// commandOf is a line without what a crontab has before the command (five fields, in /etc/crontab
// a user), and without what hides its failure.
func commandOf(line string) string {
	fields := strings.Fields(line)
	isTime := func(w string) bool { return strings.Trim(w, "*0123456789,-/") == "" }
	if len(fields) > 5 && !slices.ContainsFunc(fields[:5], func(w string) bool { return !isTime(w) }) {
		for range 5 {
			_, line, _ = strings.Cut(strings.TrimSpace(line), fields[0])
			fields = fields[1:]
		}
		if len(fields) > 1 && !isTool(fields[0]) && isTool(fields[1]) {
			_, line, _ = strings.Cut(line, fields[0])
		}
	}
	line = strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(line), "|| true"))
	return strings.TrimSpace(strings.TrimSuffix(line, "2>/dev/null"))
}

func isTool(word string) bool { return slices.Contains(tools, path.Base(word)) }

// isPort: xl, xend and qemu call guests' interfaces so.
func isPort(dev string) bool {
	rest, ok := strings.CutPrefix(dev, "vif")
	if !ok {
		rest, ok = strings.CutPrefix(dev, "tap")
	}
	return ok && rest != "" && strings.Trim(rest, "0123456789.-emu") == ""
}

// command judges a line about addresses, routes, links and bridges: vifctl does it where it is
// about a guest's interface, or about an address that stands for a guest.
func (i *importer) command(tool string, words []string) (why string) {
	if tool == "sysctl" || tool == "nft" || tool == "ebtables" {
		return "vifctl may need it, or not: look at it"
	}
	if slices.ContainsFunc(words, isPort) {
		return ""
	}
	for _, w := range words {
		address, _, _ := strings.Cut(w, "/")
		a, err := netip.ParseAddr(address)
		if err != nil {
			continue
		}
		for _, g := range i.guests {
			if g.isPublic && g.public == a && (tool == "ifconfig" || tool == "ip") {
				return ""
			}
		}
	}
	return "it is about no interface of a guest's and no address that stands for one"
}
