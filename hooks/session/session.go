// Package session opens what a call needs: the configuration, the xenstore, the
// journal, the kernel's socket, the firewall and the tools beside it. A call of
// the toolstack's, a person's command and the watcher each open one. It decides
// nothing and changes nothing itself.
package session

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"vifctl/configs"
	"vifctl/hooks/dhcp"
	"vifctl/hooks/engine"
	"vifctl/hooks/journal"
	"vifctl/hooks/kernel"
	"vifctl/hooks/limit"
	"vifctl/hooks/openvswitch"
	"vifctl/hooks/xenstore"
	"vifctl/xenscripts"
)

// How long a xenstored is waited for that does not answer: DialTimeout to be connected, AnswerTimeout
// for an answer, after which all that comes later is told at once that it hangs. Under load it takes
// seconds for one.
const (
	DialTimeout   = 5 * time.Second
	AnswerTimeout = 10 * time.Second
)

// Caller is the program that opens a session, and what it sees of the world
// outside.
type Caller struct {
	// Name stands before what is logged.
	Name string
	// Vifctl is the absolute path of the vifctl program: hooks of vif-post.d read
	// and write the xenstore by it.
	Vifctl string
	Getenv func(string) string
	Stderr io.Writer
	// Brief: the program lives for some milliseconds.
	Brief bool
}

// Session is an engine and what has to be closed after it.
type Session struct {
	engine.Engine
	// Dir is where the journal and the locks are, and the iptables backend's book.
	Dir string
	// HooksApart: each hook of vif-post.d is run in a unit of systemd's own.
	HooksApart bool

	caller  Caller
	closers []func()
}

// New makes a session that has nothing but a log.
func New(c Caller) *Session {
	return &Session{Engine: engine.Engine{HookDir: xenscripts.HookDir, Log: newLog(c)}, caller: c}
}

// Dial makes a session that can at least tell the toolstack what goes wrong from
// here on. A xenstore that cannot be reached is no failure yet: taking a port
// down does not depend on it.
func Dial(ctx context.Context, c Caller) *Session { return dialFor(ctx, c, DialTimeout) }

func dialFor(ctx context.Context, c Caller, wait time.Duration) *Session {
	s := New(c)
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	xs, err := DialXenstore(ctx)
	if err != nil {
		s.NoXenstore = err
		return s
	}
	s.Xenstore = xs
	s.closers = append(s.closers, func() { _ = xs.Close() })
	return s
}

// DialXenstore connects to a xenstored that is given AnswerTimeout for each answer.
func DialXenstore(ctx context.Context) (*xenstore.Client, error) {
	xs, err := xenstore.Dial(ctx)
	if err == nil {
		xs.BePatient(AnswerTimeout)
	}
	return xs, err
}

// Close closes what was opened, the last first.
func (s *Session) Close() {
	for _, f := range slices.Backward(s.closers) {
		f()
	}
	s.closers = nil
}

// Open adds what a call needs besides. up: without a valid configuration nothing
// comes up; what is up can always be taken down. dryRun: nothing is written, the
// configuration's index neither.
func (s *Session) Open(up, dryRun bool) error {
	dir, err := RunDir(s.caller.Getenv)
	if err != nil {
		return err
	}
	s.Dir, s.Journal = dir, journal.Open(dir)
	path, err := ConfigPath(s.caller.Getenv)
	if err == nil {
		err = s.configure(path, dryRun)
	}
	if err != nil && up {
		return err
	} else if err != nil {
		s.Log.Warn(err.Error())
	}
	return s.OpenTools()
}

// configure reads the configuration: by an index of ours where there is one,
// since of thousands of guests a call asks about one.
func (s *Session) configure(path string, dryRun bool) (err error) {
	if dryRun {
		s.Config, err = configs.Load(path)
	} else {
		s.Config, err = configs.LoadIndexed(path, filepath.Join(s.Dir, "config.index"))
	}
	return OneMistake(err)
}

// OpenTools adds what looks at the host and changes it, as s.Config says.
func (s *Session) OpenTools() error {
	k, err := kernel.Open()
	if err != nil {
		return err
	}
	s.closers = append(s.closers, k.Close)
	fw := s.Firewall()
	s.closers = append(s.closers, fw.Close)
	s.Reader = &engine.Reader{Kernel: k, Rules: fw, Switch: openvswitch.Host{}, Limits: limit.Host{}, DHCP: dhcp.Host{}}
	s.Executor = &engine.Executor{Kernel: k, Tools: engine.Tools{
		Xenstore: s.Xenstore,
		Hooks:    engine.BashHooks{Shim: xenscripts.HookShim, Self: s.caller.Vifctl, Apart: s.HooksApart},
		Firewall: fw,
		Switch:   openvswitch.Host{},
		Limits:   limit.Host{},
		DHCP:     dhcp.Host{},
		Log:      s.Log,
	}}
	return nil
}

// Firewall is one of its own, as s.Config says: the caller closes it.
func (s *Session) Firewall() *engine.HostFirewall {
	return &engine.HostFirewall{Host: s.Config.Host, Journal: s.Journal, OneProcessor: s.caller.Brief}
}

// OneMistake is the first of a configuration's mistakes, and how many there are:
// one sentence is what the toolstack shows, the rest is for a person.
func OneMistake(err error) error {
	var mistake *configs.Mistake
	if !errors.As(err, &mistake) {
		return err
	}
	if n := strings.Count(err.Error(), "\n"); n > 0 {
		return fmt.Errorf("%w; and %d more: see `vifctl config check`", mistake, n)
	}
	return mistake
}

// SetLog gives the session another log, for all that it has opened as well.
func (s *Session) SetLog(log *slog.Logger) {
	s.Log = log
	if s.Executor != nil {
		s.Executor.Log = log
	}
}
