package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"vifctl/cmd/vifctl/command"
	"vifctl/hooks/journal"
	"vifctl/hooks/network"
	"vifctl/hooks/process"
	"vifctl/hooks/session"
	"vifctl/watch/journald"
)

const networkUsage = "network takes `start|stop|status [MODE [KEY=VALUE…]]` or `confirm`; start takes --confirm SECONDS, --dry-run and --json, stop --force, status --json"

// networkOptions are the words of a network command that are ours, not xend's.
type networkOptions struct {
	dryRun, json, force bool
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
				Name: "confirm", Value: "SECONDS", Help: "undo a start unless `vifctl network confirm` is said in time",
				Into: command.Number{Into: &o.confirm, Least: 1, Most: 86400, What: "a number of seconds"},
			},
			{Name: "force", Help: "stop although guests are on the bridge, and forget what cannot be undone", Into: &o.force},
			{Name: "dry-run", Help: "print the steps of a start as commands, and change nothing", Into: &o.dryRun},
			{Name: "json", Help: "print a dry run or the status for programs", Into: &o.json},
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
	asked := verb == "start" || verb == "stop" || verb == "status"
	if mode, script := strings.CutPrefix(c.Name, "network-"); script {
		if !asked {
			return command.Usagef("it takes start, stop or status, then bridge=, netdev=, antispoof=, vifnum= or dhcp=")
		}
		return o.one(ctx, c, verb, mode, words)
	}
	switch {
	case verb == "confirm" && len(words) == 0:
		return confirmNetworks(ctx, c)
	case verb == guardWord && len(words) == 3:
		return guardNetwork(ctx, c, words)
	case asked && len(words) == 0:
		return o.all(ctx, c, verb)
	case asked:
		return o.one(ctx, c, verb, words[0], words[1:])
	}
	return command.Usagef("%s", networkUsage)
}

// one does what one request asks.
func (o *networkOptions) one(ctx context.Context, c *command.Call, verb, mode string, words []string) error {
	req, err := network.Parse(mode, words)
	if err != nil {
		return command.Usagef("%v", err)
	}
	s, n, err := openNetworks(c, verb == "start", o.dryRun)
	if err != nil {
		return err
	}
	defer s.Close()
	switch verb {
	case "start":
		return o.start(ctx, c, n, req)
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
	do := o.start
	switch verb {
	case "status":
		return o.status(ctx, c, n, network.Request{})
	case "stop":
		do = o.stop
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
		if err := do(ctx, c, n, req); err != nil {
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

func (o *networkOptions) start(ctx context.Context, c *command.Call, n *network.Networks, req network.Request) error {
	if o.dryRun {
		d, err := n.Preview(ctx, req)
		if err != nil {
			return err
		}
		if o.json {
			c.JSON(d)
		} else {
			c.Write(d.WriteText)
		}
		return nil
	}
	// The terminal may go with the connection, which must not stop us half-way;
	// whoever stops us on purpose gets everything back.
	signal.Ignore(syscall.SIGHUP, syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	within := time.Duration(o.confirm) * time.Second
	d, err := n.Start(ctx, req, within)
	switch {
	case err != nil && ctx.Err() != nil:
		return errors.New("interrupted: all that was done is undone")
	case err != nil:
		return err
	case d.Nothing != "":
		c.Line("nothing to do: %s", d.Nothing)
	case d.Before:
		c.Line("%s %s was started before", d.Mode, d.Name)
	default:
		c.Line("%s %s started", d.Mode, d.Name)
		if o.confirm > 0 {
			c.Line("It is undone in %s, unless you say: vifctl network confirm", within)
		}
	}
	return nil
}

func (o *networkOptions) stop(ctx context.Context, c *command.Call, n *network.Networks, req network.Request) error {
	if o.dryRun {
		return command.Usagef("stop has no dry run: it undoes what start did, which `start --dry-run --json` lists")
	}
	signal.Ignore(syscall.SIGHUP, syscall.SIGPIPE)
	name, err := n.Stop(ctx, req, o.force)
	switch {
	case err != nil:
		return err
	case name == "":
		c.Line("%s is not started: nothing to undo", req.Mode)
	default:
		c.Line("%s %s stopped", req.Mode, name)
	}
	return nil
}

// networkStatus is the stable form of `vifctl network status --json`.
type networkStatus struct {
	Networks []network.Status `json:"networks"`
	Last     string           `json:"last,omitempty"`
}

func (o *networkOptions) status(ctx context.Context, c *command.Call, n *network.Networks, req network.Request) error {
	list, err := n.Status(ctx, req)
	if err != nil {
		return err
	}
	last := n.Journal.LastWords()
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

func confirmNetworks(ctx context.Context, c *command.Call) error {
	s, n, err := openNetworks(c, false, false)
	if err != nil {
		return err
	}
	defer s.Close()
	names, err := n.Confirm(ctx)
	if err == nil && len(names) == 0 {
		err = errors.New("nothing waits to be confirmed")
		if last := n.Journal.LastWords(); last != "" {
			err = fmt.Errorf("%w: %s", err, last)
		}
	}
	for _, name := range names {
		c.Line("%s stays", name)
	}
	return err
}

// guardWord is how vifctl calls itself to watch a start; nobody types it.
const guardWord = "guard"

// guardNetwork waits for the end of the process at the other side of standard
// input.
func guardNetwork(ctx context.Context, c *command.Call, words []string) error {
	signal.Ignore(syscall.SIGHUP, syscall.SIGINT, syscall.SIGPIPE)
	s, n, err := openNetworks(c, false, false)
	if err != nil {
		return err
	}
	defer s.Close()
	if log, err := journald.Open(journald.Socket, c.Name, n.Log.Handler()); err == nil {
		s.SetLog(slog.New(log))
		n.Log = s.Log
	}
	return n.Watch(ctx, words[0], words[1], words[2], os.Stdin)
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
	n.Guard = func(mode, name, token string) (func(), error) {
		var env []string
		for _, variable := range []string{"VIFCTL_RUN_DIR", "VIFCTL_CONFIG"} {
			if value := c.Getenv(variable); value != "" {
				env = append(env, variable+"="+value)
			}
		}
		return process.Detach([]string{c.Self, "network", guardWord, mode, name, token}, env)
	}
	return s, n, nil
}
