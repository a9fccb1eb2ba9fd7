package main

import (
	"context"
	"slices"

	"vifctl/cmd/vifctl/command"
	"vifctl/hooks/session"
	"vifctl/hooks/xenstore"
)

func xenstoreCommand() command.Command {
	return command.Command{
		Name: "xenstore", Args: "read PATH | write PATH VALUE…", About: "read or write the xenstore, for hooks",
		Verbatim: true, // a value may begin with a dash
		Examples: []command.Example{{Line: "vifctl xenstore read backend/vif/1/0/mac", About: "a guest's hardware address"}},
		Words:    []string{"read", "write"},
		Run:      useXenstore,
	}
}

// useXenstore reads one key, or writes some.
func useXenstore(ctx context.Context, c *command.Call) error {
	verb, words := "", []string{}
	if len(c.Words) > 0 {
		verb, words = c.Words[0], c.Words[1:]
	}
	reads := verb == "read" && len(words) == 1
	writes := verb == "write" && len(words) >= 2 && len(words)%2 == 0
	if !reads && !writes {
		return command.Usagef("xenstore takes `read PATH` or `write PATH VALUE [PATH VALUE…]`")
	}
	ctx, cancel := context.WithTimeout(ctx, session.DialTimeout)
	defer cancel()
	xs, err := xenstore.Dial(ctx)
	if err != nil {
		return asRoot(err)
	}
	defer xs.Close()
	if reads {
		value, err := xs.Read(ctx, words[0])
		if err != nil {
			return err
		}
		c.Value(value)
		return nil
	}
	for pair := range slices.Chunk(words, 2) {
		if err := xs.Write(ctx, pair[0], pair[1]); err != nil {
			return err
		}
	}
	return nil
}
