package main

import (
	"context"
	_ "embed" // the schema
	"slices"

	"vifctl/cmd/vifctl/command"
	"vifctl/hooks/journal"
	"vifctl/hooks/network"
)

// networkSchema describes `vifctl network status --json`: JSON Schema, draft 2020-12.
//
//go:embed network_schema.json
var networkSchema string

// networkStatus is the stable form of `vifctl network status --json`.
type networkStatus struct {
	Networks []network.Status `json:"networks"`
	Last     string           `json:"last,omitempty"`
}

// status prints what is started of what a request means, and what is missing.
func (o *networkOptions) status(ctx context.Context, c *command.Call, n *network.Networks, req network.Request) error {
	list, err := n.Status(ctx, req)
	if err != nil {
		return err
	}
	last := n.Journal.LastWords(journal.OfNetworks)
	if o.json {
		c.JSON(networkStatus{append([]network.Status{}, list...), last})
	} else {
		for _, s := range list {
			c.Write(s.WriteText)
		}
		switch {
		case len(list) > 0:
		case req.Mode != "":
			c.Line("%s is not started", req.Mode)
		default:
			c.Line("nothing is started")
		}
		if last != "" {
			c.Line("%s", last)
		}
	}
	drifted := func(s network.Status) bool { return s.State != journal.Started || len(s.Missing) > 0 }
	if len(list) == 0 || slices.ContainsFunc(list, drifted) {
		return command.Drifted
	}
	return nil
}
