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
// old one. All of them undo it, and all but the last of them leave it: so it is
// looked at and changed under the one lock that all calls share.

// guestOf names the ports that a record's port shares with.
func (r *Runtime) guestOf(record *journal.Record) journal.Guest {
	return r.Journal.Guest(record.UUID, record.NIC.Domid)
}

// wantedByOthers returns the keys of what the guest's other ports want. It is
// never nil.
func (r *Runtime) wantedByOthers(record *journal.Record) (map[string]bool, error) {
	wanted, err := r.guestOf(record).Wanted(record.Boot, record.NIC, record.Kind)
	if wanted == nil {
		wanted = map[string]bool{}
	}
	return wanted, err
}

// share tells apart what is to be undone and what another port of the guest
// still wants.
func (r *Runtime) share(w *Work, entries []journal.Entry) (undo, left []journal.Entry) {
	if !slices.ContainsFunc(entries, isShared) {
		return entries, nil
	}
	record := w.old
	if record == nil {
		record = w.record
	}
	wanted, err := r.wantedByOthers(record)
	if err != nil {
		w.warn("%v; what another port of the guest may want is undone", err)
	}
	for _, e := range entries {
		if isShared(e) && wanted[e.Step.Key()] {
			left = append(left, e)
		} else {
			undo = append(undo, e)
		}
	}
	return undo, left
}

func isShared(e journal.Entry) bool { return e.Step.Traits().Owner == plan.OwnerNIC }

// enrol prepares a port's coming up once more, now that everybody knows of it
// and nobody can undo what it finds, and writes its intent.
func (r *Runtime) enrol(ctx context.Context, w *Work) error {
	lock, err := r.Journal.LockHost(ctx)
	if err != nil {
		return err
	}
	defer lock.Release()
	if err := r.guestOf(w.record).Enrol(w.Event.NIC, w.Event.Kind); err != nil {
		return err
	}
	again, err := r.prepare(ctx, w.Event.Call, manner{again: w.again, after: w.after})
	if err != nil {
		return err
	}
	*w = *again
	return r.remember(w)
}

// undoShared undoes entries but for what another port of the guest still wants
// by now. leave: the port is one of the guest's no longer.
func (r *Runtime) undoShared(ctx context.Context, w *Work, entries []journal.Entry, leave bool) (left []journal.Entry, err error) {
	lock, err := r.Journal.LockHost(ctx)
	if err != nil {
		return entries, err
	}
	defer lock.Release()
	undo, _ := r.share(w, entries)
	left, err = r.undo(ctx, undo)
	if leave && len(left) == 0 {
		record := w.old
		if record == nil {
			record = w.record
		}
		err = errors.Join(err, r.guestOf(record).Leave(w.Event.NIC, w.Event.Kind))
	}
	return left, err
}
