package main

import (
	"context"
	_ "embed" // the schema
	"os"
	"slices"
	"strings"

	"vifctl/configs"
	"vifctl/hooks/session"
	"vifctl/xenscripts"
)

// planSchema describes `vifctl plan --json`: JSON Schema, draft 2020-12.
//
//go:embed plan_schema.json
var planSchema string

// planCommand shows what would be done: for a call, for a guest's file whose
// guest does not run, or for a port that is up.
func planCommand(ctx context.Context, inv invocation) int {
	rest, shell := without(inv.Args, "--shell")
	words, flags := takeFlags(rest)
	switch {
	case len(words) == 1 && words[0] == "--schema":
		return written(inv, planSchema)
	case len(words) == 0:
		inv.complain("plan needs a call, as in `vifctl plan online type_if=vif`, a guest's file or a port")
		return usage
	case isCall(words[0]) || slices.Contains(xenscripts.Names(), words[0]):
		return planCall(ctx, inv, words, flags.json)
	case len(words) == 1 && looksLikeFile(words[0]):
		return planFile(ctx, inv, words[0], flags.json, shell)
	case !strings.HasPrefix(words[0], "-"):
		if code, ok := planPorts(ctx, inv, words, flags.json, shell); ok {
			return code
		}
	}
	inv.complain("plan takes a call (online, offline, add, remove, or a script's name before it), a guest's file or a port: %q is none of them%s",
		words[0], configs.DidYouMean(words[0], append([]string{"online", "offline", "add", "remove"}, xenscripts.Names()...)))
	return usage
}

// without takes a flag off the arguments.
func without(args []string, flag string) (rest []string, found bool) {
	rest = slices.DeleteFunc(slices.Clone(args), func(a string) bool { return a == flag })
	return rest, len(rest) < len(args)
}

// planPorts shows what the named ports, or those of the named guests, lack; ok
// is false where there are none of these names.
func planPorts(ctx context.Context, inv invocation, words []string, asJSON, shell bool) (code int, ok bool) {
	s := session.Dial(ctx, inv.caller())
	defer s.Close()
	if err := s.Open(true, true); err != nil {
		inv.complain("%v", err)
		return failed, true
	}
	ports, err := portsNamed(s, words)
	if err != nil {
		return 0, false
	}
	for _, p := range ports {
		w, err := s.Check(ctx, p.Port)
		if err == nil {
			switch {
			case asJSON:
				err = w.WriteJSON(inv.Stdout)
			case shell:
				err = w.WriteRepair(inv.Stdout)
			default:
				err = w.WriteDifference(inv.Stdout)
			}
		}
		if err != nil {
			inv.complain("%v", err)
			code = failed
		}
	}
	return code, true
}

// looksLikeFile tells a guest's file from a port, whose name can hold dots.
func looksLikeFile(word string) bool {
	if strings.Contains(word, "/") || strings.HasSuffix(word, ".cfg") || strings.HasSuffix(word, ".xl") {
		return true
	}
	info, err := os.Stat(word)
	return err == nil && info.Mode().IsRegular()
}

func planFile(ctx context.Context, inv invocation, path string, asJSON, shell bool) int {
	foresight, err := foresee(ctx, inv, path)
	if err != nil {
		inv.complain("%v", err)
		return failed
	}
	switch {
	case asJSON:
		err = foresight.writeJSON(inv.Stdout)
	case shell:
		err = foresight.writeShell(inv.Stdout)
	default:
		err = foresight.writeText(inv.Stdout)
	}
	if err != nil {
		inv.complain("%v", err)
		return failed
	}
	if foresight.refused() {
		return failed
	}
	return done
}
