package engine

import (
	"context"
	"errors"
	"fmt"

	"vifctl/hooks/journal"
)

// A port whose offline was lost leaves its record, and what was done for it by its name: its
// rules say whose address comes from that name. Whoever takes the name, or the domain's
// number, sees it undone first, while its own port is still down; else it would inherit what
// its predecessor may say, and a late offline would take its own away.

// undoFormer undoes what is left of ports that had the NIC, or the name, before.
func (p *port) undoFormer(ctx context.Context) error {
	if p.preview || p.repair {
		return nil
	}
	if p.old != nil && p.isFormer(p.old) {
		if err := p.undoRecord(ctx, p.old); err != nil {
			return err
		}
		p.old, p.Known = nil, false
	}
	if p.Event.Name == p.Event.Device {
		return nil
	}
	r, err := p.Journal.Named(p.Event.Name)
	if err != nil {
		p.warn("%v; the next call for its port sets it aside", err)
		return nil
	}
	if r == nil || r.Boot != p.boot || r.NIC == p.Event.NIC && r.Kind == p.Event.Kind {
		return nil
	}
	lock, err := p.Journal.LockNIC(ctx, r.NIC)
	if err != nil {
		return fmt.Errorf("%s: %s was called so before: %w", p.Event.Name, r.Device, err)
	}
	defer lock.Release()
	// Its offline may have come meanwhile.
	if r, err = p.Journal.Named(p.Event.Name); err != nil || r == nil {
		return err
	}
	if there, err := p.there(r.Port); there || err != nil {
		return errors.Join(err, nameTaken(p.link.Name, p.Event.Name, there))
	}
	return p.undoRecord(ctx, r)
}

// isFormer reports whether a record of the NIC is of another guest, or of an interface that
// has gone.
func (p *port) isFormer(old *journal.Record) bool {
	return old.UUID != p.who.UUID && old.UUID != "" && p.who.UUID != "" || old.Index != p.link.Index
}

// undoRecord carries out the offline that never came. The NIC's lock is held.
func (p *port) undoRecord(ctx context.Context, r *journal.Record) error {
	call, err := callOf(commandDown(r.Kind), r)
	if err != nil {
		return fmt.Errorf("%s: %w", r.Name, err)
	}
	p.Log.Info("undoes what is left of a port that had gone without a call", "port", r.Name, "guest", r.Guest, "domain", r.NIC.Domid)
	former := p.port(call)
	defer former.unshare()
	if err := Carry(ctx, former); err != nil {
		return fmt.Errorf("%s: undo what is left of %s of %s: %w", p.Event.Name, r.Name, whoOf(r), err)
	}
	return nil
}
