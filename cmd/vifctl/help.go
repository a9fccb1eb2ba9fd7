package main

import (
	"context"

	"vifctl/cmd/vifctl/command"
)

func helpCommand() command.Command {
	man := false
	return command.Command{
		Name: "help", Args: "[COMMAND] | --man", About: "print this, all about one command, or the manual page",
		Detail: "Of a command it prints all there is to say.",
		Flags:  []command.Flag{{Name: "man", Help: "print the manual page: vifctl help --man > vifctl.8", Into: &man}},
		Examples: []command.Example{
			{Line: "vifctl help doctor", About: "about one command"},
			{Line: "vifctl help --man > vifctl.8", About: "the manual page"},
		},
		Commands: true,
		Run:      func(_ context.Context, c *command.Call) error { return help(c, man) },
	}
}

// help prints the help of all commands, of one, or the manual page.
func help(c *command.Call, man bool) error {
	t := table()
	switch {
	case man && len(c.Words) == 0:
		c.Raw(t.Man())
	case len(c.Words) == 0:
		t.Summary(c.Printer)
	default:
		about, ok := t.Find(c.Words[0])
		if !ok {
			return t.Unknown(c.Words[0])
		}
		t.Help(c.Printer, about)
	}
	return nil
}
