package main

import (
	"context"
	"os"

	"vifctl/cmd/vifctl/hostmap"
	"vifctl/cmd/vifctl/terminal"
	"vifctl/hooks/doctor"
)

func mapOptions() []option {
	return []option{{"--svg", "", "draw it as a picture (SVG), for a browser: vifctl map --svg > map.svg"}}
}

// mapCommand draws the host's guest network.
func mapCommand(ctx context.Context, inv invocation) int {
	g, words, err := inv.options(mapOptions())
	if err == nil && len(words) > 0 {
		inv.complain("map shows the whole host, and takes no name: `vifctl status %s` is about one", words[0])
		return usage
	}
	if err != nil {
		inv.complain("map: %v", err)
		return usage
	}
	f, err := look(ctx, inv)
	if err != nil {
		inv.complain("%v", err)
		return failed
	}
	name, err := os.Hostname()
	if err != nil {
		name = "this host"
	}
	m := hostmap.Of(name, f, doctor.Diagnose(f))
	if g.has("--svg") {
		err = m.WriteSVG(inv.Stdout)
	} else {
		err = m.WriteTree(inv.Stdout, terminal.For(inv.Stdout, inv.Getenv))
	}
	if err != nil {
		return failed
	}
	return done
}
