// Command vifctl is what people type about the network interfaces of Xen guests,
// and the network-* scripts about the host. What Xen calls for a guest's interface
// is vif-hook, which has to lie beside it.
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"vifctl/cmd/vifctl/command"
	"vifctl/xenscripts"
)

func main() {
	p := command.Program{
		Name: filepath.Base(os.Args[0]), Args: os.Args[1:], Getenv: os.Getenv,
		Stdout: os.Stdout, Stderr: os.Stderr,
	}
	var err error
	if p.Self, err = os.Executable(); err != nil {
		fmt.Fprintln(os.Stderr, "vifctl: find our own program:", err)
		os.Exit(int(command.Failed))
	}
	os.Exit(int(run(context.Background(), p)))
}

// run runs the command that the program's name or its first word picks.
func run(ctx context.Context, p command.Program) command.Code {
	t := table()
	switch {
	case slices.Contains(xenscripts.NetworkNames, p.Name):
		network, _ := t.Find("network")
		return t.Start(ctx, network, p)
	case !strings.HasPrefix(p.Name, xenscripts.Program):
		fmt.Fprintf(p.Stderr, "%s: vifctl answers to no such name; there are %s\n", p.Name, strings.Join(xenscripts.NetworkNames, ", "))
		return command.Usage
	}
	return t.Run(ctx, p)
}
