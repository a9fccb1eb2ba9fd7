package engine

import (
	"context"
	"errors"
	"slices"

	"vifctl/hooks/journal"
	"vifctl/hooks/plan"
)

// What belongs to a NIC (plan.OwnerNIC) serves its vif and its tap, and, while
// the guest reboots or moves, the NIC of its new domain as well as that of the
// old one. The last of them undoes it. Only the journal's records count who wants it,
// and they are read under the one lock that all calls share.

func isShared(e journal.Entry) bool { return e.Step.Traits().Owner == plan.OwnerNIC }

// members are the ports that a record's port shares with.
func (e *Engine) members(record *journal.Record) journal.Guest {
	return e.Journal.Guest(record.UUID, record.NIC.Domid)
}

// share takes the common lock, if it is not held, until the intent is written down.
func (p *port) share(ctx context.Context) (err error) {
	if p.preview || p.common != nil {
		return nil
	}
	p.common, err = p.Journal.LockHost(ctx)
	return err
}

// unshare releases it, if it is held.
func (p *port) unshare() {
	if p.common != nil {
		p.common.Release()
		p.common = nil
	}
}

// wantedByOthers returns the keys of what the guest's other ports want. It is
// never nil.
func (e *Engine) wantedByOthers(record *journal.Record) (map[string]bool, error) {
	wanted, err := e.members(record).Wanted(record.Boot, record.NIC, record.Kind)
	if wanted == nil {
		wanted = map[string]bool{}
	}
	return wanted, err
}

// split tells apart what is to be undone and what another port of the guest
// still wants.
func (e *Engine) split(record *journal.Record, entries []journal.Entry) (undo, left []journal.Entry, err error) {
	if !slices.ContainsFunc(entries, isShared) {
		return entries, nil, nil
	}
	wanted, err := e.wantedByOthers(record)
	for _, entry := range entries {
		if isShared(entry) && wanted[entry.Step.Key()] {
			left = append(left, entry)
		} else {
			undo = append(undo, entry)
		}
	}
	return undo, left, err
}

// undo takes back entries of a record, newest first, whatever fails on the way, and
// returns, oldest first, those that could not be. What is the port's own goes first, the
// port down with it, without a lock; what it shares goes under the common lock, which is
// held for no longer. leave: the port is one of the guest's no longer.
func (e *Engine) undo(ctx context.Context, record *journal.Record, entries []journal.Entry, leave bool) (left []journal.Entry, err error) {
	var own, shared []journal.Entry
	for _, entry := range entries {
		if isShared(entry) {
			shared = append(shared, entry)
		} else {
			own = append(own, entry)
		}
	}
	left, err = e.Executor.Undo(ctx, own)
	leave = leave && (len(shared) > 0 || slices.ContainsFunc(record.Entries, isShared))
	if len(shared) == 0 && !leave {
		return left, err
	}
	lock, lockErr := e.Journal.LockHost(ctx)
	if lockErr != nil {
		return append(reversed(shared), left...), errors.Join(err, lockErr)
	}
	defer lock.Release()
	shared, _, splitErr := e.split(record, shared)
	if splitErr != nil {
		e.Log.Warn(splitErr.Error() + "; what another port of the guest may want is undone")
	}
	leftShared, undoErr := e.Executor.Undo(ctx, shared)
	left = append(leftShared, left...)
	err = errors.Join(err, undoErr)
	if leave && len(left) == 0 {
		err = errors.Join(err, e.members(record).Remove(record.NIC, record.Kind))
	}
	return left, err
}
