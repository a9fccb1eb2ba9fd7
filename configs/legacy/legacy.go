// Package legacy reads how xend and xl were configured, as far as networks go,
// and says what comes to the same in vifctl's configuration. It reads text, and
// nothing else.
package legacy

import (
	"fmt"
	"path"
	"strconv"
	"strings"

	"vifctl/configs"
	"vifctl/configs/xlcfg"
)

// File is a file's name and text.
type File struct{ Name, Text string }

// Result is what was found.
type Result struct {
	// Host are the settings of [host], each a line of TOML behind a comment
	// that says where it comes from.
	Host []string
	// Notes are what has no equivalent, or needs none, a sentence each.
	Notes []string
}

// Import reads xend's configuration and xl's; either may be nil.
func Import(xend, xl *File) (Result, error) {
	var i importer
	if xend != nil {
		nodes, err := parseSXP(xend.Name, xend.Text)
		if err != nil {
			return i.Result, err
		}
		i.xend(xend.Name, nodes)
	}
	if xl != nil {
		conf, err := xlcfg.Parse(xl.Name, xl.Text)
		if err != nil {
			return i.Result, err
		}
		i.xl(conf)
	}
	if len(i.networks) > 0 {
		i.Host = append([]string{i.networks[0], "network = [" + strings.Join(i.networks[1:], ", ") + "]"}, i.Host...)
	}
	_, err := configs.Parse("the equivalent configuration", i.TOML())
	return i.Result, err
}

// TOML is the whole of it as a file.
func (r Result) TOML() string {
	var b strings.Builder
	for _, n := range r.Notes {
		fmt.Fprintf(&b, "# %s\n", n)
	}
	if len(r.Host) > 0 {
		fmt.Fprintf(&b, "\n[host]\n%s\n", strings.Join(r.Host, "\n"))
	}
	return strings.TrimPrefix(b.String(), "\n")
}

type importer struct {
	Result
	// networks are a comment, then texts in quotes.
	networks []string
	// set are the keys of [host] that have a value.
	set map[string]bool
}

// host sets one of [host]; the first one counts.
func (i *importer) host(from, key, value string) {
	if i.set == nil {
		i.set = map[string]bool{}
	}
	if i.set[key] {
		i.note("%s: %s is said twice; the first one counts", from, key)
		return
	}
	i.set[key] = true
	i.Host = append(i.Host, "# "+configs.OneLine(from), key+" = "+quote(value))
}

func (i *importer) note(format string, args ...any) {
	i.Notes = append(i.Notes, configs.OneLine(fmt.Sprintf(format, args...)))
}

// xend reads the top of xend-config.sxp: lists of a name and a value.
func (i *importer) xend(file string, nodes []node) {
	for _, n := range nodes {
		if len(n.list) == 0 || n.list[0].isList {
			continue
		}
		value := ""
		if len(n.list) > 1 && !n.list[1].isList {
			value = n.list[1].word
		}
		from := fmt.Sprintf("%s:%d: (%s %s)", file, n.line, n.list[0].word, value)
		switch n.list[0].word {
		case "network-script":
			i.networkScript(from, strings.Fields(value))
		case "vif-script":
			i.vifScript(from, strings.Fields(value))
		case "vif-bridge":
			i.note(`%s: in xl.conf that is vif.default.bridge=%q`, from, value)
		case "vif-antispoof", "antispoof":
			if value == "yes" {
				i.host(from, "antispoof", "strict")
			}
		}
	}
}

// networkScript reads the script that xend ran when it began.
func (i *importer) networkScript(from string, words []string) {
	if len(words) == 0 {
		return
	}
	name := path.Base(words[0])
	mode, ours := strings.CutPrefix(name, "network-")
	switch name {
	case "network-dummy", "true":
		i.note("%s: nothing is done to the host's network, as with vifctl", from)
		return
	case "network":
		mode, ours = "bridge", true // its name in Xen 2
	}
	if !ours || mode != "bridge" && mode != "route" && mode != "nat" {
		i.note("%s: no network script of Xen's, so it has no equivalent: run it at boot as before", from)
		return
	}
	network := []string{mode}
	for _, word := range words[1:] {
		key, value, _ := strings.Cut(word, "=")
		switch {
		case key == "antispoof" && value == "yes":
			network = append(network, word)
		case key == "antispoof":
		case key == "dhcp" && value == "yes" && mode != "bridge":
			network = append(network, word)
			i.note("%s: its guests are leased by vifctl-dnsmasq.service, no longer by dhcpd: see dhcp in `vifctl config example`", from)
		case key == "dhcp":
		case key == "bridge" || key == "netdev" || key == "vifnum":
			network = append(network, word)
			if key == "netdev" && mode != "bridge" && value != "none" && value != "null" {
				i.host(from, "uplink", value)
			}
		default:
			i.note("%s: %s has no equivalent", from, word)
		}
	}
	if i.networks == nil {
		i.networks = []string{"# " + configs.OneLine(from)}
	}
	i.networks = append(i.networks, quote(strings.Join(network, " ")))
}

// vifScript reads the script that xend gave to guests without one.
func (i *importer) vifScript(from string, words []string) {
	if len(words) == 0 {
		return
	}
	name := path.Base(words[0])
	if !isOurs(name) {
		i.note("%s: no script of Xen's, so it has no equivalent: xl calls it where vif.default.script in xl.conf names it", from)
	} else if name != "vif-bridge" {
		i.note("%s: in xl.conf that is vif.default.script=%q, and vifctl answers to it", from, name)
	}
	for _, word := range words[1:] {
		if bridge, ok := strings.CutPrefix(word, "bridge="); ok {
			i.note("%s: in xl.conf that is vif.default.bridge=%q", from, bridge)
		} else {
			i.note("%s: %s has no equivalent", from, word)
		}
	}
}

// xl reads xl.conf, of which xl itself goes on telling everything to the
// scripts.
func (i *importer) xl(conf *xlcfg.File) {
	for _, s := range conf.Settings {
		from := fmt.Sprintf("%s:%d: %s=%q", conf.Name, s.Line, s.Name, s.Value.Text)
		switch s.Name {
		case "vif.default.script", "vifscript":
			if isOurs(path.Base(s.Value.Text)) {
				i.note("%s: stays as it is: vifctl answers to it", from)
			} else {
				i.note("%s: no script of Xen's: xl goes on calling it, and vifctl has no part in it", from)
			}
		case "vif.default.bridge", "defaultbridge":
			i.note("%s: stays as it is: xl tells it to every script", from)
		case "vif.default.gatewaydev":
			i.host(from, "uplink", s.Value.Text)
		case "vif.default.backend":
			i.note("%s: guests' interfaces are in that domain, and so is vifctl's configuration to be", from)
		}
	}
}

// isOurs reports whether vifctl answers to a script's name.
func isOurs(name string) bool {
	switch name {
	case "vif-bridge", "vif-route", "vif-nat", "vif-openvswitch", "vif-route-ifup", "vif-setup", "vifctl":
		return true
	}
	return false
}

// quote writes a text of TOML's.
func quote(s string) string {
	var b strings.Builder
	for _, r := range strings.ToValidUTF8(s, "?") {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < ' ' || r == 0x7f:
			b.WriteString(`\u00` + strconv.FormatUint(uint64(r)+0x100, 16)[1:])
		default:
			b.WriteRune(r)
		}
	}
	return `"` + b.String() + `"`
}
