// Command vifctl is what people type about the network interfaces of Xen guests,
// and the network-* scripts about the host. What Xen calls for a guest's interface
// is vif-hook, which has to lie beside it.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"vifctl/hooks/session"
)

// Exit codes.
const (
	done   = 0
	failed = 1
	usage  = 2
)

// invocation is one call of the program, with all it can see of the world
// outside, so that a test can be one, too.
type invocation struct {
	// Name it was called by, without its folder.
	Name string
	// Self is the path of the program.
	Self           string
	Args           []string
	Getenv         func(string) string
	Stdout, Stderr io.Writer
}

func main() {
	self, err := os.Executable()
	if err != nil {
		fmt.Fprintln(os.Stderr, "vifctl: find our own program:", err)
		os.Exit(failed)
	}
	inv := invocation{
		Self:   self,
		Name:   filepath.Base(os.Args[0]),
		Args:   os.Args[1:],
		Getenv: os.Getenv,
		Stdout: os.Stdout,
		Stderr: os.Stderr,
	}
	os.Exit(inv.run(context.Background()))
}

// caller is this program, for a session.
func (inv invocation) caller() session.Caller {
	return session.Caller{Name: inv.Name, Vifctl: inv.Self, Getenv: inv.Getenv, Stderr: inv.Stderr}
}
