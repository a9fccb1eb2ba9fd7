package watch

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"vifctl/hooks/plan"
	"vifctl/hooks/xenstore"
)

// backends is where the backends of this domain's vifs are, relative to its
// home: we may run in a driver domain.
const backends = "backend/vif"

// storeDeadline is for one question to a daemon that may hang.
const storeDeadline = 5 * time.Second

// Store is a connection to the xenstore that is made again when it breaks, and
// until there is one. It is a hooks.Xenstore: what is asked while there is none
// fails with xenstore.ErrClosed, and is never repeated by itself.
type Store struct {
	*news[plan.NIC, struct{}]
	dial func(context.Context) (*xenstore.Client, error)
	log  *slog.Logger

	mu     sync.Mutex
	client *xenstore.Client // nil while there is none
	err    error            // why there is none; nil before the first try
}

// NewStore returns a store that is not connected before Run.
func NewStore(dial func(context.Context) (*xenstore.Client, error), log *slog.Logger) *Store {
	return &Store{news: newNews[plan.NIC, struct{}](), dial: dial, log: log}
}

// Run connects, and connects again, until ctx ends.
func (s *Store) Run(ctx context.Context) {
	var pause backoff
	told := false
	for {
		err := s.once(ctx, func() {
			pause = backoff{}
			if told {
				s.log.Info("the xenstore is back")
			}
			told = false
		})
		if ctx.Err() != nil {
			return
		}
		if !told {
			s.log.Warn("there is no xenstore: taps wait until it is back", "error", err)
			told = true
		}
		if !pause.wait(ctx) {
			return
		}
	}
}

// once is one connection, from its beginning to its end.
func (s *Store) once(ctx context.Context, up func()) error {
	client, err := s.dial(ctx)
	if err != nil {
		s.set(nil, err)
		return err
	}
	defer client.Close()
	asked, cancel := context.WithTimeout(ctx, storeDeadline)
	watch, err := client.Watch(asked, backends)
	cancel()
	if err != nil {
		s.set(nil, err)
		return err
	}
	up()
	s.set(client, nil)
	defer s.set(nil, xenstore.ErrClosed)
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case path, open := <-watch.C:
			if !open {
				return xenstore.ErrClosed
			}
			if nic, ok := backendOf(path); ok {
				s.tell(nic, func(struct{}) struct{} { return struct{}{} })
			} else {
				s.tellAll()
			}
		}
	}
}

// backendOf reads backend/vif/DOMID/DEVID and what is below.
func backendOf(path string) (plan.NIC, bool) {
	words := strings.SplitN(strings.TrimPrefix(path, backends+"/"), "/", 3)
	if len(words) < 2 {
		return plan.NIC{}, false
	}
	return nicIn(words[0]+"/"+words[1], "/")
}

func (s *Store) set(c *xenstore.Client, err error) {
	s.mu.Lock()
	s.client, s.err = c, err
	s.mu.Unlock()
	s.tellAll()
}

// connected tells why there is no connection; tried is false before it was
// known whether there can be one.
func (s *Store) connected() (tried bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.client != nil || s.err != nil, s.err
}

func (s *Store) current() (*xenstore.Client, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.client == nil {
		return nil, fmt.Errorf("there is no xenstore: %w", xenstore.ErrClosed)
	}
	return s.client, nil
}

// ReadAll implements hooks.Xenstore.
func (s *Store) ReadAll(ctx context.Context, paths ...string) (map[string]string, error) {
	c, err := s.current()
	if err != nil {
		return nil, err
	}
	return c.ReadAll(ctx, paths...)
}

// Write implements hooks.Xenstore.
func (s *Store) Write(ctx context.Context, path, value string) error {
	c, err := s.current()
	if err != nil {
		return err
	}
	return c.Write(ctx, path, value)
}
