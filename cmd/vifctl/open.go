package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"vifctl/cmd/vifctl/command"
	"vifctl/hooks/session"
	"vifctl/hooks/xenstore"
)

// caller is this program, for a session.
func caller(c *command.Call) session.Caller {
	return session.Caller{Name: c.Name, Vifctl: c.Self, Getenv: c.Getenv, Stderr: c.Errors}
}

// open opens a session. up: without a valid configuration it fails. Who may not
// read what it needs is told to be root.
func open(ctx context.Context, c session.Caller, up, dryRun bool) (*session.Session, error) {
	return opened(session.Dial(ctx, c), up, dryRun)
}

// opened adds to a session all that a command needs, or closes it.
func opened(s *session.Session, up, dryRun bool) (*session.Session, error) {
	err := s.Open(up, dryRun)
	if err == nil {
		err = mayRead(s)
	}
	if err != nil {
		s.Close()
		return nil, asRoot(err)
	}
	return s, nil
}

// openHost opens a session for what looks at ports and rules that are there: what
// may not be seen would be told as missing.
func openHost(ctx context.Context, c session.Caller, up, dryRun bool) (*session.Session, error) {
	if err := mayAsk(); err != nil {
		return nil, err
	}
	return open(ctx, c, up, dryRun)
}

// mayRead reports, as an error, that the records or the xenstore may not be read.
func mayRead(s *session.Session) error {
	if _, err := os.ReadDir(s.Dir); errors.Is(err, fs.ErrPermission) {
		return err
	}
	if errors.Is(s.NoXenstore, xenstore.ErrPermission) {
		return s.NoXenstore
	}
	return nil
}

// mayAsk reports, as an error, that the kernel would not tell the firewall's rules.
func mayAsk() error {
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&header, &data[0]); err != nil {
		return fmt.Errorf("ask for our own rights: %w", err)
	}
	if data[0].Effective&(1<<unix.CAP_NET_ADMIN) == 0 {
		return errors.New("the kernel tells the host's rules only to root (CAP_NET_ADMIN): run as root")
	}
	return nil
}

// asRoot adds to an ordinary user's error of missing rights what helps.
func asRoot(err error) error {
	if os.Geteuid() != 0 && (errors.Is(err, fs.ErrPermission) || errors.Is(err, xenstore.ErrPermission)) {
		return fmt.Errorf("%w: run as root", err)
	}
	return err
}
