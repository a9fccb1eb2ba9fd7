package properties

import (
	"regexp"
	"slices"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

var (
	// sources are the sets of whose a hardware address and an address are.
	sources = regexp.MustCompile(`(?s)set (pmac|pip4) \{.*?\n\t\}`)
	element = regexp.MustCompile(`"([^"]+)" \. ([0-9a-f:.]+)`)
	strict  = regexp.MustCompile(`(?s)set strict_ports \{.*?\n\t\}`)
	quoted  = regexp.MustCompile(`"([^"]+)"`)
	// checked are flows that let something of a port's pass by its source.
	checked = regexp.MustCompile(`in_port="?([^",]+)"?,.*(?:dl_src|nw_src|arp_spa|arp_sha)=([0-9a-f:.]+)`)
	route   = regexp.MustCompile(`(?m)^(192\.168\.7\.\d+) dev (\S+)`)
)

// saysNFTables reads the sets. A port that is in none of the sets of checked ones is left out.
func saysNFTables(t failer, h host) map[string][]string {
	rules := h.Run("nft", "list", "ruleset").Stdout
	isChecked := map[string]bool{}
	for _, set := range strict.FindAllString(rules, -1) {
		for _, m := range quoted.FindAllStringSubmatch(set, -1) {
			isChecked[m[1]] = true
		}
	}
	says := map[string][]string{}
	for _, set := range sources.FindAllString(rules, -1) {
		for _, m := range element.FindAllStringSubmatch(set, -1) {
			require.True(t, isChecked[m[1]], "%s may speak as %s, and is not checked", m[1], m[2])
			says[m[1]] = append(says[m[1]], m[2])
		}
	}
	return says
}

// saysSwitch reads the flows.
func saysSwitch(_ failer, h host) map[string][]string {
	says := map[string][]string{}
	for _, m := range checked.FindAllStringSubmatch(h.Run("ovs-ofctl", "--no-stats", "--names", "dump-flows", "ovs0").Stdout, -1) {
		if m[2] != "0.0.0.0" { // who has no address yet
			says[m[1]] = append(says[m[1]], m[2])
		}
	}
	return says
}

// ports are the names of the life's ports that are up.
func (l *life) ports() []string {
	vif, tap := l.Vif, l.Tap
	if l.Vifname != "" {
		vif, tap = l.Vifname, l.Vifname+"-emu"
	}
	if l.tapUp {
		return []string{vif, tap}
	}
	return []string{vif}
}

// check looks at what the rules let each port say, and at where the routes to guests lead.
func (w *world) check(rt *rapid.T) {
	require.Zero(rt, w.arrived.Load(), "forged packets that arrived")
	says := w.says(rt, w.host)
	routes := map[string][]string{}
	for _, m := range route.FindAllStringSubmatch(w.Run("ip", "-4", "route", "show").Stdout, -1) {
		routes[m[1]] = append(routes[m[1]], m[2])
	}
	leads := map[string]bool{}
	for _, l := range w.live {
		for _, name := range l.ports() {
			require.Contains(rt, says[name], l.MAC, "the port %s of %s may not speak", name, l.Guest)
			for _, what := range says[name] {
				own := what == l.MAC || what == l.IP
				require.True(rt, own, "%s of %s (%s, %s) may speak as %s", name, l.Guest, l.MAC, l.IP, what)
			}
			leads[l.IP] = leads[l.IP] || slices.Contains(routes[l.IP], name)
		}
	}
	// What a new domain took over comes back with its offline.
	waits := map[int]bool{}
	for _, l := range w.lost {
		waits[l.who] = true
	}
	for _, l := range w.live {
		if (l.script == "vif-route" || l.script == "vif-nat") && !waits[l.who] {
			require.True(rt, leads[l.IP], "no route to %s leads to %s: %v", l.IP, l.Guest, routes[l.IP])
		}
	}
	w.checkPublic(rt)
}

// checkPublic: the public address leads to the guest that is up behind vif-nat, and to none else.
func (w *world) checkPublic(rt *rapid.T) {
	there := w.Run("ip", "-4", "address", "show", "to", public).Stdout != ""
	for _, l := range w.live {
		if l.script == "vif-nat" && l.who == 1 {
			require.True(rt, there, "%s has lost its public address", l.Guest)
		}
	}
}
