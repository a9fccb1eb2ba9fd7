// Package xenscripts is what lands in /etc/xen/scripts: which names vifctl
// answers to there, how they are taken over and given back, and the bash text
// that the hooks of vif-post.d rely on.
package xenscripts

import _ "embed"

// Dir is where Xen looks for its scripts.
const Dir = "/etc/xen/scripts"

// HookDir is where the administrator's hooks are.
const HookDir = Dir + "/vif-post.d"

// HookShim is the bash text that sources one hook.
//
//go:embed vif-post.sh
var HookShim string

// Names are the scripts that vifctl takes the place of.
var Names = []string{
	"network-bridge", "network-nat", "network-route",
	"qemu-ifup", "vif-bridge", "vif-nat", "vif-openvswitch", "vif-route", "vif-route-ifup", "vif-setup",
}

// NetworkNames are those among them that are about the host.
var NetworkNames = Names[:3]

// PortNames are those among them that are about a port.
var PortNames = Names[3:]
