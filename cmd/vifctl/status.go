package main

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"vifctl/cmd/vifctl/command"
	"vifctl/cmd/vifctl/status"
)

// statusOptions are how the status is printed.
type statusOptions struct{ watch, json, schema bool }

func statusCommand() command.Command {
	o := &statusOptions{}
	return command.Command{
		Name: "status", Args: "[--watch] [--json] [PORT | GUEST]…", About: "what every guest's interface is like now",
		Detail: "A line a network interface: the guest, its vif and tap (* carries the traffic), the mode, the bridge or uplink, its addresses, " +
			"whether it is up, what the guest has received and sent, how many packets of it antispoofing has dropped (spoofed), and how many things are not " +
			"as they should be (drift).",
		Flags: []command.Flag{
			{Name: "watch", Help: "print it again every two seconds, until interrupted", Into: &o.watch},
			{Name: "json", Help: "print it for programs; --schema describes it", Into: &o.json},
			{Name: "schema", Help: "print the JSON Schema of --json", Into: &o.schema},
		},
		Examples: []command.Example{
			{Line: "vifctl status", About: "all of them"},
			{Line: "vifctl status web vif1.0", About: "some of them"},
			{Line: "vifctl status --json", About: "for programs"},
		},
		Names: true,
		Run:   o.run,
	}
}

// refresh is how often --watch looks again.
const refresh = 2 * time.Second

// run prints a line for each NIC.
func (o *statusOptions) run(ctx context.Context, c *command.Call) error {
	if o.schema {
		c.Raw(status.Schema)
		return nil
	}
	// Until the end: a second interrupt may come before it.
	interrupted := make(chan os.Signal, 1)
	if o.watch {
		signal.Notify(interrupted, syscall.SIGINT, syscall.SIGTERM)
	}
	for {
		if err := o.print(ctx, c); err != nil || !o.watch {
			return err
		}
		select {
		case <-interrupted:
			return nil
		case <-time.After(refresh):
		}
	}
}

// print prints it once.
func (o *statusOptions) print(ctx context.Context, c *command.Call) error {
	f, err := look(ctx, c, false)
	if err != nil {
		return err
	}
	r, unknown := status.Of(f).Only(c.Words)
	if unknown != "" {
		return noSuchName(f, unknown)
	}
	if o.json {
		c.JSON(r)
		return c.Err()
	}
	if o.watch {
		c.Clear()
	}
	c.Write(func(out io.Writer) error { return r.Write(out, c.Width()) })
	return c.Err()
}
