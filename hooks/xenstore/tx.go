package xenstore

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"syscall"
	"time"

	"vifctl/hooks/xenstore/internal/wire"
)

// Tx is a transaction: to other clients, all it reads and writes is one step. It is valid inside Transaction's function.
type Tx struct {
	client *Client
	id     uint32
}

// abortGrace is how long a transaction whose context has ended tries to tell the daemon so. It needs no answer, so it
// takes longer only when the daemon hangs; then the daemon ends the transaction with the connection.
const abortGrace = 20 * time.Millisecond

// Transaction runs fn in a transaction and commits it. When another client changed what fn read, nothing was done and fn is run
// again, until the context ends: fn must start over each time. An error of fn aborts the transaction and is returned.
// When the context ends during the commit itself, whether it happened is unknown; the error says so.
func (c *Client) Transaction(ctx context.Context, fn func(tx *Tx) error) error {
	for attempt := 1; ; attempt++ {
		err := c.attempt(ctx, fn)
		if !errors.Is(err, ErrAgain) {
			return err
		}
		// Two writers that retry at the same pace can starve each other: the wait grows, to 20 ms at most.
		select {
		case <-time.After(time.Duration(min(attempt, 20)) * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("xenstore: transaction: tried %d times, then: %w", attempt, context.Cause(ctx))
		}
	}
}

// attempt is one run of a transaction. Its error is ErrAgain only when the commit's was.
func (c *Client) attempt(ctx context.Context, fn func(tx *Tx) error) error {
	payload, err := c.one(ctx, 0, wire.TypeTransactionStart, "\x00", "")
	if err != nil {
		return fmt.Errorf("xenstore: begin a transaction: %w", err)
	}
	id, err := strconv.ParseUint(trimNUL(payload), 10, 32)
	if err != nil || id == 0 {
		return fmt.Errorf("xenstore: begin a transaction: xenstored answered %.40q, which is no transaction number", payload)
	}
	tx := &Tx{c, uint32(id)}
	ended := false
	defer func() { // fn may panic or call runtime.Goexit, as a test's FailNow does
		if !ended {
			tx.abort(ctx)
		}
	}()
	if err := fn(tx); err != nil {
		return err
	}
	ended = true
	if _, err := c.one(ctx, tx.id, wire.TypeTransactionEnd, "T\x00", ""); err != nil {
		if ctx.Err() != nil {
			return fmt.Errorf("xenstore: commit, which may or may not have happened: %w", err)
		}
		return fmt.Errorf("xenstore: commit: %w", err)
	}
	return nil
}

// abort ends the transaction without a change. It does not wait for the answer, which would change nothing.
func (tx *Tx) abort(ctx context.Context) {
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), abortGrace)
	defer cancel()
	tx.client.tell(grace, tx.id, request{wire.TypeTransactionEnd, "F\x00", ""})
}

// Read is Client.Read inside the transaction.
func (tx *Tx) Read(ctx context.Context, path string) (string, error) {
	return tx.request(ctx, "read", wire.TypeRead, path, "\x00")
}

// ReadAll is Client.ReadAll inside the transaction, and so one kernel.
func (tx *Tx) ReadAll(ctx context.Context, paths ...string) (map[string]string, error) {
	requests := make([]request, len(paths))
	for i, path := range paths {
		if err := wire.CheckPath(path); err != nil {
			return nil, pathError("read", path, err)
		}
		requests[i] = request{wire.TypeRead, path, "\x00"}
	}
	answers, err := tx.client.ask(ctx, tx.id, requests)
	if err != nil {
		return nil, fmt.Errorf("xenstore: read %d paths: %w", len(paths), err)
	}
	values := make(map[string]string, len(paths))
	for i, a := range answers {
		switch {
		case a.err == nil:
			values[paths[i]] = a.payload
		case !errors.Is(a.err, ErrNotExist):
			return nil, pathError("read", paths[i], a.err)
		}
	}
	return values, nil
}

// Write is Client.Write inside the transaction.
func (tx *Tx) Write(ctx context.Context, path, value string) error {
	_, err := tx.request(ctx, "write", wire.TypeWrite, path, "\x00"+value)
	return err
}

// Mkdir is Client.Mkdir inside the transaction.
func (tx *Tx) Mkdir(ctx context.Context, path string) error {
	_, err := tx.request(ctx, "make", wire.TypeMkdir, path, "\x00")
	return err
}

// Remove is Client.Remove inside the transaction.
func (tx *Tx) Remove(ctx context.Context, path string) error {
	_, err := tx.request(ctx, "remove", wire.TypeRemove, path, "\x00")
	if errors.Is(err, ErrNotExist) { // the daemon says so only when the parent is missing too
		return nil
	}
	return err
}

// List is Client.List inside the transaction.
func (tx *Tx) List(ctx context.Context, path string) ([]string, error) {
	names, err := tx.request(ctx, "list", wire.TypeDirectory, path, "\x00")
	if errors.Is(err, syscall.E2BIG) {
		return tx.listInParts(ctx, path)
	}
	if err != nil {
		return nil, err
	}
	return wire.Strings(names), nil
}

// request makes one request about one path, which every error names.
func (tx *Tx) request(ctx context.Context, verb string, typ wire.Type, path, rest string) (string, error) {
	if err := wire.CheckPath(path); err != nil {
		return "", pathError(verb, path, err)
	}
	payload, err := tx.client.one(ctx, tx.id, typ, path, rest)
	if err != nil {
		return "", pathError(verb, path, err)
	}
	return payload, nil
}

// pathError names the path, quoted where it holds anything but a path's characters, and cut where it is long.
func pathError(verb, path string, err error) error {
	shown := path
	if len(path) > 200 {
		shown = path[:200] + "…"
	}
	if wire.CheckPath(path) != nil {
		shown = strconv.Quote(shown)
	}
	return fmt.Errorf("xenstore: %s %s: %w", verb, shown, err)
}
