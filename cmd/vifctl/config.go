package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"vifctl/configs"
	"vifctl/configs/dnsmasq"
	"vifctl/hooks/session"
)

// configCommand is what a person asks about the configuration.
func configCommand(_ context.Context, inv invocation) int {
	switch {
	case len(inv.Args) == 1 && inv.Args[0] == "example":
		if _, err := io.WriteString(inv.Stdout, configs.Example); err != nil {
			return failed
		}
		return done
	case len(inv.Args) == 1 && inv.Args[0] == "dnsmasq":
		if _, err := io.WriteString(inv.Stdout, dnsmasq.Conf); err != nil {
			return failed
		}
		return done
	case len(inv.Args) == 1 && inv.Args[0] == "check":
		path, err := session.ConfigPath(inv.Getenv)
		if err != nil {
			inv.complain("%v", err)
			return failed
		}
		return checkConfig(inv, path, false)
	case len(inv.Args) == 2 && inv.Args[0] == "check":
		return checkConfig(inv, inv.Args[1], true)
	case len(inv.Args) > 0 && inv.Args[0] == "import":
		return importConfig(inv, inv.Args[1:])
	}
	inv.complain("config takes `check [FILE]`, `example`, `dnsmasq` or `import`")
	return usage
}

// checkConfig reads a configuration as a call would. named: a person named the
// file, so it should be there.
func checkConfig(inv invocation, path string, named bool) int {
	config, err := configs.Load(path)
	if err != nil {
		fmt.Fprintln(inv.Stdout, err)
		return failed
	}
	if missing(path) && missing(configs.Folder(path)) {
		if named {
			fmt.Fprintf(inv.Stdout, "%s: there is no such file\n", path)
			return failed
		}
		fmt.Fprintf(inv.Stdout, "%s: there is no such file, so vifctl does what Xen's own scripts do\n", path)
		return done
	}
	guests, what := len(config.Guests()), "guests"
	if guests == 1 {
		what = "guest"
	}
	fmt.Fprintf(inv.Stdout, "%s: %d %s, no mistake\n", path, guests, what)
	return done
}

func missing(path string) bool {
	_, err := os.Stat(path)
	return errors.Is(err, fs.ErrNotExist)
}
