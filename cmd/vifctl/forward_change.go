package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"vifctl/cmd/vifctl/command"
	"vifctl/configs"
	"vifctl/hooks/engine"
	"vifctl/hooks/journal"
	"vifctl/hooks/kernel"
	"vifctl/hooks/session"
)

// Deadlines of a change, which waits for another one's end, and of undoing it.
const (
	changeDeadline = 60 * time.Second
	undoDeadline   = 40 * time.Second
)

// change makes one change of a guest's forwards: in the configuration's file, then on the host.
func (o *forwardOptions) change(ctx context.Context, c *command.Call, r forwarding) error {
	path, err := session.ConfigPath(c.Getenv)
	if err != nil {
		return asRoot(err)
	}
	s, err := openHost(ctx, caller(c), true, o.dryRun)
	if err != nil {
		return err
	}
	defer s.Close()
	ctx, cancel := context.WithTimeout(ctx, changeDeadline)
	defer cancel()
	// The terminal may go with the connection, which must not stop us half-way.
	signal.Ignore(syscall.SIGHUP, syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if !o.dryRun {
		lock, err := s.Journal.LockConfiguration(ctx)
		if err != nil {
			return err
		}
		defer lock.Release()
		if err := settlePending(ctx, s, path); err != nil {
			return err
		}
	}
	if s.Config, err = configs.Load(path); err != nil {
		return session.OneMistake(err)
	}
	e, warnings, err := r.decide(s, path)
	if err != nil {
		return err
	}
	ports, err := portsOf(s, e.Guest)
	if err != nil {
		return err
	}
	writeLines(c, e)
	steps, err := previewPorts(ctx, s, ports, &warnings)
	for _, w := range slices.Compact(warnings) {
		c.Line("warning  %s", w)
	}
	if err != nil {
		return fmt.Errorf("nothing was changed: %w", err)
	}
	for _, d := range steps {
		c.Write(d.WriteRepair)
	}
	if o.dryRun {
		return nil
	}
	if err := o.carryOut(ctx, c, s, path, r, e, ports); err != nil {
		return err
	}
	if len(ports) == 0 {
		c.Line("%s is not up: it holds from its next start on", e.Guest)
	} else {
		c.Line("done, for %s", count(len(ports), "port that is up", "ports that are up"))
	}
	if o.confirm > 0 {
		c.Line("It is undone in %s, unless you say: vifctl forward confirm", time.Duration(o.confirm)*time.Second)
	}
	return nil
}

// decide finds the change and holds it against the host. What this host refuses of it is an
// error; what it refused before is not this change's.
func (r forwarding) decide(s *session.Session, path string) (e *configs.Edit, warnings []string, err error) {
	before, err := s.CheckEntries()
	if err != nil {
		return nil, nil, err
	}
	guest, err := entryOf(s, r.guest)
	if err != nil {
		return nil, nil, err
	}
	edit := configs.AddForward
	if r.drop {
		edit = configs.DropForward
	}
	if e, err = edit(path, guest, r.nic, r.ForwardWords); err != nil {
		return nil, nil, fmt.Errorf("nothing was changed: %w", err)
	}
	s.Config = e.Config
	after, err := s.CheckEntries()
	if err != nil {
		return nil, nil, err
	}
	for _, m := range after {
		switch {
		case slices.Contains(before, m):
		case m.Refused:
			return nil, nil, fmt.Errorf("nothing was changed: %s: %s", m.Entry, m.Sentence)
		default:
			warnings = append(warnings, m.Entry+": "+m.Sentence)
		}
	}
	return e, warnings, nil
}

// entryOf is by what the entry about a guest knows it, which may be its uuid or a NIC's mac; the
// same word where no entry is about it.
func entryOf(s *session.Session, word string) (string, error) {
	entries := s.Config.Guests()
	if slices.ContainsFunc(entries, func(g configs.Guest) bool { return g.Name == word }) {
		return word, nil
	}
	ports, err := portsNamed(s, nil)
	if err != nil {
		return "", err
	}
	for _, p := range ports {
		if p.Guest != word {
			continue
		}
		record, err := s.Journal.Read(p.NIC, p.Kind)
		if record == nil || err != nil {
			return "", err
		}
		for _, g := range entries {
			if engine.IsOf(g, record) {
				return cmp.Or(g.UUID, g.MAC), nil
			}
		}
	}
	return word, nil
}

// portsOf are the ports of an entry's guest that are up.
func portsOf(s *session.Session, entry configs.Guest) (ports []upPort, err error) {
	all, err := portsNamed(s, nil)
	if err != nil {
		return nil, err
	}
	for _, p := range all {
		record, err := s.Journal.Read(p.NIC, p.Kind)
		if err != nil {
			return nil, err
		}
		if record != nil && engine.IsOf(entry, record) && (entry.NIC == configs.AnyNIC || entry.NIC == p.NIC.Devid) {
			ports = append(ports, p)
		}
	}
	return ports, nil
}

// previewPorts works out what the change comes to, and adds what is to be warned of.
func previewPorts(ctx context.Context, s *session.Session, ports []upPort, warnings *[]string) (all []*engine.Decision, err error) {
	fw := s.Firewall()
	defer fw.Close()
	script := engine.NewScript(fw)
	for _, p := range ports {
		d, err := p.check(ctx, &s.Engine)
		if err == nil {
			err = d.Tell(ctx, script)
		}
		if errors.Is(err, engine.ErrGone) {
			continue
		}
		if err != nil {
			return nil, err
		}
		*warnings = append(*warnings, d.Warnings...)
		all = append(all, d)
	}
	return all, nil
}

// applyPorts gives the ports what the configuration wants by now.
func applyPorts(ctx context.Context, s *session.Session, ports []upPort) error {
	var failed []error
	for _, p := range ports {
		if _, err := p.repair(ctx, &s.Engine); err != nil && !errors.Is(err, engine.ErrGone) {
			failed = append(failed, err)
		}
	}
	return errors.Join(failed...)
}

// carryOut puts the file in place and applies it, both or neither. A change that is to be
// confirmed is written down first, and guarded by another process.
func (o *forwardOptions) carryOut(ctx context.Context, c *command.Call, s *session.Session, path string, r forwarding, e *configs.Edit, ports []upPort) error {
	boot, err := kernel.BootID()
	if err != nil {
		return err
	}
	change := &journal.Change{
		Boot: boot, State: journal.Starting, Token: fmt.Sprintf("%016x", rand.Uint64()),
		Asked: r.guest, Name: e.Guest.Name, UUID: e.Guest.UUID, MAC: e.Guest.MAC, NIC: e.Guest.NIC,
		File: e.File, New: e.New, Before: e.Before, After: e.After,
	}
	if err := errors.Join(s.Journal.SetLastWords(journal.OfForwards, ""), s.Journal.WriteChange(change)); err != nil {
		return err
	}
	if o.confirm > 0 {
		release, err := detachGuard(c, "forward", change.Token)
		if err != nil {
			return errors.Join(err, s.Journal.DeleteChange())
		}
		defer release()
	}
	err = writeConfigFile(e.File, e.After)
	if err == nil {
		err = applyPorts(ctx, s, ports)
	}
	if err == nil {
		err = madeChange(s, change, time.Duration(o.confirm)*time.Second)
	}
	if err == nil {
		return nil
	}
	undo, cancel := context.WithTimeout(context.WithoutCancel(ctx), undoDeadline)
	defer cancel()
	if failed := undoChange(undo, s, path, change); failed != nil {
		return fmt.Errorf("%w; and not all of it could be undone: %w", err, failed)
	}
	return fmt.Errorf("all that was changed is undone: %w", err)
}

// writeLines prints what changes in the file, with the first line's number.
func writeLines(c *command.Call, e *configs.Edit) {
	before, after := strings.SplitAfter(e.Before, "\n"), strings.SplitAfter(e.After, "\n")
	first := 0
	for first < min(len(before), len(after)) && before[first] == after[first] {
		first++
	}
	for len(before) > first && len(after) > first && before[len(before)-1] == after[len(after)-1] {
		before, after = before[:len(before)-1], after[:len(after)-1]
	}
	c.Line("%s:%d", e.File, first+1)
	for _, side := range []struct {
		mark  string
		lines []string
	}{{"-", before[first:]}, {"+", after[first:]}} {
		for _, line := range side.lines {
			if line = strings.TrimRight(line, "\r\n"); line != "" {
				c.Line("%s %s", side.mark, line)
			}
		}
	}
}
