package xenstore

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"vifctl/hooks/xenstore/internal/wire"
)

// watchQueue is how many events wait for a slow receiver before they are drawn together into one.
const watchQueue = 256

// Watch is a subscription to a path and everything below it.
type Watch struct {
	// C gives the path that changed, relative when the watched path is. The first event comes at once, without a change:
	// register, then read. Events may be spurious, and say nothing about what changed or whether the path still exists.
	//
	// A receiver that falls 256 events behind finds one event instead, with the watched path itself: anything below it may
	// have changed. So nothing is lost that a fresh look would not show, and no receiver holds up other calls' answers.
	//
	// C is closed by Close, and when the connection ends.
	C <-chan string

	client *Client
	path   string
	token  string
	events chan string
}

// Watch subscribes to path, which may be @introduceDomain or @releaseDomain. A path may be watched any number of times.
func (c *Client) Watch(ctx context.Context, path string) (*Watch, error) {
	if err := wire.CheckPath(path); err != nil {
		return nil, pathError("watch", path, err)
	}
	w := &Watch{client: c, path: path, events: make(chan string, watchQueue)}
	w.C = w.events
	if err := c.subscribe(w); err != nil {
		return nil, pathError("watch", path, err)
	}
	if _, err := c.one(ctx, 0, wire.TypeWatch, path, "\x00"+w.token+"\x00"); err != nil {
		if c.unsubscribe(w) && ctx.Err() != nil {
			// The daemon may set the watch all the same, after this.
			w.withdraw(ctx)
		}
		return nil, pathError("watch", path, err)
	}
	return w, nil
}

// Close ends the subscription and closes C. Closing twice, or after the connection ended, is no error.
func (w *Watch) Close(ctx context.Context) error {
	if !w.client.unsubscribe(w) {
		return nil
	}
	_, err := w.client.one(ctx, 0, wire.TypeUnwatch, w.path, "\x00"+w.token+"\x00")
	switch {
	case err == nil, errors.Is(err, ErrNotExist), errors.Is(err, ErrClosed):
		return nil
	default:
		return pathError("stop watching", w.path, err)
	}
}

// withdraw tells the daemon to forget the watch, without waiting for it.
func (w *Watch) withdraw(ctx context.Context) {
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), abortGrace)
	defer cancel()
	w.client.tell(grace, 0, request{wire.TypeUnwatch, w.path, "\x00" + w.token + "\x00"})
}

// subscribe gives the watch a token of its own, before the daemon hears of it: the first event may come before the answer.
func (c *Client) subscribe(w *Watch) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return c.err
	}
	if c.watches == nil {
		c.watches = make(map[string]*Watch)
	}
	c.lastID++
	w.token = strconv.FormatUint(uint64(c.lastID), 10)
	c.watches[w.token] = w
	c.listen()
	return nil
}

// unsubscribe reports whether the watch was still there.
func (c *Client) unsubscribe(w *Watch) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.watches[w.token] != w {
		return false
	}
	delete(c.watches, w.token)
	close(w.events)
	return true
}

// fired passes an event on. An unknown token is no error: the watch was closed while the event was on its way.
func (c *Client) fired(payload string) error {
	path, rest, ok := strings.Cut(payload, "\x00")
	token, _, terminated := strings.Cut(rest, "\x00")
	if !ok || !terminated {
		return fmt.Errorf("%w: xenstored sent a watch event without path and token", ErrClosed)
	}
	c.mu.Lock() // C is closed under it
	defer c.mu.Unlock()
	w, ok := c.watches[token]
	if !ok {
		return nil
	}
	select {
	case w.events <- path:
		return nil
	default:
	}
	for len(w.events) > 0 {
		select {
		case <-w.events:
		default: // the receiver was faster
		}
	}
	w.events <- w.path // never blocks: only this sends, and it is empty
	return nil
}
