package main

import (
	"context"
	"slices"

	"vifctl/cmd/vifctl/command"
	"vifctl/hooks/engine"
	"vifctl/hooks/plan"
	"vifctl/hooks/session"
	"vifctl/xenscripts"
)

// planCall prints what a call would do: `vifctl plan online …`, or with the
// script's name in front: `vifctl plan vif-route online …`. What is wrong with it
// is told under that name.
func planCall(ctx context.Context, c *command.Call, words []string, asJSON bool) error {
	if slices.Contains(xenscripts.Names(), words[0]) {
		c.Name, words = words[0], words[1:]
	}
	c.Words = words
	switch {
	case slices.Contains(xenscripts.NetworkNames, c.Name):
		return (&networkOptions{dryRun: true, json: asJSON}).run(ctx, c)
	case len(words) == 0:
		return command.Usagef("plan needs a call, as in `vifctl plan online type_if=vif`")
	case c.Name == "qemu-ifup":
		return planIfup(ctx, c, asJSON)
	}
	call := session.Parse(c.Name, words, c.Getenv)
	c.Name = call.Name
	switch {
	case call.Err != nil:
		return call.Err
	case call.Foreign != "":
		c.Line("%s", plan.Command(append([]string{call.Foreign}, words...)...))
		return nil
	}
	s, err := open(ctx, caller(c), call.Command.Up(), true)
	if err != nil {
		return err
	}
	defer s.Close()
	d, err := s.Preview(ctx, call.Call)
	if err != nil {
		return asRoot(err)
	}
	return printDecision(ctx, c, s, d, asJSON)
}

// planIfup prints what QEMU's network script would do.
func planIfup(ctx context.Context, c *command.Call, asJSON bool) error {
	if len(c.Words) != 2 {
		return command.Usagef("it takes a tap and a bridge, as in `qemu-ifup tap0 xenbr0`")
	}
	s, err := open(ctx, caller(c), true, true)
	if err != nil {
		return err
	}
	defer s.Close()
	d, err := s.QemuIfup(ctx, c.Words[0], c.Words[1])
	if err != nil {
		return asRoot(err)
	}
	return printDecision(ctx, c, s, d, asJSON)
}

func printDecision(ctx context.Context, c *command.Call, s *session.Session, d *engine.Decision, asJSON bool) error {
	fw := s.Firewall()
	defer fw.Close()
	if err := d.Tell(ctx, engine.NewScript(fw)); err != nil {
		return asRoot(err)
	}
	if asJSON {
		c.JSON(d)
	} else {
		c.Write(d.WriteText)
	}
	return nil
}
