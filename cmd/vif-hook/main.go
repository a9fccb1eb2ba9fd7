// Command vif-hook is what Xen calls when it plugs a guest's network interface in
// or out, under the name of each script about a port: vif-bridge, vif-route,
// vif-nat, vif-openvswitch, vif-route-ifup, vif-setup, qemu-ifup. It only makes
// calls: what people type is vifctl's, which has to lie beside it.
//
// A call lives for some milliseconds: it does not look again how many processors it
// may use.
//
//go:debug updatemaxprocs=0
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"vifctl/cmd/vifctl/terminal"
	"vifctl/hooks/process"
	"vifctl/hooks/session"
	"vifctl/xenscripts"
)

// Exit codes.
const (
	done   = 0
	failed = 1
	usage  = 2
)

func main() {
	// The reader of our standard error may have gone; that must not kill a call half-way.
	signal.Ignore(syscall.SIGPIPE)
	os.Exit(call(context.Background(), filepath.Base(os.Args[0]), os.Args[1:], os.Stdout, terminal.NewWriter(os.Stderr, false)))
}

const help = `vif-hook is what Xen calls under the names of its scripts about a port
(qemu-ifup, vif-bridge, vif-nat, vif-openvswitch, vif-route, vif-route-ifup, vif-setup):

  vif-bridge online|offline [type_if=vif] [KEY=VALUE…]
  vif-bridge add|remove type_if=tap [KEY=VALUE…]
  qemu-ifup TAP BRIDGE

Under its own name the configuration picks the mode. --dry-run prints what a call
would do, and --json prints that for programs: both ask ` + "`vifctl plan`" + `.

Exit codes: 0 done, 1 failed, 2 not understood.
`

// call makes one call, by the name the program was called by.
func call(ctx context.Context, name string, args []string, stdout, stderr io.Writer) int {
	complain := func(format string, said ...any) { fmt.Fprintf(stderr, name+": "+format+"\n", said...) }
	switch {
	case slices.ContainsFunc(args, isHelp):
		if _, err := io.WriteString(stdout, help); err != nil {
			return failed
		}
		return done
	case name == xenscripts.HookProgram && len(args) == 0:
		fmt.Fprint(stderr, help)
		return usage
	case name != xenscripts.HookProgram && !slices.Contains(xenscripts.PortNames(), name):
		complain("vif-hook answers to no such name; there are %s", strings.Join(xenscripts.PortNames(), ", "))
		return usage
	case name == "qemu-ifup" && len(args) != 2 && !slices.ContainsFunc(args, isDryRun):
		complain("it takes a tap and a bridge, as in `qemu-ifup tap0 xenbr0`")
		return usage
	}
	self, err := os.Executable()
	if err != nil {
		complain("find our own program: %v", err)
		return failed
	}
	c := session.Caller{Name: name, Vifctl: filepath.Join(filepath.Dir(self), xenscripts.Program), Getenv: os.Getenv, Stderr: stderr, Brief: true}
	switch {
	case slices.ContainsFunc(args, isDryRun):
		err = process.Replace(plan(c.Vifctl, name, args))
	case name == "qemu-ifup":
		err = session.QemuIfup(ctx, c, args[0], args[1])
	default:
		call := session.Parse(name, args, os.Getenv)
		name, c.Name = call.Name, call.Name
		err = session.Run(ctx, c, call)
	}
	if err != nil {
		complain("%v", err)
		return failed
	}
	return done
}

func isHelp(arg string) bool { return arg == "-h" || arg == "-help" || arg == "--help" }

func isDryRun(arg string) bool { return arg == "--dry-run" || arg == "--json" }

// plan is the command that prints what a call would do.
func plan(vifctl, name string, args []string) []string {
	argv := []string{vifctl, "plan"}
	if slices.Contains(args, "--json") {
		argv = append(argv, "--json")
	}
	if name != xenscripts.HookProgram {
		argv = append(argv, name)
	}
	return append(argv, slices.DeleteFunc(slices.Clone(args), isDryRun)...)
}
