package session

import (
	"context"
	"slices"
	"strings"
	"time"

	"vifctl/hooks/calllog"
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
	// for, "" for none. It is to be run in our place, with Args.
	Foreign string
	Args    []string
	// Err is what is wrong with it. Where that is one value of a call whose backend
	// is known, the Call still names that backend, so that it can be told there.
	Err error
}

// Parse reads a call's name, arguments and environment.
func Parse(name string, args []string, getenv func(string) string) Call {
	c := Call{Name: name, Args: args}
	if name == "vif-setup" {
		resolved, foreign, err := setup(scriptOf(args, getenv))
		switch {
		case err != nil:
			c.Call, _ = event.Parse("vif-bridge", args, getenv)
			c.Err = err
			return c
		case foreign != "":
			c.Foreign = foreign
			return c
		}
		c.Name = resolved
	}
	script := c.Name
	if !slices.Contains(xenscripts.PortNames(), script) {
		script = "vifctl" // the configuration picks the mode
	}
	c.Call, c.Err = event.Parse(script, args, getenv)
	return c
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

// Run carries out a call, or becomes the foreign script that it stands for. Its
// error is one sentence; the toolstack has been told where it could be.
func Run(ctx context.Context, c Caller, call Call) error {
	switch {
	case call.Foreign != "":
		return process.Replace(append([]string{call.Foreign}, call.Args...))
	case call.Err == nil && call.Ignored != "":
		return nil
	}
	line := calllog.Call{Script: call.Name, Command: string(call.Command), Port: call.Device, Domid: call.NIC.Domid}
	began := time.Now()
	line.Err = run(ctx, c, call, &line)
	line.Took = time.Since(began)
	calllog.System().Write(line)
	return line.Err
}

// dialCall opens the session of a call. One that takes a port down has little time for a xenstored
// that hangs, to be connected and to read the keys together.
func dialCall(ctx context.Context, c Caller, call event.Call) *Session {
	if call.Command.Up() {
		return Dial(ctx, c)
	}
	keysBy := time.Now().Add(engine.KeysDeadline)
	s := dialFor(ctx, c, engine.KeysDeadline)
	s.KeysBy = keysBy
	return s
}

// run fills in what the call came to.
func run(ctx context.Context, c Caller, call Call, line *calllog.Call) error {
	s := dialCall(ctx, c, call.Call)
	defer s.Close()
	err := call.Err
	if err == nil {
		err = s.Open(call.Command.Up(), false)
	}
	if err != nil {
		s.Complain(ctx, call.Call, err)
		return err
	}
	defer s.Executor.Kernel.Leave()
	d, err := s.Engine.Run(ctx, call.Call)
	line.Port, line.Guest, line.Mode, line.Bridge = d.Event.Name, d.Guest, d.Mode, d.Bridge
	if !call.Command.Up() && !d.Known {
		line.Did = "nothing to undo"
	}
	return err
}

// QemuIfup is QEMU's network script: the tap joins the bridge and comes up.
func QemuIfup(ctx context.Context, c Caller, tap, bridge string) error {
	s := Dial(ctx, c)
	defer s.Close()
	if err := s.Open(true, false); err != nil {
		return err
	}
	defer s.Executor.Kernel.Leave()
	return s.Engine.RunQemuIfup(ctx, tap, bridge)
}
