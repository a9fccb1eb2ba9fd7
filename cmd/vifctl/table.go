package main

import (
	"strings"

	"vifctl/cmd/vifctl/command"
	"vifctl/xenscripts"
)

// version is set by the Makefile.
var version = "unknown"

// table is all that vifctl understands, a file each.
func table() command.Table {
	return command.Table{
		Program: xenscripts.Program,
		About:   "vifctl brings the network interfaces of Xen guests up and down.",
		Detail: "What xl runs when a guest's network interface is plugged in is vif-hook: under the names vif-bridge, vif-route, vif-nat and their kin " +
			"it makes the same calls that are commands here. vifctl is also what an administrator asks when a guest has no network.",
		Notes: []string{
			"",
			"Xen's scripts lead to vif-hook",
			"(" + strings.Join(xenscripts.PortNames(), ", ") + ")",
			"and to vifctl (" + strings.Join(xenscripts.NetworkNames, ", ") + "),",
			"and take those scripts' arguments and environment. Every such call takes --dry-run,",
			"which prints the steps as commands and changes nothing, and --json.",
		},
		Files: [][2]string{
			{"/etc/xen/vifctl.toml, /etc/xen/vifctl.d/*.toml", "the configuration; `vifctl config example` explains it"},
			{xenscripts.Dir, "the scripts' names, which lead to vif-hook and vifctl"},
			{"/run/vifctl", "what was done for each port"},
		},
		SeeAlso:   [][2]string{{"xl", "1"}, {"xl.cfg", "5"}, {"xl-network-configuration", "5"}},
		Version:   version,
		Elsewhere: map[string]string{"lab": "the pretend dom0 is a program of its own: run vifctl-lab"},
		Commands: []command.Command{
			onlineCommand(),
			offlineCommand(),
			addCommand(),
			removeCommand(),
			planCommand(),
			repairCommand(),
			statusCommand(),
			doctorCommand(),
			mapCommand(),
			watchCommand(),
			networkCommand(),
			firewallCommand(),
			forwardCommand(),
			configCommand(),
			installCommand(),
			uninstallCommand(),
			xenstoreCommand(),
			completionCommand(),
			versionCommand(),
			helpCommand(),
		},
	}
}
