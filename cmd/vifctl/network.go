package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"vifctl/hooks/engine"
	"vifctl/hooks/network"
	"vifctl/hooks/process"
	"vifctl/watch/journald"
)

// notStarted is what `status` exits with where nothing is, as init scripts do.
const notStarted = 3

const networkUsage = "network takes `start|stop|status [MODE [KEY=VALUE…]]` or `confirm`; start takes --confirm SECONDS, --dry-run and --json, stop --force, status --json"

// networkFlags are the words of a network command that are ours, not xend's.
type networkFlags struct {
	hookFlags
	force   bool
	confirm time.Duration
}

// networkCommand is the host's side of the modes, as a person asks for it.
func networkCommand(ctx context.Context, inv invocation) int {
	args, flags, err := takeNetworkFlags(inv.Args)
	if err != nil {
		inv.complain("%v", err)
		return usage
	}
	if len(args) == 0 {
		inv.complain("%s", networkUsage)
		return usage
	}
	verb, args := args[0], args[1:]
	switch {
	case verb == "confirm" && len(args) == 0:
		return confirmNetworks(ctx, inv)
	case verb == guardWord && len(args) == 3:
		return guardNetwork(ctx, inv, args)
	case len(args) == 0 && (verb == "start" || verb == "stop" || verb == "status"):
		return allNetworks(ctx, inv, verb, flags)
	case verb == "start" || verb == "stop" || verb == "status":
		return oneNetwork(ctx, inv, verb, args[0], args[1:], flags)
	}
	inv.complain("%s", networkUsage)
	return usage
}

// networkScript is a network-* script as xend runs it: `network-bridge start
// netdev=eth1`.
func networkScript(ctx context.Context, inv invocation) int {
	mode := strings.TrimPrefix(inv.Name, "network-")
	args, flags, err := takeNetworkFlags(inv.Args)
	if err != nil {
		inv.complain("%v", err)
		return usage
	}
	if len(args) == 0 || !slices.Contains([]string{"start", "stop", "status"}, args[0]) {
		inv.complain("it takes start, stop or status, then bridge=, netdev=, antispoof=, vifnum= or dhcp=")
		return usage
	}
	return oneNetwork(ctx, inv, args[0], mode, args[1:], flags)
}

func takeNetworkFlags(args []string) (rest []string, f networkFlags, err error) {
	for i := 0; i < len(args); i++ {
		name, value, given := strings.Cut(args[i], "=")
		switch name {
		case "--dry-run":
			f.dryRun = true
		case "--json":
			f.json = true
		case "--force":
			f.force = true
		case "--confirm":
			if !given && i+1 < len(args) {
				i++
				value = args[i]
			}
			seconds, err := strconv.Atoi(value)
			if err != nil || seconds < 1 || seconds > 86400 {
				return nil, f, fmt.Errorf("--confirm %q cannot be used: it is a number of seconds, from 1 to 86400", value)
			}
			f.confirm = time.Duration(seconds) * time.Second
		default:
			if strings.HasPrefix(name, "-") {
				return nil, f, fmt.Errorf("there is no %s; %s", name, networkUsage)
			}
			rest = append(rest, args[i])
		}
	}
	return rest, f, nil
}

// oneNetwork does what one request asks.
func oneNetwork(ctx context.Context, inv invocation, verb, mode string, args []string, flags networkFlags) int {
	req, err := network.Parse(mode, args)
	if err != nil {
		inv.complain("%v", err)
		return usage
	}
	s, r, err := openNetworks(inv, verb == "start", flags.dryRun)
	defer s.close()
	if err != nil {
		inv.complain("%v", err)
		return failed
	}
	switch verb {
	case "start":
		return startNetwork(ctx, inv, r, req, flags)
	case "stop":
		return stopNetwork(ctx, inv, r, req, flags)
	}
	return networkStatus(ctx, inv, r, req, flags)
}

// allNetworks starts what the configuration lists, or stops or shows what is
// started.
func allNetworks(ctx context.Context, inv invocation, verb string, flags networkFlags) int {
	s, r, err := openNetworks(inv, verb == "start", flags.dryRun)
	defer s.close()
	if err != nil {
		inv.complain("%v", err)
		return failed
	}
	if verb == "status" {
		return networkStatus(ctx, inv, r, network.Request{}, flags)
	}
	var requests []network.Request
	if verb == "stop" {
		if requests, err = r.Started(); err != nil {
			return inv.ended(err)
		}
	} else {
		for _, words := range s.Config.Host.Networks.All() {
			req, err := network.Parse(words[0], words[1:])
			if err != nil {
				inv.complain("the configuration's network %q: %v", strings.Join(words, " "), err)
				return failed
			}
			requests = append(requests, req)
		}
	}
	if len(requests) == 0 {
		fmt.Fprintln(inv.Stdout, "nothing to "+verb)
	}
	for _, req := range requests {
		var code int
		if verb == "stop" {
			code = stopNetwork(ctx, inv, r, req, flags)
		} else {
			code = startNetwork(ctx, inv, r, req, flags)
		}
		if code != done {
			return code
		}
	}
	return done
}

func startNetwork(ctx context.Context, inv invocation, r *network.Networks, req network.Request, flags networkFlags) int {
	if flags.dryRun {
		w, err := r.Preview(ctx, req)
		if err == nil && flags.json {
			err = w.WriteJSON(inv.Stdout)
		} else if err == nil {
			err = w.WriteText(inv.Stdout)
		}
		return inv.ended(err)
	}
	// The terminal may go with the connection, which must not stop us half-way;
	// whoever stops us on purpose gets everything back.
	signal.Ignore(syscall.SIGHUP, syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	w, err := r.Start(ctx, req, flags.confirm)
	switch {
	case err != nil && ctx.Err() != nil:
		return inv.ended(errors.New("interrupted: all that was done is undone"))
	case err != nil:
	case w.Nothing != "":
		fmt.Fprintf(inv.Stdout, "nothing to do: %s\n", w.Nothing)
	case w.Before:
		fmt.Fprintf(inv.Stdout, "%s %s was started before\n", w.Mode, w.Name)
	default:
		fmt.Fprintf(inv.Stdout, "%s %s started\n", w.Mode, w.Name)
		if flags.confirm > 0 {
			fmt.Fprintf(inv.Stdout, "It is undone in %s, unless you say: vifctl network confirm\n", flags.confirm)
		}
	}
	return inv.ended(err)
}

func stopNetwork(ctx context.Context, inv invocation, r *network.Networks, req network.Request, flags networkFlags) int {
	if flags.dryRun {
		inv.complain("stop has no dry run: it undoes what start did, which `start --dry-run --json` lists")
		return usage
	}
	signal.Ignore(syscall.SIGHUP, syscall.SIGPIPE)
	name, err := r.Stop(ctx, req, flags.force)
	switch {
	case err != nil:
	case name == "":
		fmt.Fprintf(inv.Stdout, "%s is not started: nothing to undo\n", req.Mode)
	default:
		fmt.Fprintf(inv.Stdout, "%s %s stopped\n", req.Mode, name)
	}
	return inv.ended(err)
}

func networkStatus(ctx context.Context, inv invocation, r *network.Networks, req network.Request, flags networkFlags) int {
	list, err := r.Status(ctx, req)
	if err != nil {
		return inv.ended(err)
	}
	if flags.json {
		if list == nil {
			list = []network.Status{}
		}
		enc := json.NewEncoder(inv.Stdout)
		enc.SetIndent("", "  ")
		err = enc.Encode(struct {
			Networks []network.Status `json:"networks"`
			Last     string           `json:"last,omitempty"`
		}{list, r.Journal.LastWords()})
	} else {
		for _, s := range list {
			err = errors.Join(err, s.WriteText(inv.Stdout))
		}
		if len(list) == 0 {
			what := "nothing is"
			if req.Mode != "" {
				what = req.Mode + " is not"
			}
			fmt.Fprintf(inv.Stdout, "%s started\n", what)
		}
		if last := r.Journal.LastWords(); last != "" {
			fmt.Fprintln(inv.Stdout, last)
		}
	}
	if code := inv.ended(err); code != done || len(list) > 0 {
		return code
	}
	return notStarted
}

func confirmNetworks(ctx context.Context, inv invocation) int {
	s, r, err := openNetworks(inv, false, false)
	defer s.close()
	var names []string
	if err == nil {
		names, err = r.Confirm(ctx)
	}
	if err == nil && len(names) == 0 {
		err = errors.New("nothing waits to be confirmed")
		if last := r.Journal.LastWords(); last != "" {
			err = fmt.Errorf("%w: %s", err, last)
		}
	}
	for _, name := range names {
		fmt.Fprintf(inv.Stdout, "%s stays\n", name)
	}
	return inv.ended(err)
}

// guardWord is how vifctl calls itself to watch a start; nobody types it.
const guardWord = "guard"

// guardNetwork waits for the end of the process at the other side of standard
// input.
func guardNetwork(ctx context.Context, inv invocation, args []string) int {
	signal.Ignore(syscall.SIGHUP, syscall.SIGINT, syscall.SIGPIPE)
	s, r, err := openNetworks(inv, false, false)
	defer s.close()
	if err != nil {
		return failed
	}
	if log, err := journald.Open(journald.Socket, inv.Name, r.Log.Handler()); err == nil {
		r.Log = slog.New(log)
		r.Executor.Log = r.Log
	}
	return inv.ended(r.Watch(ctx, args[0], args[1], args[2], os.Stdin))
}

// openNetworks makes a runtime of a session. up: without a valid configuration
// nothing is started.
func openNetworks(inv invocation, up, dryRun bool) (*session, *network.Networks, error) {
	s := &session{Engine: engine.Engine{Log: newLog(inv)}}
	if err := s.open(inv, up, dryRun); err != nil {
		return s, nil, err
	}
	r := &network.Networks{Reader: s.Reader, Executor: s.Executor, Journal: s.Journal, Log: s.Log, Host: s.Config.Host}
	r.Guard = func(mode, name, token string) (func(), error) {
		self, err := os.Executable()
		if err != nil {
			return nil, err
		}
		var env []string
		for _, variable := range []string{"VIFCTL_RUN_DIR", "VIFCTL_CONFIG"} {
			if value := inv.Getenv(variable); value != "" {
				env = append(env, variable+"="+value)
			}
		}
		return process.Detach([]string{self, "network", guardWord, mode, name, token}, env)
	}
	return s, r, nil
}

// ended turns an error into words and an exit code.
func (inv invocation) ended(err error) int {
	if err != nil {
		inv.complain("%v", err)
		return failed
	}
	return done
}
