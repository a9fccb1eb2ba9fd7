package embedded

import (
	"slices"
	"strings"
	"syscall"

	"vifctl/hooks/xenstore/internal/wire"
)

// watch is one subscription of one connection.
type watch struct {
	path  string // absolute, or special
	token string
	// trim is what events leave out, because the watch was asked for by a relative path.
	trim string
}

// event is a change to be told. Exact ones are told only to watches of that very path: a removed node's descendants are,
// since those who watch above it learn enough from the removal itself.
type event struct {
	path  string
	exact bool
}

// fire tells every watch that covers the path. The caller holds mu.
func (s *Server) fire(path string, exact bool) {
	for _, c := range s.conns {
		for _, w := range c.watches {
			if w.path == path || !exact && covers(w.path, path) {
				c.sendEvent(w, path)
			}
		}
	}
}

// covers reports whether path is below watched. Special paths are below nothing but, as in xenstored, the root.
func covers(watched, path string) bool {
	return watched == "/" || strings.HasPrefix(path, watched+"/")
}

func (c *conn) sendEvent(w watch, path string) {
	if w.trim != "" {
		path = strings.TrimPrefix(strings.TrimPrefix(path, w.trim), "/")
	}
	c.enqueue(wire.Header{Type: wire.TypeWatchEvent}, path, "\x00", w.token, "\x00")
}

func (r *call) watch() error {
	if len(r.args) != 2 {
		return syscall.EINVAL
	}
	w := watch{path: r.absolute(r.args[0]), token: r.args[1]}
	switch {
	case strings.HasPrefix(w.path, "@"):
		if len(w.path) > wire.MaxRelativePath {
			return syscall.EINVAL
		}
	case checkNode(w.path) != nil:
		return syscall.EINVAL
	case !strings.HasPrefix(r.args[0], "/"):
		w.trim = r.server.home
	}
	if r.find(w.path, w.token) >= 0 {
		return syscall.EEXIST
	}
	r.conn.watches = append(r.conn.watches, w)
	r.acknowledge()
	r.conn.sendEvent(w, w.path) // the first event comes without a change
	return nil
}

func (r *call) unwatch() error {
	if len(r.args) != 2 {
		return syscall.EINVAL
	}
	i := r.find(r.absolute(r.args[0]), r.args[1])
	if i < 0 {
		return syscall.ENOENT
	}
	r.conn.watches = slices.Delete(r.conn.watches, i, i+1)
	r.acknowledge()
	return nil
}

// find is the position of the connection's watch, or -1.
func (r *call) find(path, token string) int {
	return slices.IndexFunc(r.conn.watches, func(w watch) bool { return w.path == path && w.token == token })
}
