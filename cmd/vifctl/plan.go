package main

import (
	"context"
	_ "embed" // the schema
	"os"
	"slices"
	"strings"

	"vifctl/cmd/vifctl/command"
	"vifctl/configs"
	"vifctl/xenscripts"
)

// planSchema describes `vifctl plan --json`: JSON Schema, draft 2020-12.
//
//go:embed plan_schema.json
var planSchema string

// planOptions are how a plan is printed.
type planOptions struct{ json, schema, shell bool }

func planCommand() command.Command {
	o := &planOptions{}
	return command.Command{
		Name: "plan", Args: "CALL… | FILE.cfg… | PORT…", About: "print what would be done for a call, a guest's file or a port",
		Detail: "Of a call it prints the steps. Of a guest's file it prints what each of its interfaces would get if the guest were started now, " +
			"and in which file and line each value was said. Of a port that is up it prints what it lacks. Nothing is changed. Of several files " +
			"and ports --json prints a document each.",
		Flags: []command.Flag{
			{Name: "json", Help: "print it for programs; --schema describes it", Into: &o.json},
			{Name: "schema", Help: "print the JSON Schema of --json", Into: &o.schema},
			{Name: "shell", Help: "print a script to paste", Into: &o.shell},
		},
		Exits: []command.Exit{{Code: command.Drifted, When: "a port is not as it should be"}},
		Examples: []command.Example{
			{Line: "vifctl plan web.cfg", About: "what a guest would get, before it is started"},
			{Line: "vifctl plan vif1.0", About: "what a port lacks"},
			{Line: "vifctl plan vif-bridge online vif=vif1.0 XENBUS_PATH=backend/vif/1/0", About: "what a call would do"},
		},
		Words: append(slices.Clone(callWords), xenscripts.Names()...), Names: true, Files: true,
		Run: o.run,
	}
}

// run shows what would be done: for a call, for guests' files whose guests do not
// run, or for ports that are up.
func (o *planOptions) run(ctx context.Context, c *command.Call) error {
	switch {
	case o.schema && len(c.Words) == 0:
		c.Raw(planSchema)
		return nil
	case len(c.Words) == 0:
		return command.Usagef("plan needs a call, as in `vifctl plan online type_if=vif`, a guest's file or a port")
	case slices.Contains(callWords, c.Words[0]) || slices.Contains(xenscripts.Names(), c.Words[0]):
		return planCall(ctx, c, c.Words, o.json)
	}
	var files, ports []string
	for _, word := range c.Words {
		if looksLikeFile(word) {
			files = append(files, word)
		} else {
			ports = append(ports, word)
		}
	}
	end := o.files(ctx, c, files)
	drift, err := o.ports(ctx, c, ports)
	if err != nil {
		return err
	}
	return end.Worse(drift).End()
}

// looksLikeFile tells a guest's file from a port, whose name can hold dots.
func looksLikeFile(word string) bool {
	if strings.Contains(word, "/") || strings.HasSuffix(word, ".cfg") || strings.HasSuffix(word, ".xl") {
		return true
	}
	info, err := os.Stat(word)
	return err == nil && info.Mode().IsRegular()
}

// noSuchPort is the error of a word that is neither a call nor a file nor a port.
func noSuchPort(word string) error {
	return command.Usagef("plan takes a call (online, offline, add, remove, or a script's name before it), guests' files or ports: %q is none of them%s",
		word, configs.DidYouMean(word, append(slices.Clone(callWords), xenscripts.Names()...)))
}
