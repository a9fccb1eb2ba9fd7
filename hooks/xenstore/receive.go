package xenstore

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	"vifctl/hooks/xenstore/internal/wire"
)

// receive is the one reader of the connection, and the only sender on watch channels. It ends when the connection does.
func (c *Client) receive(r *bufio.Reader) {
	defer close(c.gone)
	var buf [wire.MaxPayload]byte
	for {
		h, payload, err := wire.ReadFrame(r, &buf)
		switch {
		case errors.Is(err, io.EOF):
			err = fmt.Errorf("%w: xenstored went away", ErrClosed)
		case errors.Is(err, io.ErrUnexpectedEOF):
			err = fmt.Errorf("%w: xenstored went away in the middle of an answer", ErrClosed)
		case err != nil:
			err = fmt.Errorf("%w: read: %w", ErrClosed, cause(err))
		case h.Type == wire.TypeWatchEvent:
			err = c.fired(string(payload))
		default:
			err = c.answered(h, string(payload))
		}
		if err != nil {
			_ = c.fail(err)
			return
		}
	}
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
