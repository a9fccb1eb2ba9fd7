package main

import (
	"context"

	"vifctl/cmd/vifctl/command"
	"vifctl/xenscripts"
	"vifctl/xenscripts/install"
)

func installCommand() command.Command {
	dir, alone := xenscripts.Dir, false
	return command.Command{
		Name: "install", Args: "[--dir DIR] [--without-units]", About: "take over Xen's scripts, keeping a backup",
		Detail: "vif-hook and vifctl are put beside the scripts, whose names then lead to them. Where systemd or OpenRC looks after the host, " +
			"what can run by itself is put beside, and what starts it is printed.",
		Flags: []command.Flag{
			{Name: "dir", Value: "DIR", Help: "the folder of Xen's scripts", Into: &dir},
			{Name: "without-units", Help: "put the scripts there, and no units of systemd's", Into: &alone},
		},
		Examples: []command.Example{{
			Line:  "mkdir /etc/xen/try && vifctl install --dir /etc/xen/try --without-units",
			About: "to try it with one guest: script=/etc/xen/try/vif-bridge",
		}},
		Run: func(_ context.Context, c *command.Call) error {
			return printReport(c, func() (string, error) { return install.Install(dir, c.Self, alone) })
		},
	}
}

func uninstallCommand() command.Command {
	dir := xenscripts.Dir
	return command.Command{
		Name: "uninstall", Args: "[--dir DIR]", About: "give Xen's scripts back as they were",
		Flags:    []command.Flag{{Name: "dir", Value: "DIR", Help: "the folder of Xen's scripts", Into: &dir}},
		Examples: []command.Example{{Line: "vifctl uninstall --dir /etc/xen/try", About: "go back to what was there"}},
		Run: func(_ context.Context, c *command.Call) error {
			return printReport(c, func() (string, error) { return install.Uninstall(dir) })
		},
	}
}

// printReport prints what was done, of a command that takes no words.
func printReport(c *command.Call, do func() (string, error)) error {
	if len(c.Words) > 0 {
		return command.Usagef("it takes no argument but its options, and %q is none", c.Words[0])
	}
	report, err := do()
	if err != nil {
		return asRoot(err)
	}
	c.Text(report)
	return nil
}
