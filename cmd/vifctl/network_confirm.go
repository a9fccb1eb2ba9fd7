package main

import (
	"context"
	"errors"
	"fmt"
	"os"

	"vifctl/cmd/vifctl/command"
	"vifctl/hooks/journal"
)

// confirmNetworks keeps what was started to be undone unless it is confirmed.
func confirmNetworks(ctx context.Context, c *command.Call) error {
	s, n, err := openNetworks(c, false, false)
	if err != nil {
		return err
	}
	defer s.Close()
	names, err := n.Confirm(ctx)
	if err == nil && len(names) == 0 {
		err = errors.New("nothing waits to be confirmed")
		if last := n.Journal.LastWords(journal.OfNetworks); last != "" {
			err = fmt.Errorf("%w: %s", err, last)
		}
	}
	for _, name := range names {
		c.Line("%s stays", name)
	}
	return err
}

// guardNetwork waits for the end of the process at the other side of standard
// input.
func guardNetwork(ctx context.Context, c *command.Call, words []string) error {
	outliveTerminal()
	s, n, err := openNetworks(c, false, false)
	if err != nil {
		return err
	}
	defer s.Close()
	logToJournald(c, s)
	n.Log = s.Log
	return n.Watch(ctx, words[0], words[1], words[2], os.Stdin)
}
