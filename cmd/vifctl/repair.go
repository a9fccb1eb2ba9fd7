package main

import (
	"context"
	"errors"

	"vifctl/cmd/vifctl/command"
	"vifctl/hooks/engine"
)

// repairOptions are what is repaired.
type repairOptions struct{ dryRun, garbage bool }

func repairCommand() command.Command {
	o := &repairOptions{}
	return command.Command{
		Name: "repair", Args: "[--dry-run] [NAME…] | --garbage", About: "put back what ports that are up have lost",
		Detail: "A port is held against the plan that a call would make today, and gets back what it lost; hooks are not called again. " +
			"An emulated NIC's tap for which no call came is brought up.",
		Flags: []command.Flag{
			{Name: "dry-run", Help: "only tell", Into: &o.dryRun},
			{Name: "garbage", Help: "instead, remove what dead guests have left", Into: &o.garbage},
		},
		Exits: []command.Exit{{Code: command.Drifted, When: "with --dry-run: a port is not as it should be"}},
		Examples: []command.Example{
			{Line: "vifctl repair --dry-run", About: "what all ports lack"},
			{Line: "vifctl repair web", About: "put back what one guest's ports lack"},
			{Line: "vifctl repair --garbage", About: "after xl was killed together with a guest"},
		},
		Names: true,
		Run:   o.run,
	}
}

// run holds ports that are up against what they need, and puts back what is
// missing. Without a name it is about all of them.
func (o *repairOptions) run(ctx context.Context, c *command.Call) error {
	if o.garbage {
		if o.dryRun || len(c.Words) > 0 {
			return command.Usagef("repair takes the names of ports or guests, and --dry-run; or --garbage alone")
		}
		return collectGarbage(ctx, c)
	}
	s, err := openHost(ctx, caller(c), true, o.dryRun)
	if err != nil {
		return err
	}
	defer s.Close()
	ports, err := portsNamed(s, c.Words)
	if err != nil {
		return err
	}
	step, told := progress(c.Errors, "looking at the ports")
	defer told()
	look := upPort.repair
	if o.dryRun {
		look = upPort.check
	}
	end, wrong := command.Done, 0
	fw := s.Firewall()
	defer fw.Close()
	script := engine.NewScript(fw)
	for i, p := range ports {
		step(i, len(ports))
		d, err := look(p, ctx, &s.Engine)
		if err == nil && o.dryRun {
			err = d.Tell(ctx, script)
		}
		if d != nil && !d.Right() {
			wrong++
			c.Write(d.WriteRepair)
		}
		if err != nil && !errors.Is(err, engine.ErrGone) {
			end = end.Worse(c.Complain(err))
		}
	}
	if wrong == 0 && end == command.Done {
		c.Line("nothing to repair: %s should be", count(len(ports), "port is as it", "ports are as they"))
	}
	if wrong > 0 && o.dryRun {
		end = end.Worse(command.Drifted)
	}
	return end.End()
}

// collectGarbage removes what dead guests have left.
func collectGarbage(ctx context.Context, c *command.Call) error {
	s, err := openHost(ctx, caller(c), false, false)
	if err != nil {
		return err
	}
	defer s.Close()
	removed, err := s.CollectGarbage(ctx)
	for _, what := range removed {
		c.Line("removed %s", what)
	}
	if err == nil && len(removed) == 0 {
		c.Line("nothing to remove")
	}
	return err
}
