package main

import (
	"context"
	"fmt"
	"strings"

	"vifctl/cmd/vifctl/command"
	"vifctl/hooks/network"
	"vifctl/hooks/session"
)

const networkUsage = "network takes `start|stop|status [MODE [KEY=VALUE…]]` or `confirm`; start takes --confirm SECONDS, --dry-run and --json, stop --force, status --json and --schema"

// networkOptions are the words of a network command that are ours, not xend's.
type networkOptions struct {
	dryRun, json, schema, force bool
	// confirm is in seconds, 0 for a start that needs no confirmation.
	confirm int
}

func networkCommand() command.Command {
	o := &networkOptions{}
	return command.Command{
		Name: "network", Args: "start|stop|status|confirm …", About: "make the host a bridge or a router, without cutting it off",
		Detail: "start MODE makes the host's side of a mode, with the words that xend gave its scripts: bridge makes netdev= a port of bridge=, which takes over " +
			"the host's addresses and routes (without bridge= it takes the uplink's name; netdev=none makes one for guests alone); route and nat make the host a router. " +
			"A start is undone as a whole when a step fails, when a gateway that answered before stops answering, and when the process dies. " +
			"stop gives back what was. Without a mode it is about all that network in the configuration lists.",
		Flags: []command.Flag{
			{
				Name: "confirm", Value: "SECONDS", Help: "undo a start unless `vifctl network confirm` is run in time",
				Into: command.Number{Into: &o.confirm, Least: 1, Most: 86400, What: "a number of seconds"},
			},
			{Name: "force", Help: "stop although guests are on the bridge, and forget what cannot be undone", Into: &o.force},
			{Name: "dry-run", Help: "print the steps of a start as commands, and change nothing", Into: &o.dryRun},
			{Name: "json", Help: "print a dry run or the status for programs; --schema describes the status", Into: &o.json},
			{Name: "schema", Help: "with status: print the JSON Schema of --json", Into: &o.schema},
		},
		Exits: []command.Exit{{Code: command.Drifted, When: "status: nothing is started, or something of it is missing"}},
		Examples: []command.Example{
			{Line: "vifctl network start bridge bridge=inside netdev=none --dry-run", About: "how a bridge for guests alone would be made"},
			{Line: "vifctl network start route", About: "make the host a router for its guests"},
			{Line: "vifctl network status", About: "what is started, and what of it is missing"},
			{Line: "vifctl network stop route", About: "give back what was"},
		},
		Words: []string{"start", "stop", "status", "confirm", "bridge", "route", "nat"},
		Run:   o.run,
	}
}

// run is the host's side of the modes, as a person asks for it, or as xend runs a
// network-* script: `network-bridge start netdev=eth1`.
func (o *networkOptions) run(ctx context.Context, c *command.Call) error {
	verb, words := "", c.Words
	if len(words) > 0 {
		verb, words = words[0], words[1:]
	}
	if o.schema {
		if verb != "status" {
			return command.Usagef("--schema is for `network status`")
		}
		c.Raw(networkSchema)
		return nil
	}
	asked := verb == "start" || verb == "stop" || verb == "status"
	if mode, script := strings.CutPrefix(c.Name, "network-"); script {
		if !asked {
			return command.Usagef("it takes start, stop or status, then bridge=, netdev=, antispoof=, vifnum= or dhcp=")
		}
		return o.one(ctx, c, verb, mode, words, true)
	}
	switch {
	case verb == "confirm" && len(words) == 0:
		return confirmNetworks(ctx, c)
	case verb == guardWord && len(words) == 3:
		return guardNetwork(ctx, c, words)
	case asked && len(words) == 0:
		return o.all(ctx, c, verb)
	case asked:
		return o.one(ctx, c, verb, words[0], words[1:], false)
	}
	return command.Usagef("%s", networkUsage)
}

// one does what one request asks. asXend: it was called by the name of xend's script.
func (o *networkOptions) one(ctx context.Context, c *command.Call, verb, mode string, words []string, asXend bool) error {
	req, err := network.Parse(mode, words)
	if err != nil {
		return command.Usagef("%v", err)
	}
	req.Masquerade = asXend && mode == "nat"
	s, n, err := openNetworks(c, verb == "start", o.dryRun)
	if err != nil {
		return err
	}
	defer s.Close()
	switch verb {
	case "start":
		return o.start(ctx, c, s, n, req)
	case "stop":
		return o.stop(ctx, c, n, req)
	}
	return o.status(ctx, c, n, req)
}

// all starts what the configuration lists, or stops or shows what is started.
func (o *networkOptions) all(ctx context.Context, c *command.Call, verb string) error {
	s, n, err := openNetworks(c, verb == "start", o.dryRun)
	if err != nil {
		return err
	}
	defer s.Close()
	var requests []network.Request
	do := func(req network.Request) error { return o.start(ctx, c, s, n, req) }
	switch verb {
	case "status":
		return o.status(ctx, c, n, network.Request{})
	case "stop":
		do = func(req network.Request) error { return o.stop(ctx, c, n, req) }
		requests, err = n.Started()
	case "start":
		requests, err = configured(s)
	}
	if err != nil {
		return err
	}
	if len(requests) == 0 {
		c.Line("nothing to %s", verb)
	}
	for _, req := range requests {
		if err := do(req); err != nil {
			return err
		}
	}
	return nil
}

// configured are the networks that the configuration lists.
func configured(s *session.Session) (requests []network.Request, err error) {
	for _, words := range s.Config.Host.Networks.All() {
		req, err := network.Parse(words[0], words[1:])
		if err != nil {
			return nil, fmt.Errorf("the configuration's network %q: %w", strings.Join(words, " "), err)
		}
		requests = append(requests, req)
	}
	return requests, nil
}

// openNetworks opens a session for networks, without a xenstore. up: without a valid
// configuration it fails.
func openNetworks(c *command.Call, up, dryRun bool) (*session.Session, *network.Networks, error) {
	if err := mayAsk(); err != nil {
		return nil, nil, err
	}
	s, err := opened(session.New(caller(c)), up, dryRun)
	if err != nil {
		return nil, nil, err
	}
	n := &network.Networks{Reader: s.Reader, Executor: s.Executor, Journal: s.Journal, Log: s.Log, Host: s.Config.Host}
	for _, g := range s.Config.Guests() {
		if !g.Masquerade && len(g.Public) == 0 && (g.Mode == "" || g.Mode == "nat") {
			n.Kept = g.String()
		}
	}
	n.Guard = func(mode, name, token string) (func(), error) {
		return detachGuard(c, "network", mode, name, token)
	}
	return s, n, nil
}
