// Package embedded is a xenstore daemon inside the process, for labs and tests: it speaks the protocol well enough for
// our own client and for libxenstore's tools, and answers as the C xenstored does, down to which transactions conflict.
//
// It is no replacement for xenstored: every caller counts as dom0, so permissions are kept and inherited but never
// enforced; nothing is stored on disk; there are no quotas and no guests' rings.
package embedded

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"

	"vifctl/hooks/xenstore/internal/wire"
)

// Server is a running daemon.
type Server struct {
	path     string
	home     string
	listener *net.UnixListener
	hanging  atomic.Bool
	running  sync.WaitGroup

	// mu makes every request one step, as in the single-threaded daemon.
	mu         sync.Mutex
	closed     bool
	tree       tree
	introduced map[string]bool // by domid as text
	conns      []*conn         // in the order they came, which is the order their watches fire in
}

// Option changes how a server is started.
type Option func(*Server)

// WithHome sets what relative paths are relative to: /local/domain/0 by default, a driver domain's home otherwise.
func WithHome(path string) Option {
	return func(s *Server) { s.home = path }
}

// Start listens on a Unix socket at path, which it replaces when a daemon that is gone left it behind.
func Start(path string, options ...Option) (*Server, error) {
	s := &Server{path: path, home: "/local/domain/0", tree: newTree(), introduced: map[string]bool{"0": true}}
	for _, option := range options {
		option(s)
	}
	if err := checkNode(s.home); err != nil {
		return nil, fmt.Errorf("embedded xenstore: home %s: %w", s.home, err)
	}
	if err := removeStale(path); err != nil {
		return nil, fmt.Errorf("embedded xenstore: %w", err)
	}
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("embedded xenstore: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil { // as xenstored's: a client that can connect is dom0
		_ = listener.Close()
		return nil, fmt.Errorf("embedded xenstore: %w", err)
	}
	s.listener = listener
	s.running.Add(1)
	go s.accept()
	return s, nil
}

// removeStale removes a socket that no process listens on. A socket in use, and anything but a socket, is left alone: listening
// on it then fails with "address already in use".
func removeStale(path string) error {
	st, err := os.Lstat(path)
	if err != nil || st.Mode().Type() != os.ModeSocket {
		return nil
	}
	if c, err := net.Dial("unix", path); err == nil {
		_ = c.Close()
		return nil
	}
	return os.Remove(path)
}

// Path is the socket's: what XENSTORED_PATH should be.
func (s *Server) Path() string { return s.path }

// Hang makes the server accept connections and read requests without ever answering one, until Hang(false).
// Requests that came meanwhile are dropped.
func (s *Server) Hang(hang bool) { s.hanging.Store(hang) }

// Close cuts every connection, as the daemon's end would, and removes the socket. Closing twice is no error.
func (s *Server) Close() error {
	s.mu.Lock()
	already := s.closed
	s.closed = true
	conns := s.conns
	s.conns = nil
	s.mu.Unlock()
	if already {
		return nil
	}
	err := s.listener.Close()
	for _, c := range conns {
		c.shut()
	}
	s.running.Wait()
	if err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("embedded xenstore: %w", err)
	}
	return nil
}

// Dump is the whole tree, a line for each path below the root, sorted: path = "value", quoted as Go quotes.
func (s *Server) Dump() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var text strings.Builder
	for _, path := range s.tree.paths() {
		if path != "/" {
			fmt.Fprintf(&text, "%s = %q\n", path, s.tree.nodes[path].value)
		}
	}
	return text.String()
}

// Introduce tells watchers that a domain is there, as the toolstack does with a domain it has built.
func (s *Server) Introduce(domid int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.introduced[fmt.Sprint(domid)] = true
	s.fire(wire.IntroduceDomain, false)
}

// Release tells watchers that a domain is gone.
func (s *Server) Release(domid int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.introduced, fmt.Sprint(domid))
	s.fire(wire.ReleaseDomain, false)
}

func (s *Server) accept() {
	defer s.running.Done()
	for {
		socket, err := s.listener.AcceptUnix()
		if err != nil {
			return
		}
		c := newConn(s, socket)
		s.mu.Lock()
		if s.closed {
			s.mu.Unlock()
			c.shut()
			return
		}
		s.conns = append(s.conns, c)
		s.running.Add(2)
		s.mu.Unlock()
		go c.receive()
		go c.transmit()
	}
}
