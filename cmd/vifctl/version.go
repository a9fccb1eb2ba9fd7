package main

import (
	"context"

	"vifctl/cmd/vifctl/command"
)

func versionCommand() command.Command {
	return command.Command{
		Name: "version", About: "print the version",
		Examples: []command.Example{{Line: "vifctl version"}},
		Run: func(_ context.Context, c *command.Call) error {
			c.Line("vifctl %s", version)
			return nil
		},
	}
}
