// Package event turns what xl, xend or udev say (a script's name, its
// arguments, its environment and the backend's xenstore keys) into one
// validated Event. It is pure: it reads nothing and changes nothing, and
// nothing it is given is ever evaluated or passed to a shell. The calling
// contract is the one of Xen 4.17 to 4.22's libxl (tools/libs/light/
// libxl_linux.c) and of xend's udev rules.
package event

import (
	"net/netip"

	"vifctl/hooks/plan"
)

// Command is what the caller wants: the first word of the script's arguments.
type Command string

// The four commands. Online and offline belong to a vif, add and remove to a
// tap.
const (
	Online  Command = "online"
	Offline Command = "offline"
	Add     Command = "add"
	Remove  Command = "remove"
)

// Up reports whether the command brings a port up rather than down.
func (c Command) Up() bool { return c == Online || c == Add }

// Event is one validated call: everything a plan needs that does not come from
// the kernel.
type Event struct {
	Call
	// Name is what the port is to be called: Device, or the configured vifname
	// (with "-emu" for a tap).
	Name string
	// Bridge and Uplink by name, "" where none was given.
	Bridge, Uplink string
	// IPs are the guest's addresses and routed prefixes.
	IPs []netip.Prefix
	// MAC is the guest's hardware address, "" where the backend has none.
	MAC string
	// Rate is how much the guest may send, zero where nothing is said.
	Rate plan.Rate
	// VLANs that the port is to be in, nil where the backend says nothing.
	VLANs []plan.VLANRange
	// MTU in bytes, 0 where none was asked for.
	MTU int
}

// Call is what argv and the environment say, before the backend's keys are
// known. It is enough to know where to report a failure.
type Call struct {
	// Script is the base name vifctl was called by, or "vifctl".
	Script  string
	Command Command
	Kind    plan.Kind
	NIC     plan.NIC
	// Device is the interface's name as the caller knows it: vif1.0,
	// vif1.0-emu, tap1.0.
	Device string
	// Backend is the xenstore path of the backend, relative or absolute as
	// the caller gave it. Relative paths belong to the domain we run in,
	// which need not be domain 0.
	Backend string
	// Ignored says why the call asks for nothing, "" where it does: stock
	// scripts exit 0 when command and type do not belong together.
	Ignored string

	params map[string]string
}

// Params are what the call's arguments and environment say of the port: what
// the backend's keys of the same meaning override. It is nil where they say
// nothing.
func (c Call) Params() map[string]string {
	var said map[string]string
	for name, value := range c.params {
		if keyOf(name) != "" {
			if said == nil {
				said = map[string]string{}
			}
			said[name] = value
		}
	}
	return said
}

// FrontendMTU is the xenstore path from which the guest reads its MTU.
func (c Call) FrontendMTU() string {
	return "/local/domain/" + itoa(c.NIC.Domid) + "/device/vif/" + itoa(c.NIC.Devid) + "/mtu"
}

// IsDomid reports whether s is a guest's domid as Xen writes it.
func IsDomid(s string) bool {
	n, ok := parseNumber(s)
	return ok && n <= maxDomid
}

// Key returns the path of one of the backend's keys.
func (c Call) Key(name string) string { return c.Backend + "/" + name }
