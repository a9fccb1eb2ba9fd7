package network

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"vifctl/hooks/plan"
	"vifctl/modes"
)

// Request is what is asked of the host's side of a mode.
type Request struct {
	Mode string
	// Bridge and Uplink by name, "" where none was given.
	Bridge, Uplink string
	// NoUplink: the bridge is for guests alone.
	NoUplink bool
	// Antispoof and DHCP, for guests on the network of which the configuration
	// does not say it; nil where nothing was said.
	Antispoof, DHCP *bool
	// Masquerade: what leaves by the uplink is masqueraded, whoever sends it, as xend's
	// network-nat had it.
	Masquerade bool
	// Nothing says why there is nothing to do, "" where there is.
	Nothing string
	// Warnings are about arguments that mean nothing here.
	Warnings []string
}

// Parse reads the words behind `network start`: a mode, and the arguments that
// xend gave the script of that mode. An argument that no such script knew is an
// error.
func Parse(mode string, args []string) (Request, error) {
	r := Request{Mode: mode}
	if _, err := modes.FindNetwork(mode); err != nil {
		return r, err
	}
	given := map[string]string{}
	for _, arg := range args {
		key, value, ok := strings.Cut(arg, "=")
		if !ok || !slices.Contains([]string{"bridge", "netdev", "antispoof", "vifnum", "dhcp"}, key) {
			return r, fmt.Errorf("%q cannot be used: no such argument; there are bridge=, netdev=, antispoof=, vifnum= and dhcp=", arg)
		}
		if _, twice := given[key]; twice {
			return r, fmt.Errorf("%s= is given twice", key)
		}
		given[key] = value
	}
	return r, errors.Join(r.devices(given), r.switches(given))
}

// devices reads which interfaces it is about.
func (r *Request) devices(given map[string]string) error {
	r.Bridge, r.Uplink = given["bridge"], given["netdev"]
	if n := given["vifnum"]; n != "" {
		if strings.Trim(n, "0123456789") != "" || len(n) > 4 {
			return fmt.Errorf("vifnum=%q cannot be used: it is a number", n)
		}
		// The oldest form: the bridge xenbrN of ethN.
		if r.Bridge == "" {
			r.Bridge = "xenbr" + n
		}
		if r.Uplink == "" {
			r.Uplink = "eth" + n
		}
	}
	if r.Bridge == "null" || r.Bridge == "none" {
		r.Bridge, r.Nothing = "", "bridge="+r.Bridge+" asks for no bridge"
	}
	if r.Uplink == "null" || r.Uplink == "none" {
		r.Uplink, r.NoUplink = "", true
	}
	if r.Mode != "bridge" && r.Bridge != "" {
		r.Warnings = append(r.Warnings, fmt.Sprintf("bridge=%s means nothing in mode %s", r.Bridge, r.Mode))
		r.Bridge = ""
	}
	for key, name := range map[string]string{"bridge": r.Bridge, "netdev": r.Uplink} {
		if name != "" && !isDevice(name) {
			return fmt.Errorf("%s=%q cannot be used: no interface can be called so", key, name)
		}
	}
	return nil
}

// isDevice reports whether the kernel would take a name, and a person could mean
// it (dev_valid_name of net/core/dev.c).
func isDevice(name string) bool {
	return len(name) <= 15 && name != "." && name != ".." && name[0] != '-' &&
		!strings.ContainsFunc(name, func(c rune) bool { return c <= ' ' || c > '~' || c == '/' || c == ':' })
}

// switches reads what was only to be turned on. With xend, antispoof=yes let a
// guest send with the addresses of its ip= alone, and dhcp=yes had vif-nat tell a
// DHCP server of each guest.
func (r *Request) switches(given map[string]string) error {
	for key, into := range map[string]**bool{"antispoof": &r.Antispoof, "dhcp": &r.DHCP} {
		on := false
		switch value := given[key]; value {
		case "":
			continue
		case "yes", "on":
			on = true
		case "no", "off":
		default:
			return fmt.Errorf("%s=%q cannot be used: it is yes or no", key, value)
		}
		*into = &on
	}
	if r.Mode == "bridge" && r.DHCP != nil {
		if *r.DHCP {
			r.Warnings = append(r.Warnings, "dhcp=yes means nothing in mode bridge: the DHCP server of the network that the bridge is part of is its guests', too")
		}
		r.DHCP = nil
	}
	return nil
}

// forGuests is what the network's guests get: what was said now, and else what
// was said when it was started.
func (r *Request) forGuests(before plan.ForGuests) plan.ForGuests {
	if r.Antispoof != nil {
		before.Antispoof = ""
		if *r.Antispoof {
			before.Antispoof = plan.AntispoofStrict
		}
	}
	if r.DHCP != nil {
		before.DHCP = *r.DHCP
	}
	return before
}
