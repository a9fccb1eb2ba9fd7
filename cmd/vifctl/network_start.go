package main

import (
	"context"
	"errors"
	"os/signal"
	"syscall"
	"time"

	"vifctl/cmd/vifctl/command"
	"vifctl/hooks/engine"
	"vifctl/hooks/network"
	"vifctl/hooks/session"
)

// start makes what one request asks for.
func (o *networkOptions) start(ctx context.Context, c *command.Call, s *session.Session, n *network.Networks, req network.Request) error {
	if o.dryRun {
		d, err := n.Preview(ctx, req)
		if err != nil {
			return err
		}
		fw := s.Firewall()
		defer fw.Close()
		if err := d.Tell(ctx, engine.NewScript(fw)); err != nil {
			return asRoot(err)
		}
		if o.json {
			c.JSON(d)
		} else {
			c.Write(d.WriteText)
		}
		return nil
	}
	// The terminal may go with the connection, which must not stop us half-way;
	// a stop on purpose gives everything back.
	signal.Ignore(syscall.SIGHUP, syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	within := time.Duration(o.confirm) * time.Second
	d, err := n.Start(ctx, req, within)
	switch {
	case err != nil && ctx.Err() != nil:
		return errors.New("interrupted: all that was done is undone")
	case err != nil:
		return err
	case d.Nothing != "":
		c.Line("nothing to do: %s", d.Nothing)
	case d.Before:
		c.Line("%s %s was started before", d.Mode, d.Name)
	default:
		c.Line("%s %s started", d.Mode, d.Name)
		if o.confirm > 0 {
			c.Line("It is undone in %s, unless you run: vifctl network confirm", within)
		}
	}
	return nil
}

// stop gives back what one request made.
func (o *networkOptions) stop(ctx context.Context, c *command.Call, n *network.Networks, req network.Request) error {
	if o.dryRun {
		return command.Usagef("stop has no dry run: it undoes what start did, which `start --dry-run --json` lists")
	}
	signal.Ignore(syscall.SIGHUP, syscall.SIGPIPE)
	name, err := n.Stop(ctx, req, o.force)
	switch {
	case err != nil:
		return err
	case name == "":
		c.Line("%s is not started: nothing to undo", req.Mode)
	default:
		c.Line("%s %s stopped", req.Mode, name)
	}
	return nil
}
