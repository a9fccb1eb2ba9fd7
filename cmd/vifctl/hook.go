package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"vifctl/hooks/engine"
	"vifctl/hooks/plan"
	"vifctl/hooks/session"
	"vifctl/hooks/xenstore"
	"vifctl/xenscripts"
)

// hookFlags are the words of a hook call that are ours, not the contract's.
type hookFlags struct{ dryRun, json bool }

func takeFlags(args []string) (rest []string, f hookFlags) {
	for _, a := range args {
		switch a {
		case "--dry-run":
			f.dryRun = true
		case "--json":
			f.json = true
		default:
			rest = append(rest, a)
		}
	}
	return rest, f
}

// hookCall is a call as xl makes it, by a person.
func hookCall(ctx context.Context, inv invocation) int {
	args, flags := takeFlags(inv.Args)
	if flags.dryRun {
		return planCall(ctx, inv, args, flags.json)
	}
	if err := session.Run(ctx, inv.caller(), args); err != nil {
		fmt.Fprintln(inv.Stderr, err)
		return failed
	}
	return done
}

// planCall prints what a call would do: `vifctl plan online …`, or with the
// script's name in front: `vifctl plan vif-route online …`.
func planCall(ctx context.Context, inv invocation, words []string, asJSON bool) int {
	if len(words) > 0 && slices.Contains(xenscripts.Names(), words[0]) {
		inv.Name, words = words[0], words[1:]
	}
	inv.Args = words
	switch {
	case slices.Contains(xenscripts.NetworkNames, inv.Name):
		inv.Args = append([]string{"--dry-run"}, words...)
		if asJSON {
			inv.Args = append(inv.Args, "--json")
		}
		return networkScript(ctx, inv)
	case len(words) == 0:
		inv.complain("plan needs a call, as in `vifctl plan online type_if=vif`")
		return usage
	}
	w, foreign, err := plannedCall(ctx, &inv)
	switch {
	case err != nil:
	case foreign != "":
		fmt.Fprintln(inv.Stdout, plan.Command(append([]string{foreign}, inv.Args...)...))
	case asJSON:
		err = w.WriteJSON(inv.Stdout)
	default:
		err = w.WriteText(inv.Stdout)
	}
	return inv.ended(err)
}

// plannedCall is the work of a call, or the foreign script that would be run in
// its place. The invocation takes the name that the call goes by.
func plannedCall(ctx context.Context, inv *invocation) (w *engine.Decision, foreign string, err error) {
	c := inv.caller()
	if inv.Name == "qemu-ifup" {
		w, err = plannedIfup(ctx, c, inv.Args)
		return w, "", err
	}
	call, err := session.Parse(inv.Name, inv.Args, inv.Getenv)
	inv.Name, c.Name = call.Name, call.Name
	if err != nil || call.Foreign != "" {
		return nil, call.Foreign, err
	}
	s := session.Dial(ctx, c)
	defer s.Close()
	if err := s.Open(call.Command.Up(), true); err != nil {
		return nil, "", err
	}
	w, err = s.Preview(ctx, call.Call)
	return w, "", err
}

// plannedIfup is the work of QEMU's network script.
func plannedIfup(ctx context.Context, c session.Caller, args []string) (*engine.Decision, error) {
	if len(args) != 2 {
		return nil, errors.New("it takes a tap and a bridge, as in `qemu-ifup tap0 xenbr0`")
	}
	s := session.Dial(ctx, c)
	defer s.Close()
	if err := s.Open(true, true); err != nil {
		return nil, err
	}
	return s.QemuIfup(ctx, args[0], args[1])
}

func xenstoreCommand(ctx context.Context, inv invocation) int {
	err := xenstoreDo(ctx, inv)
	switch {
	case errors.Is(err, errUsage):
		inv.complain("xenstore takes `read PATH` or `write PATH VALUE [PATH VALUE…]`")
		return usage
	case err != nil:
		inv.complain("%v", err)
		return failed
	}
	return done
}

var errUsage = errors.New("usage")

func xenstoreDo(ctx context.Context, inv invocation) error {
	ctx, cancel := context.WithTimeout(ctx, session.DialTimeout)
	defer cancel()
	verb := ""
	if len(inv.Args) > 0 {
		verb = inv.Args[0]
	}
	reads := verb == "read" && len(inv.Args) == 2
	writes := verb == "write" && len(inv.Args) >= 3 && len(inv.Args)%2 == 1
	if !reads && !writes {
		return errUsage
	}
	c, err := xenstore.Dial(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	if reads {
		v, err := c.Read(ctx, inv.Args[1])
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(inv.Stdout, v)
		return err
	}
	for pair := range slices.Chunk(inv.Args[1:], 2) {
		if err := c.Write(ctx, pair[0], pair[1]); err != nil {
			return err
		}
	}
	return nil
}
