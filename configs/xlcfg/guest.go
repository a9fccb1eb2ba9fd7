package xlcfg

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"vifctl/configs"
)

// Guest is what a file says of who the guest is and of its interfaces.
type Guest struct {
	Name, UUID string
	// Type is "pv", "pvh" or "hvm".
	Type string
	// Stubdom: the device model runs in a domain of its own.
	Stubdom bool
	NICs    []NIC
}

// NIC is one entry of vif.
type NIC struct {
	Position
	// Devid is what Xen numbers it by.
	Devid int
	// Emulated: beside the vif there is a tap, the device model's.
	Emulated bool
	// Said is what the entry says, by xl's names; netdev, the old name, is
	// gatewaydev.
	Said map[string]Said
}

// Said is a value and where it was said.
type Said struct {
	Position
	Value string
	// File is "" for the guest's own.
	File string
}

// Get is the value of a key, "" where nothing is said.
func (n NIC) Get(key string) string { return n.Said[key].Value }

// Guest makes sense of the file. Its error is a *configs.Mistake.
func (f *File) Guest() (Guest, error) {
	var g Guest
	for key, into := range map[string]*string{"name": &g.Name, "uuid": &g.UUID} {
		v, err := f.text(key)
		if err != nil {
			return g, err
		}
		*into = v.Text
	}
	g.UUID = strings.ToLower(g.UUID)
	if g.Name == "" {
		return g, f.mistake(Position{1, 1}, "the file gives the guest no name: write name = \"web\"")
	}
	var err error
	if g.Type, err = f.guestType(); err != nil {
		return g, err
	}
	stub, err := f.text("device_model_stubdomain_override")
	if err != nil {
		return g, err
	}
	g.Stubdom = g.Type == "hvm" && stub.Text != "" && stub.Text != "0"
	vif, ok := f.Get("vif")
	if !ok {
		return g, nil
	}
	if !vif.IsList {
		return g, f.mistake(vif.Position, "vif is one value and should be a list: write vif = [ '%s' ]", vif.Text)
	}
	for i, item := range vif.List {
		n, err := f.nic(item, i, g)
		if err != nil {
			return g, err
		}
		if n.Devid < 0 {
			n.Devid = free(g.NICs)
		}
		if slices.ContainsFunc(g.NICs, func(o NIC) bool { return o.Devid == n.Devid }) {
			return g, f.mistake(n.Said["devid"].Position, "devid=%d is another interface's already: leave it out", n.Devid)
		}
		g.NICs = append(g.NICs, n)
	}
	return g, nil
}

// Default fills in what no entry says and xl's own configuration (xl.conf(5))
// does: its vif.default.bridge, vif.default.gatewaydev, vif.default.script and
// vif.default.backend.
func (g *Guest) Default(conf *File) {
	for _, key := range []string{"bridge", "gatewaydev", "script", "backend"} {
		v, ok := conf.Get("vif.default." + key)
		if !ok || v.IsList || v.Text == "" {
			continue
		}
		for _, n := range g.NICs {
			if _, said := n.Said[key]; !said {
				n.Said[key] = Said{Position: v.Position, Value: v.Text, File: conf.Name}
			}
		}
	}
}

// guestType is what type= says, or builder= did before.
func (f *File) guestType() (string, error) {
	v, err := f.text("type")
	if err != nil {
		return "", err
	}
	switch v.Text {
	case "pv", "pvh", "hvm":
		return v.Text, nil
	case "":
	default:
		return "", f.mistake(v.Position, "type cannot be %q: a guest is \"pv\", \"pvh\" or \"hvm\"", v.Text)
	}
	for _, old := range []string{"builder", "kernel"} {
		v, err := f.text(old)
		if err != nil {
			return "", err
		}
		// xm's HVM guests named their loader as their kernel.
		if v.Text == "hvm" || old == "kernel" && strings.HasSuffix(v.Text, "/hvmloader") {
			return "hvm", nil
		}
	}
	return "pv", nil
}

func free(nics []NIC) int {
	devid := 0
	for slices.ContainsFunc(nics, func(n NIC) bool { return n.Devid == devid }) {
		devid++
	}
	return devid
}

// keys are all that an entry may say: xl's, and those of xm's that xl has no
// use for.
func keys() []string {
	return []string{
		"mac", "bridge", "gatewaydev", "netdev", "type", "model", "vifname", "script", "ip", "backend", "rate", "devid",
		"mtu", "vlan", "forwarddev", "accel", "policy", "label",
	}
}

// nic reads one entry: keywords and values, separated by commas.
func (f *File) nic(v Value, i int, g Guest) (NIC, error) {
	n := NIC{Position: v.Position, Devid: -1, Emulated: g.Type == "hvm", Said: map[string]Said{}}
	if v.IsList {
		return n, f.mistake(v.Position, "interface %d of vif is a list and should be a text, as in 'bridge=xenbr0'", i)
	}
	from := 0
	for word := range strings.SplitSeq(v.Text, ",") {
		start := from + len(word) - len(strings.TrimLeft(word, " \t"))
		from += len(word) + 1
		if word = strings.TrimSpace(word); word == "" {
			continue
		}
		if err := f.say(&n, word, v, start); err != nil {
			return n, err
		}
	}
	return n, nil
}

func (f *File) say(n *NIC, word string, v Value, start int) error {
	key, value, assigned := strings.Cut(word, "=")
	key = strings.TrimSpace(key)
	value = strings.TrimSpace(value)
	at := v.at(start)
	switch {
	case !assigned && (key == "trusted" || key == "untrusted"):
		return nil
	case (key == "trusted" || strings.HasPrefix(key, "colo_")) && assigned:
		return nil
	case !assigned:
		return f.mistake(at, "%s has no value: an interface is described by KEY=VALUE, separated by commas", word)
	case !slices.Contains(keys(), key):
		return f.mistake(at, "xl knows no %s= for an interface%s", key, instead(key))
	}
	valueAt := v.at(start + len(word) - len(value))
	if unquoted := strings.Trim(value, `"'`); len(unquoted) == len(value)-2 {
		value = unquoted // xm's way: ip="192.0.2.1" within the other quotes
		valueAt = v.at(start + len(word) - len(value) - 1)
	}
	bad := func(valid string) error {
		return f.mistake(valueAt, "%s=%s cannot be used: %s", key, value, valid)
	}
	switch key {
	case "netdev":
		key = "gatewaydev"
	case "type":
		switch value {
		case "vif", "netfront":
			n.Emulated = false
		case "ioemu":
		default:
			return bad("it is ioemu or vif")
		}
	case "devid":
		devid, err := strconv.ParseUint(value, 0, 16)
		if err != nil {
			return bad("it is a number, as 0")
		}
		n.Devid = int(devid)
	case "rate":
		limit, ok := rate(value)
		if !ok {
			return bad("a rate is RATE/s or RATE/s@INTERVAL, as in 10Mb/s or 1MB/s@20ms")
		}
		value = limit
	}
	n.Said[key] = Said{Position: cmp.Or(valueAt, at), Value: value}
	return nil
}

func instead(key string) string {
	if meant := configs.DidYouMean(key, keys()); meant != "" {
		return meant
	}
	return "; there are " + strings.Join(keys(), ", ")
}
