package main

import (
	"context"
	"slices"
	"strings"

	"vifctl/cmd/vifctl/command"
	"vifctl/configs"
	"vifctl/hooks/journal"
	"vifctl/hooks/session"
)

func completionCommand() command.Command {
	return command.Command{
		Name: "completion", Args: strings.Join(command.Shells(), " | "), About: "print what a shell needs to complete these words",
		Examples: []command.Example{
			{Line: "vifctl completion bash > vifctl.bash", About: "for /etc/bash_completion.d"},
			{Line: "vifctl completion zsh > _vifctl", About: "for a folder of fpath"},
			{Line: "vifctl completion fish > vifctl.fish", About: "for /etc/fish/completions"},
		},
		Words: command.Shells(),
		Run:   completion,
	}
}

// completion prints what a shell needs to complete our words. `names` is what those
// scripts ask for: the ports and guests that are up.
func completion(_ context.Context, c *command.Call) error {
	if len(c.Words) == 1 {
		if c.Words[0] == "names" {
			return names(c)
		}
		if script, ok := table().Completion(c.Words[0]); ok {
			c.Raw(script)
			return nil
		}
	}
	meant := ""
	if len(c.Words) > 0 {
		meant = configs.DidYouMean(c.Words[0], command.Shells())
	}
	return command.Usagef("completion takes the name of a shell: bash, zsh or fish%s", meant)
}

// names are read from the journal alone: a shell that completes must not wait.
func names(c *command.Call) error {
	dir, err := session.RunDir(c.Getenv)
	if err != nil {
		return err
	}
	all, _ := journal.Open(dir).All()
	var words []string
	for _, p := range all {
		for _, w := range []string{p.Name, p.Guest} {
			// What is no plain word would be a shell's to evaluate.
			plain := w != "" && strings.Trim(w, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == ""
			if plain && !slices.Contains(words, w) {
				words = append(words, w)
			}
		}
	}
	slices.Sort(words)
	for _, w := range words {
		c.Line("%s", w)
	}
	return nil
}
