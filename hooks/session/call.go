package session

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"vifctl/hooks/engine"
	"vifctl/hooks/event"
	"vifctl/hooks/process"
	"vifctl/xenscripts"
)

// Call is a call under the name of one of Xen's scripts, or under one of our own.
type Call struct {
	event.Call
	// Name is the script's: with vif-setup that of the script it stands for.
	Name string
	// Foreign is the path of a script that is not ours and that vif-setup stands
	// for, "" for none. It is to be run in our place.
	Foreign string
}

// Parse reads a call's name, arguments and environment. Where the error is about
// one value of a call whose backend is known, the Call still names that backend.
func Parse(name string, args []string, getenv func(string) string) (Call, error) {
	c := Call{Name: name}
	if name == "vif-setup" {
		resolved, foreign, err := setup(scriptOf(args, getenv))
		if err != nil {
			c.Call, _ = event.Parse("vif-bridge", args, getenv)
			return c, err
		}
		if c.Foreign = foreign; foreign != "" {
			return c, nil
		}
		c.Name = resolved
	}
	script := c.Name
	if !slices.Contains(xenscripts.PortNames, script) {
		script = "vifctl" // the configuration picks the mode
	}
	var err error
	c.Call, err = event.Parse(script, args, getenv)
	return c, err
}

// scriptOf is the script that the toolstack names; an argument overrides the
// environment.
func scriptOf(args []string, getenv func(string) string) string {
	script := getenv("script")
	for _, a := range args {
		if v, ok := strings.CutPrefix(a, "script="); ok {
			script = v
		}
	}
	return script
}

// Run carries out a call under the caller's name, or becomes the foreign script
// that vif-setup stands for. Its error is one sentence that begins with the
// script's name; the toolstack has been told where it could be.
func Run(ctx context.Context, c Caller, args []string) error {
	call, err := Parse(c.Name, args, c.Getenv)
	c.Name = call.Name
	if err = run(ctx, c, call, err, args); err != nil {
		return fmt.Errorf("%s: %w", c.Name, err)
	}
	return nil
}

func run(ctx context.Context, c Caller, call Call, err error, args []string) error {
	switch {
	case err == nil && call.Foreign != "":
		return process.Replace(append([]string{call.Foreign}, args...))
	case err == nil && call.Ignored != "":
		return nil
	}
	s := Dial(ctx, c)
	defer s.Close()
	if err == nil {
		err = s.Open(call.Command.Up(), false)
	}
	if err != nil {
		s.Complain(ctx, call.Call, err)
		return err
	}
	defer s.Executor.Kernel.Leave()
	return s.Engine.Run(ctx, call.Call)
}

// QemuIfup is QEMU's network script: the tap joins the bridge and comes up. Its
// error is one sentence that begins with the caller's name.
func QemuIfup(ctx context.Context, c Caller, tap, bridge string) error {
	s := Dial(ctx, c)
	defer s.Close()
	err := s.Open(true, false)
	var d *engine.Decision
	if err == nil {
		d, err = s.Engine.QemuIfup(ctx, tap, bridge)
	}
	if err == nil {
		_, err = s.Executor.TakeOrUndo(ctx, d.Actions)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", c.Name, err)
	}
	return nil
}
