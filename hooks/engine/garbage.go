package engine

import (
	"context"
	"errors"
	"fmt"

	"vifctl/hooks/journal"
	"vifctl/hooks/kernel"
	"vifctl/hooks/plan"
)

// pruner is a firewall that can remove what no port wants.
type pruner interface {
	Prune(ctx context.Context, keep func() ([]plan.Rule, error), there func(port string) bool) ([]string, error)
}

// CollectGarbage undoes and removes what no call will undo any more, and says
// what it was: what was done for ports that went together with their domain,
// without a call; the firewall's elements that no port wants; and what is left in
// the journal's folder. What a call is at work on, and whatever may still be
// needed, stays.
func (e *Engine) CollectGarbage(ctx context.Context) (removed []string, err error) {
	ctx, cancel := context.WithTimeout(ctx, callDeadline)
	defer cancel()
	boot, err := kernel.BootID()
	if err != nil {
		return nil, err
	}
	var failed []error
	// The next call sets aside a record that cannot be read.
	all, _ := e.Journal.All()
	for _, s := range all {
		if s.Boot != boot {
			continue
		}
		undone, err := e.removeOrphan(ctx, s.Port)
		if undone {
			removed = append(removed, fmt.Sprintf("%s of guest %q (domain %d): it had gone without a call", s.Name, s.Guest, s.NIC.Domid))
		}
		if !errors.Is(err, ErrBusy) {
			failed = append(failed, err)
		}
	}
	files, err := e.Journal.Tidy(ctx, boot, func(nic plan.NIC) bool { return e.domainGone(ctx, nic) })
	for _, f := range files {
		removed = append(removed, "the journal's "+f)
	}
	failed = append(failed, err)
	elements, err := e.prune(ctx, boot)
	for _, element := range elements {
		removed = append(removed, "the firewall's "+element)
	}
	return removed, errors.Join(append(failed, err)...)
}

// removeOrphan takes down, as a call would, a port whose interface and domain
// have gone.
func (e *Engine) removeOrphan(ctx context.Context, port journal.Port) (undone bool, err error) {
	gone := func(p journal.Port) (bool, error) {
		there, err := e.there(p)
		return err == nil && !there && e.domainGone(ctx, p.NIC), err
	}
	if gone, err := gone(port); !gone || err != nil {
		return false, err
	}
	lock, err := e.lockIdle(ctx, port.NIC)
	if err != nil {
		return false, err
	}
	defer lock.Release()
	record, err := e.current(port.NIC, port.Kind)
	if err != nil || record == nil || record.Index != port.Index {
		return false, err
	}
	if gone, err := gone(record.Port); !gone || err != nil {
		return false, err
	}
	call, err := callOf(commandDown(port.Kind), record)
	if err != nil {
		return false, fmt.Errorf("%s: %w", record.Name, err)
	}
	p := e.port(call)
	defer p.unshare()
	return true, Carry(ctx, p)
}

// domainGone reports whether Xen has neither a NIC nor its domain; false where
// the xenstore cannot be asked.
func (e *Engine) domainGone(ctx context.Context, nic plan.NIC) bool {
	if e.Xenstore == nil {
		return false
	}
	paths := []string{
		fmt.Sprintf("backend/vif/%d/%d/frontend-id", nic.Domid, nic.Devid),
		fmt.Sprintf("/local/domain/%d/name", nic.Domid),
		fmt.Sprintf("/local/domain/%d/vm", nic.Domid),
	}
	values, err := e.Xenstore.ReadAll(ctx, paths...)
	if err != nil {
		return false
	}
	for _, p := range paths {
		if _, known := values[p]; known {
			return false
		}
	}
	return true
}

// prune takes out of the firewall what no record wants. It decides under the lock
// that all calls share, which a call takes before it looks at what a guest's
// ports have in common.
func (e *Engine) prune(ctx context.Context, boot string) ([]string, error) {
	fw, ok := e.Executor.Firewall.(pruner)
	if !ok {
		return nil, nil
	}
	var lock *journal.Lock
	defer func() {
		if lock != nil {
			lock.Release()
		}
	}()
	keep := func() (rules []plan.Rule, err error) {
		if lock == nil {
			if lock, err = e.Journal.LockHost(ctx); err != nil {
				return nil, err
			}
		}
		return e.Journal.Rules(boot)
	}
	return fw.Prune(ctx, keep, func(port string) bool {
		_, there, err := e.Reader.LinkByName(port)
		return there || err != nil
	})
}
