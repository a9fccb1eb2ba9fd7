package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"time"

	"vifctl/configs"
	"vifctl/hooks"
	"vifctl/hooks/apply"
	"vifctl/hooks/event"
	"vifctl/hooks/journal"
	"vifctl/hooks/snapshot"
	"vifctl/hooks/xenstore"
	"vifctl/xenscripts"
)

// runDir is where the journal and the locks are, gone with a reboot as the
// kernel's state is.
const runDir = "/run/vifctl"

// dialDeadline bounds the wait for a xenstored that does not answer.
const dialDeadline = 5 * time.Second

// memoryLimit is from where on garbage is collected all the same, in bytes.
const memoryLimit = 128 << 20

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

// planCall is a dry run by another name: `vifctl plan online …`, or with the
// script's name in front: `vifctl plan vif-route online …`.
func planCall(ctx context.Context, inv invocation) int {
	if len(inv.Args) > 0 && slices.Contains(xenscripts.Names, inv.Args[0]) {
		inv.Name, inv.Args = inv.Args[0], inv.Args[1:]
	}
	if len(inv.Args) == 0 {
		inv.complain("plan needs a call, as in `vifctl plan online type_if=vif`")
		return usage
	}
	inv.Args = append([]string{"--dry-run"}, inv.Args...)
	return hookCall(ctx, inv)
}

// hookCall is a call of xl's, xend's or udev's, or one that looks like it.
func hookCall(ctx context.Context, inv invocation) int {
	// A call lives for some milliseconds and uses some megabytes: collecting
	// garbage would only take time, and so would a second processor, which has
	// nothing to do but to be woken up.
	debug.SetGCPercent(-1)
	debug.SetMemoryLimit(memoryLimit)
	runtime.GOMAXPROCS(1)
	args, flags := takeFlags(inv.Args)
	if inv.Name == "vif-setup" {
		name, err := hooks.Setup(inv.Getenv("script"), xenscripts.Names, args)
		if err != nil {
			inv.complain("%v", err)
			return failed
		}
		inv.Name = name
	}
	call, err := event.Parse(inv.Name, args, inv.Getenv)
	if err == nil && call.Ignored != "" && !flags.dryRun {
		return done
	}
	rt, closeAll, openErr := open(ctx, inv)
	if openErr != nil {
		inv.complain("%v", openErr)
		return failed
	}
	defer closeAll()
	switch {
	case err != nil:
		if !flags.dryRun {
			rt.Complain(ctx, call, err)
		}
	case flags.dryRun:
		var w *hooks.Work
		if w, err = rt.Prepare(ctx, call); err == nil {
			if flags.json {
				err = w.WriteJSON(inv.Stdout)
			} else {
				err = w.WriteText(inv.Stdout)
			}
		}
	default:
		err = rt.Run(ctx, call)
	}
	if err != nil {
		inv.complain("%v", err)
		return failed
	}
	return done
}

// open brings together what a call needs. A xenstore that cannot be reached is
// no failure yet: taking a port down does not depend on it.
func open(ctx context.Context, inv invocation) (*hooks.Runtime, func(), error) {
	log := newLog(inv)
	dir, err := trustedPath(inv, "VIFCTL_RUN_DIR", runDir)
	if err != nil {
		return nil, nil, err
	}
	configPath, err := trustedPath(inv, "VIFCTL_CONFIG", configs.Default)
	if err != nil {
		return nil, nil, err
	}
	config, err := configs.Load(configPath)
	if err != nil {
		return nil, nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, nil, fmt.Errorf("find our own program: %w", err)
	}
	reader, err := snapshot.Open()
	if err != nil {
		return nil, nil, err
	}
	rt := &hooks.Runtime{
		Reader:  reader,
		Journal: journal.Open(dir),
		Config:  config,
		HookDir: xenscripts.HookDir,
		Log:     log,
	}
	dialCtx, cancel := context.WithTimeout(ctx, dialDeadline)
	defer cancel()
	xs, err := xenstore.Dial(dialCtx)
	if err != nil {
		rt.NoXenstore = err
	} else {
		rt.Xenstore = xs
	}
	rt.Executor, err = apply.Open(apply.Tools{
		Xenstore: rt.Xenstore,
		Hooks:    hooks.BashHooks{Shim: xenscripts.HookShim, Self: self},
		Log:      log,
	})
	closeAll := func() {
		reader.Close()
		if rt.Executor != nil {
			rt.Executor.Close()
		}
		if xs != nil {
			_ = xs.Close()
		}
	}
	if err != nil {
		closeAll()
		return nil, nil, err
	}
	return rt, closeAll, nil
}

// trustedPath is a path that the environment may change for tests and labs, but
// only to one that nobody else can write to: xl hands the caller's whole
// environment down to us.
func trustedPath(inv invocation, variable, standard string) (string, error) {
	p := inv.Getenv(variable)
	if p == "" {
		return standard, nil
	}
	if err := configs.Trusted(p); err != nil {
		return "", fmt.Errorf("%s=%q is not used: %w", variable, p, err)
	}
	return p, nil
}

func qemuIfup(ctx context.Context, inv invocation) int {
	args, flags := takeFlags(inv.Args)
	if len(args) != 2 {
		inv.complain("it takes a tap and a bridge, as in `qemu-ifup tap0 xenbr0`")
		return usage
	}
	rt, closeAll, err := open(ctx, inv)
	if err != nil {
		inv.complain("%v", err)
		return failed
	}
	defer closeAll()
	actions, err := rt.QemuIfup(ctx, args[0], args[1])
	if err == nil && flags.dryRun {
		w := hooks.Work{Mode: "bridge", Bridge: args[1], Actions: actions}
		w.Event.Command, w.Event.Name = event.Add, args[0]
		err = w.WriteText(inv.Stdout)
	} else if err == nil {
		err = rt.Executor.Apply(ctx, actions)
	}
	if err != nil {
		inv.complain("%v", err)
		return failed
	}
	return done
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
	ctx, cancel := context.WithTimeout(ctx, dialDeadline)
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
