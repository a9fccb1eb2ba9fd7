package main

import (
	"context"
	"flag"
	"fmt"
	"os"

	"vifctl/xenscripts"
)

// dirFlag reads the one flag of install and uninstall.
func dirFlag(inv invocation, name string) (dir string, code int, ok bool) {
	f := flag.NewFlagSet("vifctl "+name, flag.ContinueOnError)
	f.SetOutput(inv.Stderr)
	f.StringVar(&dir, "dir", xenscripts.Dir, "the folder of Xen's scripts")
	if err := f.Parse(inv.Args); err != nil {
		return "", usage, false
	}
	if f.NArg() > 0 {
		inv.complain("%s takes no argument but --dir", name)
		return "", usage, false
	}
	return dir, done, true
}

func installCommand(_ context.Context, inv invocation) int {
	dir, code, ok := dirFlag(inv, "install")
	if !ok {
		return code
	}
	self, err := os.Executable()
	if err != nil {
		inv.complain("%v", err)
		return failed
	}
	report, err := xenscripts.Install(dir, self)
	if err != nil {
		inv.complain("%v", err)
		return failed
	}
	fmt.Fprint(inv.Stdout, report)
	return done
}

func uninstallCommand(_ context.Context, inv invocation) int {
	dir, code, ok := dirFlag(inv, "uninstall")
	if !ok {
		return code
	}
	report, err := xenscripts.Uninstall(dir)
	if err != nil {
		inv.complain("%v", err)
		return failed
	}
	fmt.Fprint(inv.Stdout, report)
	return done
}

// version is set by the Makefile.
var version = "unknown"

func versionCommand(_ context.Context, inv invocation) int {
	fmt.Fprintln(inv.Stdout, "vifctl", version)
	return done
}
