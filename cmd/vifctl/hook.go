package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"vifctl/configs"
	"vifctl/hooks/dhcp"
	"vifctl/hooks/engine"
	"vifctl/hooks/event"
	"vifctl/hooks/journal"
	"vifctl/hooks/kernel"
	"vifctl/hooks/limit"
	"vifctl/hooks/openvswitch"
	"vifctl/hooks/plan"
	"vifctl/hooks/process"
	"vifctl/hooks/xenstore"
	"vifctl/xenscripts"
)

// runDir is where the journal and the locks are, gone with a reboot as the
// kernel's state is.
const runDir = "/run/vifctl"

// dialDeadline bounds the wait for a xenstored that does not answer.
const dialDeadline = 5 * time.Second

// hookFlags are the words of a hook call that are ours, not the contract's.
type hookFlags struct{ dryRun, json bool }

func takeFlags(args []string) (rest []string, f hookFlags) {
	for _, a := range args {
		switch a {
		case "--dry-run":
			f.dryRun = true
		case "--json":
			f.json = true
		default:
			rest = append(rest, a)
		}
	}
	return rest, f
}

// planCall is a dry run by another name: `vifctl plan online …`, or with the
// script's name in front: `vifctl plan vif-route online …`.
func planCall(ctx context.Context, inv invocation) int {
	if len(inv.Args) > 0 && slices.Contains(xenscripts.Names, inv.Args[0]) {
		inv.Name, inv.Args = inv.Args[0], inv.Args[1:]
	}
	if slices.Contains(xenscripts.NetworkNames, inv.Name) {
		inv.Args = append([]string{"--dry-run"}, inv.Args...)
		return networkScript(ctx, inv)
	}
	if rest, _ := takeFlags(inv.Args); len(rest) == 0 {
		inv.complain("plan needs a call, as in `vifctl plan online type_if=vif`")
		return usage
	}
	inv.Args = append([]string{"--dry-run"}, inv.Args...)
	return hookCall(ctx, inv)
}

// hookCall is a call of xl's, xend's or udev's, or one that looks like it.
func hookCall(ctx context.Context, inv invocation) int {
	args, flags := takeFlags(inv.Args)
	if inv.Name == "vif-setup" {
		name, foreign, err := engine.Setup(scriptOf(inv, args), xenscripts.PortNames)
		switch {
		case err != nil:
			if call, _ := event.Parse("vif-bridge", args, inv.Getenv); !flags.dryRun {
				s := dial(ctx, inv)
				s.Complain(ctx, call, err)
				s.close()
			}
			inv.complain("%v", err)
			return failed
		case foreign != "" && flags.dryRun:
			fmt.Fprintln(inv.Stdout, plan.Command(append([]string{foreign}, args...)...))
			return done
		case foreign != "":
			inv.complain("%v", process.Replace(append([]string{foreign}, args...)))
			return failed
		}
		inv.Name = name
	}
	script := inv.Name
	if !slices.Contains(xenscripts.Names, script) {
		script = "vifctl"
	}
	call, err := event.Parse(script, args, inv.Getenv)
	if err == nil && call.Ignored != "" && !flags.dryRun {
		return done
	}
	s := dial(ctx, inv)
	defer s.close()
	if err == nil {
		err = s.open(inv, call.Command.Up(), flags.dryRun)
	}
	switch {
	case err != nil:
		if !flags.dryRun {
			s.Complain(ctx, call, err)
		}
	case flags.dryRun:
		var w *engine.Decision
		if w, err = s.Preview(ctx, call); err != nil {
			break
		}
		if flags.json {
			err = w.WriteJSON(inv.Stdout)
		} else {
			err = w.WriteText(inv.Stdout)
		}
	default:
		err = s.Run(ctx, call)
		s.Executor.Kernel.Leave()
	}
	if err != nil {
		inv.complain("%v", err)
		return failed
	}
	return done
}

// scriptOf is the script that the toolstack names; an argument overrides the
// environment.
func scriptOf(inv invocation, args []string) string {
	script := inv.Getenv("script")
	for _, a := range args {
		if v, ok := strings.CutPrefix(a, "script="); ok {
			script = v
		}
	}
	return script
}

// session is a runtime and what has to be closed after it.
type session struct {
	engine.Engine
	// dir is where the journal is, and the iptables backend's book.
	dir string
	// apart: hooks are run in units of systemd's own.
	apart   bool
	closers []func()
}

func (s *session) close() {
	for _, f := range slices.Backward(s.closers) {
		f()
	}
}

// dial makes a session that can at least tell the toolstack what goes wrong
// from here on. A xenstore that cannot be reached is no failure yet: taking a
// port down does not depend on it.
func dial(ctx context.Context, inv invocation) *session {
	s := &session{Engine: engine.Engine{HookDir: xenscripts.HookDir, Log: newLog(inv)}}
	ctx, cancel := context.WithTimeout(ctx, dialDeadline)
	defer cancel()
	xs, err := xenstore.Dial(ctx)
	if err != nil {
		s.NoXenstore = err
		return s
	}
	s.Xenstore = xs
	s.closers = append(s.closers, func() { _ = xs.Close() })
	return s
}

// open adds what a call needs besides. up: without a valid configuration
// nothing comes up; what is up can always be taken down.
func (s *session) open(inv invocation, up, dryRun bool) error {
	dir, err := trustedPath(inv, "VIFCTL_RUN_DIR", runDir)
	if err != nil {
		return err
	}
	s.dir, s.Journal = dir, journal.Open(dir)
	path, err := configPath(inv)
	if err == nil {
		err = s.configure(path, dir, dryRun)
	}
	if err != nil && up {
		return err
	} else if err != nil {
		s.Log.Warn(err.Error())
	}
	return s.openTools()
}

// openTools adds what looks at the host and changes it, as the configuration
// says.
func (s *session) openTools() error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find our own program: %w", err)
	}
	k, err := kernel.Open()
	if err != nil {
		return err
	}
	s.closers = append(s.closers, k.Close)
	fw := &engine.HostFirewall{Host: s.Config.Host, Book: filepath.Join(s.dir, "iptables")}
	s.closers = append(s.closers, fw.Close)
	s.Reader = &engine.Reader{Kernel: k, Rules: fw, Switch: openvswitch.Host{}, Limits: limit.Host{}, DHCP: dhcp.Host{}}
	s.Executor = &engine.Executor{Kernel: k, Tools: engine.Tools{
		Xenstore: s.Xenstore,
		Hooks:    engine.BashHooks{Shim: xenscripts.HookShim, Self: self, Apart: s.apart},
		Firewall: fw,
		Switch:   openvswitch.Host{},
		Limits:   limit.Host{},
		DHCP:     dhcp.Host{},
		Log:      s.Log,
	}}
	return nil
}

// configure reads the configuration: by an index of ours where there is one,
// since of thousands of guests a call asks about one.
func (s *session) configure(path, dir string, dryRun bool) (err error) {
	if dryRun {
		s.Config, err = configs.Load(path)
	} else {
		s.Config, err = configs.LoadIndexed(path, filepath.Join(dir, "config.index"))
	}
	return oneMistake(err)
}

// oneMistake is the first of a configuration's mistakes.
func oneMistake(err error) error {
	var mistake *configs.Mistake
	if !errors.As(err, &mistake) {
		return err
	}
	// One sentence is what the toolstack shows; the rest is for a person.
	if n := strings.Count(err.Error(), "\n"); n > 0 {
		return fmt.Errorf("%w; and %d more: see `vifctl config check`", mistake, n)
	}
	return mistake
}

// configPath is where the configuration is.
func configPath(inv invocation) (string, error) {
	path, err := trustedPath(inv, "VIFCTL_CONFIG", configs.Default)
	if err == nil && path != configs.Default {
		err = configs.Trusted(configs.Folder(path))
	}
	return path, err
}

// trustedPath is a path that the environment may change for tests and labs, but
// only to one that nobody else can write to: xl hands the caller's whole
// environment down to us.
func trustedPath(inv invocation, variable, standard string) (string, error) {
	p := inv.Getenv(variable)
	if p == "" {
		return standard, nil
	}
	if err := configs.Trusted(p); err != nil {
		return "", fmt.Errorf("%s=%q is not used: %w", variable, p, err)
	}
	return p, nil
}

func qemuIfup(ctx context.Context, inv invocation) int {
	args, flags := takeFlags(inv.Args)
	if len(args) != 2 {
		inv.complain("it takes a tap and a bridge, as in `qemu-ifup tap0 xenbr0`")
		return usage
	}
	s := dial(ctx, inv)
	defer s.close()
	err := s.open(inv, true, flags.dryRun)
	var d *engine.Decision
	if err == nil {
		d, err = s.QemuIfup(ctx, args[0], args[1])
	}
	switch {
	case err != nil:
	case flags.dryRun:
		err = d.WriteText(inv.Stdout)
	default:
		_, err = s.Executor.TakeOrUndo(ctx, d.Actions)
	}
	if err != nil {
		inv.complain("%v", err)
		return failed
	}
	return done
}

func xenstoreCommand(ctx context.Context, inv invocation) int {
	err := xenstoreDo(ctx, inv)
	switch {
	case errors.Is(err, errUsage):
		inv.complain("xenstore takes `read PATH` or `write PATH VALUE [PATH VALUE…]`")
		return usage
	case err != nil:
		inv.complain("%v", err)
		return failed
	}
	return done
}

var errUsage = errors.New("usage")

func xenstoreDo(ctx context.Context, inv invocation) error {
	ctx, cancel := context.WithTimeout(ctx, dialDeadline)
	defer cancel()
	verb := ""
	if len(inv.Args) > 0 {
		verb = inv.Args[0]
	}
	reads := verb == "read" && len(inv.Args) == 2
	writes := verb == "write" && len(inv.Args) >= 3 && len(inv.Args)%2 == 1
	if !reads && !writes {
		return errUsage
	}
	c, err := xenstore.Dial(ctx)
	if err != nil {
		return err
	}
	defer c.Close()
	if reads {
		v, err := c.Read(ctx, inv.Args[1])
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(inv.Stdout, v)
		return err
	}
	for pair := range slices.Chunk(inv.Args[1:], 2) {
		if err := c.Write(ctx, pair[0], pair[1]); err != nil {
			return err
		}
	}
	return nil
}
