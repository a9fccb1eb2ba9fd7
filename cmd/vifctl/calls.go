package main

import (
	"context"

	"vifctl/cmd/vifctl/command"
	"vifctl/hooks/session"
)

// callWords are the commands of a script's call.
var callWords = []string{"online", "offline", "add", "remove"}

const (
	aboutUp   = "It takes a call's arguments and environment as xl gives them to the script, and does all of it or nothing. Calling it again repairs what is missing."
	aboutDown = "It undoes what was done, from what was written down then. Undoing what was never done is no error."
)

func onlineCommand() command.Command {
	return callCommand("online", command.Command{
		Args: "[type_if=vif] [KEY=VALUE…]", About: "bring a vif up, as xl asks for it", Detail: aboutUp,
		Examples: []command.Example{{Line: "vifctl online --dry-run type_if=vif XENBUS_PATH=backend/vif/1/0", About: "what xl's call for the first guest would do"}},
	})
}

func offlineCommand() command.Command {
	return callCommand("offline", command.Command{
		Args: "[type_if=vif] [KEY=VALUE…]", About: "undo what online did", Detail: aboutDown,
		Examples: []command.Example{{Line: "vifctl offline --dry-run type_if=vif XENBUS_PATH=backend/vif/1/0", About: "what would be undone"}},
	})
}

func addCommand() command.Command {
	return callCommand("add", command.Command{
		Args: "type_if=tap [KEY=VALUE…]", About: "bring an emulated NIC's tap up", Detail: aboutUp,
		Examples: []command.Example{{
			Line:  "vifctl add --dry-run type_if=tap INTERFACE=vif2.0-emu XENBUS_PATH=backend/vif/2/0",
			About: "what xl's call for an emulated NIC's tap would do",
		}},
	})
}

func removeCommand() command.Command {
	return callCommand("remove", command.Command{
		Args: "type_if=tap [KEY=VALUE…]", About: "undo what add did", Detail: aboutDown,
		Examples: []command.Example{{Line: "vifctl remove --dry-run type_if=tap XENBUS_PATH=backend/vif/1/0 INTERFACE=vif1.0-emu", About: "what would be undone"}},
	})
}

// callCommand completes the command of a call as xl makes it.
func callCommand(word string, c command.Command) command.Command {
	var dryRun, asJSON bool
	c.Name = word
	c.Flags = []command.Flag{
		{Name: "dry-run", Help: "print the steps as commands, and change nothing", Into: &dryRun},
		{Name: "json", Help: "with --dry-run: print them for programs", Into: &asJSON},
	}
	c.Run = func(ctx context.Context, c *command.Call) error {
		words := append([]string{word}, c.Words...)
		if dryRun {
			return planCall(ctx, c, words, asJSON)
		}
		call := session.Parse(c.Name, words, c.Getenv)
		c.Name = call.Name
		return session.Run(ctx, caller(c), call)
	}
	return c
}
