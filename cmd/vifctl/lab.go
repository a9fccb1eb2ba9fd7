package main

import (
	"context"
	"errors"
	"flag"
	"os"
	"os/signal"
	"slices"

	"golang.org/x/sys/unix"

	"vifctl/cmd/vifctl/lab"
)

// labCommand runs the lab, or, in the namespaces it made for itself, is the lab.
func labCommand(ctx context.Context, inv invocation) int {
	if slices.Equal(inv.Args, []string{lab.InsideArgument}) {
		return labCode(inv, lab.Inside(inv.Stdout))
	}
	o := lab.Options{Stdin: os.Stdin, Stdout: inv.Stdout, Stderr: inv.Stderr}
	f := flag.NewFlagSet("vifctl lab", flag.ContinueOnError)
	f.SetOutput(inv.Stderr)
	f.BoolVar(&o.Keep, "keep", false, "start a shell in the lab's dom0 afterwards; the lab ends with it")
	f.BoolVar(&o.Quiet, "quiet", false, "print only the checks and the summary")
	if err := f.Parse(inv.Args); err != nil {
		return usage
	}
	if f.NArg() > 0 {
		inv.complain("lab takes no argument but --keep and --quiet")
		return usage
	}
	o.Color = inv.Getenv("NO_COLOR") == "" && lab.IsTerminal(inv.Stdout)
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, unix.SIGTERM)
	defer stop()
	return labCode(inv, lab.Run(ctx, o))
}

// labCode turns the lab's end into words and an exit code. A report that ends with a failure has said it all.
func labCode(inv invocation, err error) int {
	switch {
	case err == nil:
		return done
	case errors.Is(err, lab.ErrFailed):
		return failed
	case errors.Is(err, lab.ErrNoTerminal):
		inv.complain("lab: %v", err)
		return usage
	default:
		inv.complain("lab: %v", err)
		return failed
	}
}
