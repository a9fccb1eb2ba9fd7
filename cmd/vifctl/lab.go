package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"slices"

	"golang.org/x/sys/unix"

	"vifctl/cmd/vifctl/command"
	"vifctl/cmd/vifctl/lab"
)

func labCommand() command.Command {
	keep, quiet := false, false
	return command.Command{
		Name: "lab", Args: "[--keep] [--quiet]", About: "try it all in a pretend dom0: needs no Xen, changes nothing here",
		Flags: []command.Flag{
			{Name: "keep", Help: "start a shell in it afterwards", Into: &keep},
			{Name: "quiet", Help: "print only the checks and the summary", Into: &quiet},
		},
		Examples: []command.Example{{Line: "vifctl lab --keep", About: "have a look around afterwards"}},
		Run: func(ctx context.Context, c *command.Call) error {
			return runLab(ctx, c, lab.Options{Stdin: os.Stdin, Stdout: c.Stdout, Stderr: c.Stderr, Keep: keep, Quiet: quiet})
		},
	}
}

// runLab runs the lab, or, in the namespaces it made for itself, is the lab.
func runLab(ctx context.Context, c *command.Call, o lab.Options) error {
	if slices.Equal(c.Words, []string{lab.InsideArgument}) {
		return labEnd(lab.Inside(c.Stdout))
	}
	if len(c.Words) > 0 {
		return command.Usagef("lab takes no argument but --keep and --quiet")
	}
	o.Color = c.Getenv("NO_COLOR") == "" && lab.IsTerminal(c.Stdout)
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, unix.SIGTERM)
	defer stop()
	return labEnd(lab.Run(ctx, o))
}

// labEnd is the lab's end as a command's. A report that ends with a failure has said it all.
func labEnd(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, lab.ErrFailed):
		return command.Failed
	case errors.Is(err, lab.ErrNoTerminal):
		return command.Usagef("lab: %v", err)
	default:
		return fmt.Errorf("lab: %w", err)
	}
}
