package event

import (
	"slices"
	"strings"

	"vifctl/hooks/plan"
)

// parameters is every key an argument may set. The stock scripts evaluate
// their arguments as shell; here any other key is an error. env: the
// environment may set it too (libxl's way); key: the backend's xenstore key
// that has the last word. They are in the order of their names.
var parameters = []parameter{
	{name: "INTERFACE", env: true},
	{name: "XENBUS_BASE_PATH", env: true},
	{name: "XENBUS_PATH", env: true},
	{name: "XENBUS_TYPE", env: true},
	{name: "bridge", env: true, key: "bridge"},
	{name: "ip", env: true, key: "ip"},
	{name: "mac", key: "mac"},
	{name: "mtu", key: "mtu"},
	{name: "netdev", env: true, key: "gatewaydev"},
	{name: "rate", key: "rate"},
	{name: "script", env: true},
	{name: "type", key: "type"},
	{name: "type_if"},
	{name: "vif", env: true},
	{name: "vifname", key: "vifname"},
	{name: "vlan", key: "vlan"},
}

type parameter struct {
	name string
	env  bool
	key  string
}

// find is the index of a parameter, negative where there is none of that name.
func find(name string) int {
	return slices.IndexFunc(parameters, func(p parameter) bool { return p.name == name })
}

// keyOf is the backend's key of a parameter, "" where it has none.
func keyOf(name string) string {
	if i := find(name); i >= 0 {
		return parameters[i].key
	}
	return ""
}

// names are those of the parameters, sorted.
func names() []string {
	all := make([]string, len(parameters))
	for i, p := range parameters {
		all[i] = p.name
	}
	return all
}

// BackendKeys are the backend's xenstore keys that Event looks at, sorted.
func BackendKeys() []string {
	var keys []string
	for _, p := range parameters {
		if p.key != "" {
			keys = append(keys, p.key)
		}
	}
	slices.Sort(keys)
	return keys
}

// Parse reads a call's arguments and environment. script is the base name it
// was called by; getenv is asked only for the contract's names. Where the
// error is about one value of a call whose backend is known, the returned Call
// still names that backend, so that the failure can be reported there.
func Parse(script string, args []string, getenv func(string) string) (Call, error) {
	c := Call{Script: script, params: map[string]string{}}
	for _, p := range parameters {
		if p.env {
			// netdev= is passed even when there is no gatewaydev: empty is unset.
			if v := getenv(p.name); v != "" {
				c.params[p.name] = v
			}
		}
	}
	argErr := c.readArguments(args)
	// Whatever is wrong with the arguments, say so where xl looks for it.
	pathErr := c.readPath()
	if argErr != nil {
		return c, argErr
	}
	if err := c.readKind(); err != nil {
		return c, err
	}
	if c.Ignored != "" {
		return c, nil
	}
	if pathErr != nil {
		return c, pathErr
	}
	return c, c.readDevice()
}

// readArguments takes them all, also behind a bad one: what names the backend
// may come last.
func (c *Call) readArguments(args []string) error {
	var first error
	complain := func(err error) {
		if first == nil {
			first = err
		}
	}
	for _, arg := range args {
		name, value, assigned := strings.Cut(arg, "=")
		if !assigned {
			if c.Command != "" {
				complain(bad("argument", arg, "one command is enough, and there was one before it"))
				continue
			}
			c.Command = Command(arg)
			switch c.Command {
			case Online, Offline, Add, Remove:
				continue
			}
			complain(bad("command", arg, "it is online or offline for a vif, add or remove for a tap"))
			continue
		}
		if find(name) < 0 {
			complain(bad(name, value, "no such argument; there are %s", strings.Join(names(), ", ")))
			continue
		}
		if value != "" {
			c.params[name] = value
		}
	}
	if c.Command == "" {
		complain(bad("command", "", "it is online or offline for a vif, add or remove for a tap"))
	}
	return first
}

// readKind decides between vif and tap. xend's udev rules called add and
// remove for a tap without type_if, with the tap's name in INTERFACE.
func (c *Call) readKind() error {
	belongs := plan.Vif
	if c.Command == Add || c.Command == Remove {
		belongs = plan.Tap
	}
	switch t := c.params["type_if"]; t {
	case string(plan.Vif), string(plan.Tap):
		c.Kind = plan.Kind(t)
	case "":
		c.Kind = plan.Vif
		if belongs == plan.Tap && looksLikeTap(c.params["INTERFACE"]) {
			c.Kind = plan.Tap
		}
	default:
		return bad("type_if", t, "it is vif or tap")
	}
	if c.Kind != belongs {
		c.Ignored = string(c.Command) + " is not for a " + string(c.Kind)
	}
	return nil
}

func looksLikeTap(name string) bool {
	return strings.HasSuffix(name, "-emu") || strings.HasPrefix(name, "tap")
}

// parseBackend reads backend/vif/DOMID/DEVID, or the same below
// /local/domain/BACKEND-DOMID. (These are no regular expressions because
// compiling them would be a tenth of a call's time.)
func parseBackend(path string) (nic plan.NIC, ok bool) {
	if rest, absolute := strings.CutPrefix(path, "/local/domain/"); absolute {
		domid, rest, found := strings.Cut(rest, "/")
		if _, number := parseNumber(domid); !found || !number {
			return nic, false
		}
		path = rest
	}
	path, ok = strings.CutPrefix(path, "backend/vif/")
	if !ok {
		return nic, false
	}
	return parseNumbers(path, "/")
}

// parseDevice reads the names in which Xen itself puts domid and devid:
// vif1.0, vif1.0-emu, tap1.0.
func parseDevice(name string) (nic plan.NIC, ok bool) {
	if len(name) < 3 || name[:3] != "vif" && name[:3] != "tap" {
		return nic, false
	}
	return parseNumbers(strings.TrimSuffix(name[3:], emu), ".")
}

func parseNumbers(s, separator string) (nic plan.NIC, ok bool) {
	domid, devid, ok := strings.Cut(s, separator)
	if !ok {
		return nic, false
	}
	if nic.Domid, ok = parseNumber(domid); !ok || nic.Domid > maxDomid {
		return nic, false
	}
	nic.Devid, ok = parseNumber(devid)
	return nic, ok
}

// maxDomid is the last domid a guest can have (DOMID_FIRST_RESERVED of Xen's
// public/xen.h, less one).
const maxDomid = 0x7FF0 - 1

// parseNumber reads a domid or devid: up to five decimal digits, written the
// one way Xen writes them.
func parseNumber(s string) (n int, ok bool) {
	if s == "" || len(s) > 5 || len(s) > 1 && s[0] == '0' {
		return 0, false
	}
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, true
}

// readPath finds the backend. A tap's call may lack it: then the numbers in
// the interface's name stand for it, in the domain we run in.
func (c *Call) readPath() error {
	path := c.params["XENBUS_PATH"]
	if path == "" {
		nic, ok := parseDevice(c.params["INTERFACE"])
		if !ok || !looksLikeTap(c.params["INTERFACE"]) {
			return bad("XENBUS_PATH", "", "it must name the backend, as in backend/vif/1/0")
		}
		path = "backend/vif/" + itoa(nic.Domid) + "/" + itoa(nic.Devid)
	}
	nic, ok := parseBackend(path)
	if !ok {
		return bad("XENBUS_PATH", path, "a backend's path is backend/vif/DOMID/DEVID, or the same below /local/domain/BACKEND-DOMID")
	}
	c.Backend, c.NIC = path, nic
	return nil
}

// readDevice takes the interface's name, and refuses one whose numbers are
// another NIC's.
func (c *Call) readDevice() error {
	source := "vif"
	if c.Kind == plan.Tap {
		source = "INTERFACE"
	}
	c.Device = c.params[source]
	if c.Device == "" {
		if c.Kind == plan.Tap {
			return bad(source, "", "a tap's call must name the tap, as in vif%s-emu", c.NIC)
		}
		c.Device = "vif" + c.NIC.String()
	}
	if err := checkName(source, c.Device, maxName); err != nil {
		return err
	}
	if nic, ok := parseDevice(c.Device); ok && nic != c.NIC {
		return bad(source, c.Device, "XENBUS_PATH says %s, which is another interface", c.Backend)
	}
	return nil
}
