package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/google/renameio/v2"
	"golang.org/x/sys/unix"

	"vifctl/cmd/vifctl/command"
	"vifctl/configs"
	"vifctl/hooks/guard"
	"vifctl/hooks/journal"
	"vifctl/hooks/kernel"
	"vifctl/hooks/session"
)

// madeChange writes down that a change was made: it waits to be confirmed, or is over.
func madeChange(s *session.Session, change *journal.Change, within time.Duration) error {
	if within == 0 {
		return s.Journal.DeleteChange()
	}
	by, err := guard.Within(within)
	if err != nil {
		return err
	}
	change.State, change.ConfirmBy = journal.Started, int64(by)
	return s.Journal.WriteChange(change)
}

// confirmForward takes the change that waits for it as good.
func confirmForward(ctx context.Context, c *command.Call) error {
	s, err := openHost(ctx, caller(c), false, false)
	if err != nil {
		return err
	}
	defer s.Close()
	ctx, cancel := context.WithTimeout(ctx, changeDeadline)
	defer cancel()
	lock, err := s.Journal.LockConfiguration(ctx)
	if err != nil {
		return err
	}
	defer lock.Release()
	change, err := s.Journal.ReadChange()
	if err != nil {
		return err
	}
	if change == nil || change.State != journal.Started {
		err := errors.New("nothing waits to be confirmed")
		if last := s.Journal.LastWords(journal.OfForwards); last != "" {
			err = fmt.Errorf("%w: %s", err, last)
		}
		return err
	}
	if err := s.Journal.DeleteChange(); err != nil {
		return err
	}
	c.Line("the change of %s stays, in %s", change.Asked, change.File)
	return nil
}

// guardForward waits for the end of the process at the other side of standard input, and undoes
// the change that it left half-way, or that is not confirmed in time.
func guardForward(ctx context.Context, c *command.Call, token string) error {
	outliveTerminal()
	path, err := session.ConfigPath(c.Getenv)
	if err != nil {
		return err
	}
	dir, err := session.RunDir(c.Getenv)
	if err != nil {
		return err
	}
	j := journal.Open(dir)
	return guard.Watch(ctx, os.Stdin, func(ctx context.Context) (over bool, err error) {
		ctx, cancel := context.WithTimeout(ctx, changeDeadline+undoDeadline)
		defer cancel()
		lock, err := j.LockConfiguration(ctx)
		if err != nil {
			return false, err
		}
		defer lock.Release()
		change, err := j.ReadChange()
		if err != nil || change == nil || change.Token != token {
			return true, err
		}
		if change.State == journal.Started {
			passed, err := guard.Deadline(change.ConfirmBy).Passed()
			if err != nil || !passed {
				return false, err
			}
		}
		s, err := openHost(ctx, caller(c), false, false)
		if err != nil {
			return false, err
		}
		defer s.Close()
		logToJournald(c, s)
		return true, undoLate(ctx, s, path, change)
	})
}

// settlePending undoes what a dead process left half-way, or a guard that died did not undo. A
// change that waits to be confirmed is an error: its end is not to take another one with it.
func settlePending(ctx context.Context, s *session.Session, path string) error {
	change, err := s.Journal.ReadChange()
	if change == nil || err != nil {
		return err
	}
	boot, err := kernel.BootID()
	if err != nil {
		return err
	}
	if change.Boot != boot {
		return s.Journal.DeleteChange()
	}
	if change.State == journal.Started {
		by := guard.Deadline(change.ConfirmBy)
		if abandoned, err := by.Abandoned(); err != nil || !abandoned {
			left, _ := by.Left()
			return errors.Join(err, fmt.Errorf("the change of %s waits to be confirmed: say `vifctl forward confirm`, or wait %s until it is undone", change.Asked, left.Round(time.Second)))
		}
	}
	return undoLate(ctx, s, path, change)
}

// undoLate undoes a change whose own process has ended, and leaves a word about it.
func undoLate(ctx context.Context, s *session.Session, path string, change *journal.Change) error {
	why := "it was not confirmed in time"
	if change.State == journal.Starting {
		why = "its process was killed before its end"
	}
	why = fmt.Sprintf("the change of %s was undone: %s", change.Asked, why)
	if err := undoChange(ctx, s, path, change); err != nil {
		why += ", and not all of it could be: " + err.Error()
	}
	s.Log.Warn(why)
	return s.Journal.SetLastWords(journal.OfForwards, why)
}

// undoChange puts the file back as it was, applies that, and forgets the change. A file that a
// person has changed since stays as it is.
func undoChange(ctx context.Context, s *session.Session, path string, change *journal.Change) error {
	var failed []error
	now, err := os.ReadFile(change.File)
	switch {
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		failed = append(failed, err)
	case err == nil && string(now) == change.After && change.New:
		failed = append(failed, os.Remove(change.File))
	case err == nil && string(now) == change.After:
		failed = append(failed, writeConfigFile(change.File, change.Before))
	case string(now) != change.Before:
		failed = append(failed, fmt.Errorf("%s has changed meanwhile and stays so: `vifctl forward list` tells what it says", change.File))
	}
	config, err := configs.Load(path)
	if err != nil {
		return errors.Join(append(failed, err, s.Journal.DeleteChange())...)
	}
	s.Config = config
	ports, err := portsOf(s, configs.Guest{Name: change.Name, UUID: change.UUID, MAC: change.MAC, NIC: change.NIC})
	return errors.Join(append(failed, err, applyPorts(ctx, s, ports), s.Journal.DeleteChange())...)
}

// writeConfigFile replaces a file, whole or not at all, and keeps its mode and owner; where it is
// a link, the file that it leads to. A new one can be read by all, as `install` writes it.
func writeConfigFile(path, text string) error {
	mode, uid, gid := os.FileMode(0o644), os.Geteuid(), os.Getegid()
	target, err := filepath.EvalSymlinks(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		target = path
	case err != nil:
		return err
	default:
		var st unix.Stat_t
		if err := unix.Stat(target, &st); err != nil {
			return fmt.Errorf("%s: %w", target, err)
		}
		mode, uid, gid = os.FileMode(st.Mode&0o777), int(st.Uid), int(st.Gid)
	}
	// Else the caller's TMPDIR would be asked for a place.
	f, err := renameio.NewPendingFile(target, renameio.WithTempDir(filepath.Dir(target)))
	if err != nil {
		return fmt.Errorf("write %s: %w", target, err)
	}
	defer func() { _ = f.Cleanup() }()
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Chown(uid, gid), f.Chmod(mode)); err != nil {
		return fmt.Errorf("write %s: %w", target, err)
	}
	if err := f.CloseAtomicallyReplace(); err != nil {
		return fmt.Errorf("write %s: %w", target, err)
	}
	return nil
}
