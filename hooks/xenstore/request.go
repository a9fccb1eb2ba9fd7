package xenstore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"vifctl/hooks/xenstore/internal/wire"
)

// request is one frame to be sent. Its payload is the two parts, which saves joining them.
type request struct {
	typ  wire.Type
	a, b string
}

// answer is what one request came to. A failed request has an error and no payload.
type answer struct {
	payload string
	err     error
}

// batch is requests that were written together and are waited for together.
type batch struct {
	answers []answer
	// left and err belong to Client.mu. err is why the connection ended before the answers were complete.
	left int
	err  error
	// done is closed when left reaches 0 or err is set.
	done chan struct{}
}

// slot says which batch a request id belongs to. A batch that no call waits for keeps its slots until the daemon has
// answered: a late answer is normal, an answer to a question never asked is not.
type slot struct {
	batch *batch
	index int
	typ   wire.Type
}

// one makes a single request and returns its payload.
func (c *Client) one(ctx context.Context, tx uint32, typ wire.Type, a, b string) (string, error) {
	answers, err := c.ask(ctx, tx, []request{{typ, a, b}})
	if err != nil {
		return "", err
	}
	return answers[0].payload, answers[0].err
}

// ask sends the requests in one write and waits for all the answers. Its own error is about the connection, the context
// or a request too large to be sent; in each of the answers is the daemon's.
func (c *Client) ask(ctx context.Context, tx uint32, requests []request) ([]answer, error) {
	if !c.device {
		return c.exchange(ctx, tx, requests)
	}
	answers := make([]answer, 0, len(requests))
	for _, r := range requests {
		a, err := c.inTurn(ctx, tx, r)
		if err != nil {
			return nil, err
		}
		answers = append(answers, a...)
	}
	return answers, nil
}

// tell is ask for a caller that does not need the answers: over a socket it does not wait for them.
func (c *Client) tell(ctx context.Context, tx uint32, r request) {
	if c.device {
		_, _ = c.inTurn(ctx, tx, r)
		return
	}
	_, _ = c.send(ctx, tx, []request{r})
}

// inTurn makes a request of the kernel's xenbus device when the one before has its answer. A thread of the kernel sends it
// on out of the buffer into which the next write goes (xenbus_dev_request_and_reply in drivers/xen/xenbus/xenbus_xs.c):
// a request written too early is sent in place of the one before, under that one's id, and its value taken for another's.
func (c *Client) inTurn(ctx context.Context, tx uint32, r request) ([]answer, error) {
	select {
	case c.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, waited(ctx)
	}
	defer func() { <-c.turn }()
	return c.exchange(ctx, tx, []request{r})
}

// errHangs is why a context ended that the caller did not end.
var errHangs = errors.New("xenstored does not answer")

// exchange is ask without a thought of the device.
func (c *Client) exchange(ctx context.Context, tx uint32, requests []request) ([]answer, error) {
	if c.patience == 0 {
		return c.exchangeBefore(ctx, tx, requests)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, c.patience, errHangs)
	defer cancel()
	answers, err := c.exchangeBefore(ctx, tx, requests)
	if errors.Is(err, errHangs) {
		return nil, c.fail(fmt.Errorf("%w: %w: it has been given %s", ErrClosed, errHangs, c.patience))
	}
	return answers, err
}

func (c *Client) exchangeBefore(ctx context.Context, tx uint32, requests []request) ([]answer, error) {
	b, err := c.send(ctx, tx, requests)
	if err != nil {
		return nil, err
	}
	if err := c.await(ctx, b); err != nil {
		return nil, err
	}
	return b.answers, nil
}

// send writes the requests and does not wait for the answers.
//
// The kernel's xenbus device (drivers/xen/xenbus/xenbus_dev_frontend.c) takes one frame a write, drops what follows it,
// and buffers 4096 bytes with the header: there it is called with one request only, see inTurn.
func (c *Client) send(ctx context.Context, tx uint32, requests []request) (*batch, error) {
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	limit := wire.MaxPayload
	if c.device {
		limit -= wire.HeaderSize
	}
	size := 0
	for _, r := range requests {
		payload := len(r.a) + len(r.b)
		if payload > limit {
			return nil, fmt.Errorf("%d bytes of path and value do not fit in a request, which holds %d", payload, limit)
		}
		size += wire.HeaderSize + payload
	}
	select {
	case c.writing <- struct{}{}:
	case <-ctx.Done():
		return nil, fmt.Errorf("waiting to write to xenstored: %w", context.Cause(ctx))
	}
	defer func() { <-c.writing }()

	b, first, err := c.enrol(requests)
	if err != nil {
		return nil, err
	}
	frames := make([]byte, 0, size)
	for i, r := range requests {
		header := wire.Header{Type: r.typ, RequestID: first + uint32(i), TxID: tx}
		frames = wire.AppendFrame(frames, header, r.a, r.b)
	}
	if len(requests) > 0 {
		if err := c.write(ctx, frames); err != nil {
			c.forget(first, len(requests))
			return nil, err
		}
	}
	return b, nil
}

// enrol gives the requests consecutive ids, before they are written: the answer may be back before write returns.
func (c *Client) enrol(requests []request) (b *batch, first uint32, err error) {
	b = &batch{answers: make([]answer, len(requests)), left: len(requests), done: make(chan struct{})}
	if len(requests) == 0 {
		close(b.done)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return nil, 0, c.err
	}
	first = c.lastID + 1
	for i, r := range requests {
		c.lastID++
		c.pending[c.lastID] = slot{b, i, r.typ}
	}
	return b, first, nil
}

// forget takes back ids whose frames were never written.
func (c *Client) forget(first uint32, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range n {
		delete(c.pending, first+uint32(i))
	}
}

// write writes whole frames, and gives up with the context when the daemon does not take them. Giving up in the middle of
// a frame costs the connection, since nothing after it could be understood.
func (c *Client) write(ctx context.Context, frames []byte) error {
	interrupted := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		_ = c.file.SetWriteDeadline(time.Unix(1, 0)) // long past: it interrupts the write under way
		close(interrupted)
	})
	n, err := c.file.Write(frames)
	if !stop() {
		<-interrupted
		_ = c.file.SetWriteDeadline(time.Time{})
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, os.ErrDeadlineExceeded) && n == 0:
		return fmt.Errorf("xenstored does not take requests: %w", context.Cause(ctx))
	case errors.Is(err, os.ErrDeadlineExceeded):
		return c.fail(fmt.Errorf("%w: a request could be written only in part: %w", ErrClosed, context.Cause(ctx)))
	default:
		return c.fail(fmt.Errorf("%w: write: %w", ErrClosed, cause(err)))
	}
}

// fail ends the connection, for the first reason it is given, and returns that.
func (c *Client) fail(reason error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return c.err
	}
	c.err = reason
	_ = c.file.Close() // nothing was buffered that this could lose
	for _, s := range c.pending {
		if s.batch.err == nil {
			s.batch.err = reason
			close(s.batch.done)
		}
	}
	clear(c.pending)
	for _, w := range c.watches {
		close(w.events)
	}
	clear(c.watches)
	return reason
}

// cause strips what os.File adds ("write /run/xenstored/socket: …"): our own sentence names the file already.
func cause(err error) error {
	var pathError *os.PathError
	if errors.As(err, &pathError) {
		return pathError.Err
	}
	return err
}
