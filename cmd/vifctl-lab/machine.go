package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"

	"vifctl/tests/dom0"
)

// looks is what a lab must leave alone on the machine it is started on: links, addresses, routes and mounts, a line each.
type looks []string

// passing is what changes by itself: lifetimes that run out.
var passing = regexp.MustCompile(` (expires|valid_lft|preferred_lft) \S+`)

// machine looks at the namespaces we were started in.
func machine(ctx context.Context) (looks, error) {
	if err := dom0.Missing("ip", "ping"); err != nil {
		return nil, err
	}
	var all looks
	for _, args := range [][]string{
		{"-oneline", "link"}, {"-oneline", "address"}, {"-4", "route", "show", "table", "all"}, {"-6", "route", "show", "table", "all"},
	} {
		out, err := exec.CommandContext(ctx, "ip", args...).Output()
		if err != nil {
			return nil, fmt.Errorf("look at this machine: ip %s: %w", strings.Join(args, " "), err)
		}
		all = append(all, lines(passing.ReplaceAllString(string(out), ""))...)
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	return append(all, lines(string(mounts))...), err
}

// compare says what the lab left on the machine, having looked: nothing, or, since a machine lives on while a lab runs, what
// else has changed there.
func (before looks) compare(ctx context.Context, out io.Writer) {
	after, err := machine(ctx)
	switch changed := difference(before, after); {
	case err != nil:
		fmt.Fprintf(out, "The lab is gone. What it left could not be looked at: %v\n", err)
	case len(changed) > 0:
		fmt.Fprintf(out, "The lab is gone. Something else changed here meanwhile:\n    %s\n", strings.Join(changed, "\n    "))
	default:
		fmt.Fprintln(out, "The lab is gone: links, addresses, routes and mounts here are as they were.")
	}
}

// difference lists which lines have gone (-) and which have come (+).
func difference(before, after []string) []string {
	var changed []string
	only := func(mark string, list, other []string) {
		there := map[string]bool{}
		for _, line := range other {
			there[line] = true
		}
		for _, line := range list {
			if !there[line] {
				changed = append(changed, mark+" "+line)
			}
		}
	}
	only("-", before, after)
	only("+", after, before)
	return changed
}

// lines are those of a text that say something.
func lines(text string) []string {
	var list []string
	for line := range strings.Lines(text) {
		if line = strings.TrimSpace(line); line != "" {
			list = append(list, line)
		}
	}
	return list
}
