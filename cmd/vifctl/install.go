package main

import (
	"context"
	"flag"
	"fmt"

	"vifctl/xenscripts"
	"vifctl/xenscripts/install"
)

// dirFlag reads the flags of install and uninstall: each has --dir, and more may
// add its own.
func dirFlag(inv invocation, name string, more func(*flag.FlagSet)) (dir string, code int, ok bool) {
	f := flag.NewFlagSet("vifctl "+name, flag.ContinueOnError)
	f.SetOutput(inv.Stderr)
	f.StringVar(&dir, "dir", xenscripts.Dir, "the folder of Xen's scripts")
	more(f)
	if err := f.Parse(inv.Args); err != nil {
		return "", usage, false
	}
	if f.NArg() > 0 {
		inv.complain("%s takes no argument but its options, and %q is none", name, f.Arg(0))
		return "", usage, false
	}
	return dir, done, true
}

func installCommand(_ context.Context, inv invocation) int {
	alone := false
	dir, code, ok := dirFlag(inv, "install", func(f *flag.FlagSet) {
		f.BoolVar(&alone, "without-units", false, "put the scripts there, and no units of systemd's")
	})
	if !ok {
		return code
	}
	report, err := install.Install(dir, inv.Self, alone)
	if err != nil {
		inv.complain("%v", err)
		return failed
	}
	fmt.Fprint(inv.Stdout, report)
	return done
}

func uninstallCommand(_ context.Context, inv invocation) int {
	dir, code, ok := dirFlag(inv, "uninstall", func(*flag.FlagSet) {})
	if !ok {
		return code
	}
	report, err := install.Uninstall(dir)
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
