package engine

import (
	"context"
	"errors"
	"fmt"

	"vifctl/hooks/event"
	"vifctl/hooks/journal"
	"vifctl/hooks/plan"
)

// pruner is a firewall that can tell what in it is nobody's.
type pruner interface {
	Prune(ctx context.Context, keep func() ([]plan.Rule, error), there func(port string) bool) ([]string, error)
}

// CollectGarbage undoes and removes what nobody will come for any more, and tells
// what it was: what was done for ports that went together with their domain,
// without a call; the firewall's elements that no port wants; and what is left in
// the journal's folder. What a call is at work on, and whatever may still be
// somebody's, stays.
func (r *Runtime) CollectGarbage(ctx context.Context) (removed []string, err error) {
	ctx, cancel := context.WithTimeout(ctx, callDeadline)
	defer cancel()
	boot, err := bootID()
	if err != nil {
		return nil, err
	}
	var failed []error
	// One that cannot be read is the next call's business, which sets it aside.
	all, _ := r.Journal.All()
	for _, s := range all {
		if s.Boot != boot {
			continue
		}
		undone, err := r.removeOrphan(ctx, s.Port)
		if undone {
			removed = append(removed, fmt.Sprintf("%s of guest %q (domain %d): it had gone, and nobody had called", s.Name, s.Guest, s.NIC.Domid))
		}
		if !errors.Is(err, ErrBusy) {
			failed = append(failed, err)
		}
	}
	files, err := r.Journal.Tidy(ctx, boot, func(nic plan.NIC) bool { return r.domainGone(ctx, nic) })
	for _, f := range files {
		removed = append(removed, "the journal's "+f)
	}
	failed = append(failed, err)
	elements, err := r.prune(ctx, boot)
	for _, e := range elements {
		removed = append(removed, "the firewall's "+e)
	}
	return removed, errors.Join(append(failed, err)...)
}

// removeOrphan does what the call does that takes a port down, for one whose
// interface and whose domain have gone.
func (r *Runtime) removeOrphan(ctx context.Context, port journal.Port) (undone bool, err error) {
	if _, there, err := r.Reader.LinkByIndex(port.Index); err != nil || there || !r.domainGone(ctx, port.NIC) {
		return false, err
	}
	lock, err := r.lockIdle(ctx, port.NIC)
	if err != nil {
		return false, err
	}
	defer lock.Release()
	record, err := r.current(port.NIC, port.Kind)
	if err != nil || record == nil || record.Index != port.Index {
		return false, err
	}
	command := event.Offline
	if port.Kind == plan.Tap {
		command = event.Remove
	}
	call, err := callOf(command, record)
	if err != nil {
		return false, fmt.Errorf("%s: %w", record.Name, err)
	}
	w, err := r.prepare(ctx, call, manner{})
	if err != nil {
		return false, err
	}
	return true, r.carryOut(ctx, w)
}

// domainGone reports whether Xen knows nothing of a NIC, nor of its domain. Who
// cannot be asked does not say so.
func (r *Runtime) domainGone(ctx context.Context, nic plan.NIC) bool {
	if r.Xenstore == nil {
		return false
	}
	paths := []string{
		fmt.Sprintf("backend/vif/%d/%d/frontend-id", nic.Domid, nic.Devid),
		fmt.Sprintf("/local/domain/%d/name", nic.Domid),
		fmt.Sprintf("/local/domain/%d/vm", nic.Domid),
	}
	values, err := r.Xenstore.ReadAll(ctx, paths...)
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

// prune takes out of the firewall what no record wants. What there is to decide
// is decided under the lock that all calls share, and that a call takes before it
// looks at what a guest's ports have in common.
func (r *Runtime) prune(ctx context.Context, boot string) ([]string, error) {
	fw, ok := r.Executor.Firewall.(pruner)
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
			if lock, err = r.Journal.LockHost(ctx); err != nil {
				return nil, err
			}
		}
		return r.Journal.Rules(boot)
	}
	return fw.Prune(ctx, keep, func(port string) bool {
		_, there, err := r.Reader.LinkByName(port)
		return there || err != nil
	})
}
