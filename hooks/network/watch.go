package network

import (
	"context"
	"fmt"
	"io"

	"vifctl/hooks/guard"
	"vifctl/hooks/journal"
)

// Watch is what the guarding process does: it waits until parent ends, which is
// when the process that started it is done or dead; undoes what that left
// half-way; then waits for the confirmation where one is due, and undoes a start
// that gets none. token tells which start or stop it is about.
func (r *Networks) Watch(ctx context.Context, mode, name, token string, parent io.Reader) error {
	return guard.Watch(ctx, parent, func(ctx context.Context) (bool, error) { return r.look(ctx, mode, name, token) })
}

// look checks the start or stop once; over: there is nothing more to wait for.
func (r *Networks) look(ctx context.Context, mode, name, token string) (over bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, deadline+undoDeadline)
	defer cancel()
	lock, err := r.Journal.LockNetworks(ctx)
	if err != nil {
		return false, err
	}
	defer lock.Release()
	n, err := r.Journal.ReadNetwork(mode, name)
	if err != nil || n == nil || n.Token != token {
		return true, err
	}
	why := ""
	switch n.State {
	case journal.Starting:
		why = fmt.Sprintf("the start of %s %s was undone: its process was killed before its end", mode, name)
	case journal.Stopping:
		why = fmt.Sprintf("the stop of %s %s was brought to its end: its process was killed before", mode, name)
	default:
		passed, err := guard.Deadline(n.ConfirmBy).Passed()
		if err != nil || !passed {
			return n.ConfirmBy == 0, err
		}
		why = fmt.Sprintf("the start of %s %s was undone: it was not confirmed in time", mode, name)
	}
	all, err := r.records()
	if err != nil {
		return true, err
	}
	if err := r.undo(ctx, n, all); err != nil {
		why += ", and not all of it could be: " + oneLine(err)
	}
	r.Log.Warn(why)
	return true, r.Journal.SetLastWords(journal.OfNetworks, why)
}
