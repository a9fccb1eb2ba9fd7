// Package xenscripts is what lands in /etc/xen/scripts: which names our programs
// answer to there, and the bash text that the hooks of vif-post.d rely on.
package xenscripts

import (
	_ "embed"
	"slices"

	"vifctl/modes"
)

// Dir is where Xen looks for its scripts.
const Dir = "/etc/xen/scripts"

// HookDir is where the administrator's hooks are.
const HookDir = Dir + "/vif-post.d"

// The programs that the scripts' names lead to. Both lie in one folder: each finds
// the other beside itself.
const (
	// HookProgram answers to PortNames.
	HookProgram = "vif-hook"
	// Program answers to NetworkNames, and to people.
	Program = "vifctl"
)

// HookShim is the bash text that sources one hook.
//
//go:embed vif-post.sh
var HookShim string

// NetworkNames are the scripts about the host that vifctl takes the place of.
var NetworkNames = []string{"network-bridge", "network-nat", "network-route"}

// PortNames are the scripts about a port that vif-hook takes the place of, sorted: those
// that pick a mode, and two that do not.
func PortNames() []string {
	names := []string{"qemu-ifup", "vif-setup"}
	for _, mode := range modes.Table() {
		names = append(names, mode.Scripts...)
	}
	slices.Sort(names)
	return names
}

// ProgramOf is the program that a script's name leads to.
func ProgramOf(name string) string {
	if slices.Contains(NetworkNames, name) {
		return Program
	}
	return HookProgram
}

// Names are all of them.
func Names() []string { return slices.Concat(NetworkNames, PortNames()) }
