package dom0

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// A link is what `ip -json -details address show` says of one.
type link struct {
	Name     string   `json:"ifname"`
	Flags    []string `json:"flags"`
	MTU      int      `json:"mtu"`
	Master   string   `json:"master"`
	Group    string   `json:"group"`
	Queue    int      `json:"txqlen"`
	MAC      string   `json:"address"`
	Alias    string   `json:"ifalias"`
	Altnames []string `json:"altnames"`
	Info     struct {
		Kind string         `json:"info_kind"`
		Data map[string]any `json:"info_data"`
		Port map[string]any `json:"info_slave_data"`
	} `json:"linkinfo"`
	Addresses []map[string]any `json:"addr_info"`

	// linkLocal is set where the kernel makes the interface a link-local address from its MAC.
	linkLocal bool
	// arriving is set while the kernel has yet to make the local route of one of its IPv6 addresses.
	arriving bool
}

func (n *Namespace) links() ([]link, error) {
	out, err := n.run("ip", "-json", "-details", "address", "show")
	if err != nil {
		return nil, err
	}
	var links []link
	if err := json.Unmarshal([]byte(out), &links); err != nil {
		return nil, fmt.Errorf("%s: read ip's JSON: %w", n.Name, err)
	}
	err = n.Do(func() error {
		local, err := localRoutes6()
		if err != nil {
			return err
		}
		for i, l := range links {
			links[i].arriving = slices.ContainsFunc(l.Addresses, func(a map[string]any) bool {
				ip, err := netip.ParseAddr(fmt.Sprint(a["local"]))
				return err == nil && ip.Is6() && !local[l.Name+" "+ip.String()]
			})
			// Reading it makes the kernel do at once what it would do about the carrier within a second (since 6.5).
			_, _ = os.ReadFile("/sys/class/net/" + l.Name + "/carrier")
			links[i].linkLocal = ipv6Setting(l.Name, "disable_ipv6") == "0" && ipv6Setting(l.Name, "addr_gen_mode") == "0"
		}
		return nil
	})
	return links, err
}

// localRoutes6 are the IPv6 addresses that the kernel takes packets for, each behind its interface's name.
func localRoutes6() (map[string]bool, error) {
	// Each line is destination, length, source, length, gateway, metric, references, use, flags (all hexadecimal), device.
	data, err := os.ReadFile("/proc/thread-self/net/ipv6_route")
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	local := map[string]bool{}
	for line := range strings.Lines(string(data)) {
		fields := strings.Fields(line)
		if len(fields) != 10 {
			continue
		}
		raw, err := hex.DecodeString(fields[0])
		if err != nil {
			return nil, err
		}
		if ip, ok := netip.AddrFromSlice(raw); ok && fields[1] == "80" {
			local[fields[9]+" "+ip.String()] = true
		}
	}
	return local, nil
}

// ipv6Setting is "" for an interface without IPv6: one whose MTU is below 1280.
func ipv6Setting(name, setting string) string {
	value, _ := os.ReadFile("/proc/sys/net/ipv6/conf/" + name + "/" + setting)
	return strings.TrimSpace(string(value))
}

func (l link) has(flag string) bool { return slices.Contains(l.Flags, flag) }

// facts are the lines about one link: itself (a line for each attribute, so that a difference shows which), what it is as
// a bridge, what it is as a bridge's port, and its addresses.
func (l link) facts() []string {
	state := "down"
	if l.has("UP") {
		state = "up"
	}
	var facts []string
	say := func(name, value, usual string) {
		if value != usual {
			facts = append(facts, "link "+l.Name+" "+name+"="+value)
		}
	}
	say("kind", l.Info.Kind, "")
	say("state", state, "")
	say("mac", l.MAC, "")
	say("mtu", strconv.Itoa(l.MTU), "")
	say("master", l.Master, "")
	say("group", l.Group, "default")
	say("qlen", strconv.Itoa(l.Queue), "1000")
	say("alias", l.Alias, "")
	say("altnames", strings.Join(l.Altnames, ","), "")
	for _, flag := range l.Flags {
		if !slices.Contains([]string{"UP", "LOWER_UP", "NO-CARRIER", "M-DOWN", "BROADCAST", "MULTICAST", "LOOPBACK"}, flag) {
			say("flag", flag, "")
		}
	}
	if l.Master != "" {
		facts = append(facts, "port "+l.Name+" "+attributes(l.Info.Port))
	}
	if l.Info.Kind == "bridge" {
		facts = append(facts, "bridge "+l.Name+" "+attributes(l.Info.Data))
	}
	for _, a := range l.Addresses {
		facts = append(facts, fmt.Sprintf("address %s %v %v/%v %s", l.Name, a["family"], a["local"], a["prefixlen"], attributes(a)))
	}
	return facts
}

// passing matches the attributes that change by themselves or differ from run to run, and those said elsewhere.
var passing = regexp.MustCompile(`timer|_id$|^id$|^no$|designated|pending|topology|state|root_|life_time|tentative|^dad` +
	`|^(family|local|prefixlen)$`)

func attributes(values map[string]any) string {
	var words []string
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if !passing.MatchString(name) {
			words = append(words, fmt.Sprintf("%s=%v", name, values[name]))
		}
	}
	return strings.Join(words, " ")
}
