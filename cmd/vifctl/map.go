package main

import (
	"context"
	"os"
	"strings"

	"vifctl/cmd/vifctl/command"
	"vifctl/cmd/vifctl/hostmap"
	"vifctl/hooks/doctor"
)

func mapCommand() command.Command {
	svg := false
	return command.Command{
		Name: "map", Args: "[--svg]", About: "the guests' network as a tree, or as a picture",
		Detail: "From the ways out over the bridges to the guests, with their addresses and translations; what is broken is marked.",
		Flags:  []command.Flag{{Name: "svg", Help: "draw it as a picture (SVG), for a browser: vifctl map --svg > map.svg", Into: &svg}},
		Examples: []command.Example{
			{Line: "vifctl map", About: "a tree"},
			{Line: "vifctl map --svg > map.svg", About: "a picture"},
		},
		Run: func(ctx context.Context, c *command.Call) error { return drawMap(ctx, c, svg) },
	}
}

// drawMap draws the host's guest network.
func drawMap(ctx context.Context, c *command.Call, svg bool) error {
	if len(c.Words) > 0 {
		return command.Usagef("map shows the whole host, and takes no name: `vifctl status %s` is about one", c.Words[0])
	}
	f, err := look(ctx, c, false)
	if err != nil {
		return err
	}
	name, err := os.Hostname()
	if err != nil {
		name = "this host"
	}
	m := hostmap.Of(name, f, doctor.Diagnose(f))
	if !svg {
		c.Write(m.WriteTree)
		return nil
	}
	var picture strings.Builder
	if err := m.WriteSVG(&picture); err != nil {
		return err
	}
	c.Raw(picture.String())
	return nil
}
