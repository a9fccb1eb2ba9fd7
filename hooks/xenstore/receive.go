package xenstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"vifctl/hooks/xenstore/internal/wire"
)

// await reads until the batch is answered, or leaves that to the call that is reading: a call on its own needs no second
// goroutine. Only events need one that always reads.
func (c *Client) await(ctx context.Context, b *batch) error {
	for {
		select {
		case <-b.done:
			return b.err
		default:
		}
		select {
		case <-b.done:
		case <-ctx.Done():
			return waited(ctx)
		case c.reading <- struct{}{}:
			err := c.receiveBefore(ctx, b)
			<-c.reading
			if err != nil {
				return err
			}
		}
	}
}

func waited(ctx context.Context) error {
	return fmt.Errorf("waiting for xenstored: %w", context.Cause(ctx))
}

// receiveBefore reads frames until the batch is answered, or the context ends.
func (c *Client) receiveBefore(ctx context.Context, b *batch) error {
	interrupted := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		_ = c.file.SetReadDeadline(time.Unix(1, 0)) // long past: it interrupts the read under way
		close(interrupted)
	})
	defer func() {
		if !stop() {
			<-interrupted
			_ = c.file.SetReadDeadline(time.Time{})
		}
	}()
	for {
		select {
		case <-b.done:
			return b.err
		default:
		}
		if err := c.receive(); errors.Is(err, os.ErrDeadlineExceeded) {
			return waited(ctx)
		} else if err != nil {
			return err
		}
	}
}

// listen has a goroutine read from now on, until the connection ends. The caller holds mu, so that Close, which takes it
// first, waits for that goroutine.
func (c *Client) listen() {
	c.listens.Do(func() {
		c.listening.Go(func() {
			c.reading <- struct{}{}
			defer func() { <-c.reading }()
			for c.receive() == nil {
			}
		})
	})
}

// receive reads one frame and passes it on: under reading there is one reader of the connection, which is the only sender
// on watch channels. An error but for a deadline's has ended the connection; a deadline leaves half a frame where it is.
func (c *Client) receive() error {
	h, payload, err := wire.NextFrame(c.in)
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return err
	case errors.Is(err, io.EOF):
		err = fmt.Errorf("%w: xenstored went away", ErrClosed)
	case errors.Is(err, io.ErrUnexpectedEOF):
		err = fmt.Errorf("%w: xenstored went away in the middle of an answer", ErrClosed)
	case err != nil:
		err = fmt.Errorf("%w: read: %w", ErrClosed, cause(err))
	case h.Type == wire.TypeWatchEvent:
		err = c.fired(payload)
	default:
		err = c.answered(h, payload)
	}
	if err != nil {
		return c.fail(err)
	}
	return nil
}

// answered hands a payload to the batch that waits for it. An error means that the peer does not speak the protocol.
func (c *Client) answered(h wire.Header, payload string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	id := h.RequestID
	s, ok := c.pending[id]
	if !ok && c.device {
		id, s, ok = c.oldestWatchRequest(h)
	}
	if !ok {
		return fmt.Errorf("%w: xenstored answered request %d, which was never made", ErrClosed, h.RequestID)
	}
	if h.Type != s.typ && h.Type != wire.TypeError {
		return fmt.Errorf("%w: xenstored answered a request of type %d with type %d", ErrClosed, s.typ, h.Type)
	}
	delete(c.pending, id)
	a := answer{payload: payload}
	if h.Type == wire.TypeError {
		a = answer{err: daemonError(payload)}
	}
	s.batch.answers[s.index] = a
	if s.batch.left--; s.batch.left == 0 {
		close(s.batch.done)
	}
	return nil
}

// oldestWatchRequest finds what a frame with request id 0 answers. Older kernels answer watch and unwatch themselves and
// lose the id (xenbus_write_watch in xenbus_dev_frontend.c), but they do it in order.
func (c *Client) oldestWatchRequest(h wire.Header) (id uint32, s slot, ok bool) {
	if h.RequestID != 0 || h.Type != wire.TypeWatch && h.Type != wire.TypeUnwatch {
		return 0, slot{}, false
	}
	for candidate, c := range c.pending {
		// Ids wrap around, so older is a matter of distance.
		if c.typ == h.Type && (!ok || int32(candidate-id) < 0) {
			id, s, ok = candidate, c, true
		}
	}
	return id, s, ok
}
