package embedded

import (
	"errors"
	"strconv"
	"strings"
	"syscall"

	"vifctl/hooks/xenstore/internal/wire"
)

// call is one request being handled.
type call struct {
	server  *Server
	conn    *conn
	header  wire.Header
	payload string
	// args is the payload as the strings most requests are made of.
	args []string
	// store is the tree or, inside a transaction, its view; tx is nil outside one.
	store store
	tx    *transaction
}

// handlers are the requests that are understood; any other is ENOSYS.
var handlers = map[wire.Type]func(*call) error{
	wire.TypeDirectory:          (*call).directory,
	wire.TypeDirectoryPart:      (*call).directoryPart,
	wire.TypeRead:               (*call).read,
	wire.TypeWrite:              (*call).write,
	wire.TypeMkdir:              (*call).mkdir,
	wire.TypeRemove:             (*call).remove,
	wire.TypeGetPerms:           (*call).getPerms,
	wire.TypeSetPerms:           (*call).setPerms,
	wire.TypeWatch:              (*call).watch,
	wire.TypeUnwatch:            (*call).unwatch,
	wire.TypeTransactionStart:   (*call).transactionStart,
	wire.TypeTransactionEnd:     (*call).transactionEnd,
	wire.TypeIntroduce:          (*call).introduce,
	wire.TypeRelease:            (*call).release,
	wire.TypeGetDomainPath:      (*call).getDomainPath,
	wire.TypeIsDomainIntroduced: (*call).isDomainIntroduced,
}

// handle answers one request.
func (s *Server) handle(c *conn, h wire.Header, payload string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := &call{server: s, conn: c, header: h, payload: payload, args: wire.Strings(payload), store: &s.tree}
	if err := r.run(); err != nil {
		errno := syscall.EINVAL
		errors.As(err, &errno)
		c.enqueue(wire.Header{Type: wire.TypeError, RequestID: h.RequestID, TxID: h.TxID}, wire.ErrorName(errno))
	}
}

func (r *call) run() error {
	handler, ok := handlers[r.header.Type]
	if !ok {
		return syscall.ENOSYS
	}
	watching := r.header.Type == wire.TypeWatch || r.header.Type == wire.TypeUnwatch
	if r.header.TxID != 0 && !watching { // xenstored ignores it there
		r.tx = r.conn.transactions[r.header.TxID]
		if r.tx == nil {
			return syscall.ENOENT
		}
		r.store = r.tx
	}
	return handler(r)
}

func (r *call) reply(parts ...string) {
	r.conn.enqueue(wire.Header{Type: r.header.Type, RequestID: r.header.RequestID, TxID: r.header.TxID}, parts...)
}

func (r *call) acknowledge() { r.reply("OK\x00") }

// changed fires the watches of a path, or keeps that for the commit.
func (r *call) changed(path string, exact bool) {
	if r.tx != nil {
		r.tx.queue(event{path, exact})
		return
	}
	r.server.fire(path, exact)
}

func (r *call) absolute(path string) string {
	if strings.HasPrefix(path, "/") || strings.HasPrefix(path, "@") {
		return path
	}
	return join(r.server.home, path)
}

// node is the path that the request's first argument names, and what is there: nil, with no error, when nothing is.
func (r *call) node() (string, *node, error) {
	if len(r.args) == 0 || !strings.Contains(r.payload, "\x00") {
		return "", nil, syscall.EINVAL
	}
	path := r.absolute(r.args[0])
	if err := checkNode(path); err != nil {
		return "", nil, err
	}
	n := r.store.get(path)
	if n == nil {
		// xenstored asks the nearest ancestor whether the caller may know so (errno_from_parents), and in a transaction
		// what was asked must not change.
		ancestor := path
		for r.store.get(ancestor) == nil { // the root is always there
			ancestor, _ = split(ancestor)
		}
	}
	return path, n, nil
}

// existing is node where nothing being there is an error.
func (r *call) existing() (string, *node, error) {
	path, n, err := r.node()
	if err == nil && n == nil {
		err = syscall.ENOENT
	}
	return path, n, err
}

func (r *call) read() error {
	_, n, err := r.existing()
	if err != nil {
		return err
	}
	r.reply(n.value)
	return nil
}

func (r *call) write() error {
	path, n, err := r.node()
	if err != nil {
		return err
	}
	_, value, _ := strings.Cut(r.payload, "\x00")
	if n == nil {
		create(r.store, path, value)
	} else {
		updated := *n
		updated.value = value
		r.store.put(path, updated)
	}
	r.changed(path, false)
	r.acknowledge()
	return nil
}

func (r *call) mkdir() error {
	path, n, err := r.node()
	if err != nil {
		return err
	}
	if n == nil {
		create(r.store, path, "")
		r.changed(path, false)
	}
	r.acknowledge()
	return nil
}

func (r *call) remove() error {
	path, n, err := r.node()
	switch {
	case err != nil:
		return err
	case path == "/":
		return syscall.EINVAL
	case n == nil:
		if parent, _ := split(path); r.store.get(parent) == nil {
			return syscall.ENOENT
		}
	default:
		for _, deleted := range remove(r.store, path) {
			r.changed(deleted, deleted != path)
		}
	}
	r.acknowledge()
	return nil
}

func (r *call) getPerms() error {
	_, n, err := r.existing()
	if err != nil {
		return err
	}
	r.reply(strings.Join(n.perms, "\x00"), "\x00")
	return nil
}

// isPermission reports whether s is a letter and a domid, as in n0.
func isPermission(s string) bool {
	if len(s) < 2 || len(s) > 6 || !strings.ContainsRune("nrwb", rune(s[0])) {
		return false
	}
	return strings.Trim(s[1:], "0123456789") == ""
}

func (r *call) setPerms() error {
	if len(r.args) < 2 {
		return syscall.EINVAL
	}
	for _, p := range r.args[1:] {
		if !isPermission(p) {
			return syscall.EINVAL
		}
	}
	if r.args[0] == wire.IntroduceDomain || r.args[0] == wire.ReleaseDomain { // accepted, not kept: no request reads them
		r.acknowledge()
		return nil
	}
	path, n, err := r.existing()
	if err != nil {
		return err
	}
	updated := *n
	updated.perms = r.args[1:]
	r.store.put(path, updated)
	r.changed(path, false)
	r.acknowledge()
	return nil
}

func (r *call) transactionStart() error {
	if r.tx != nil {
		return syscall.EBUSY
	}
	r.conn.lastTx++
	r.conn.transactions[r.conn.lastTx] = newTransaction(&r.server.tree)
	r.reply(strconv.FormatUint(uint64(r.conn.lastTx), 10), "\x00")
	return nil
}

func (r *call) transactionEnd() error {
	if len(r.args) != 1 || r.args[0] != "T" && r.args[0] != "F" {
		return syscall.EINVAL
	}
	if r.tx == nil {
		return syscall.ENOENT
	}
	delete(r.conn.transactions, r.header.TxID)
	if r.args[0] == "T" {
		events, ok := r.tx.commit()
		if !ok {
			return syscall.EAGAIN
		}
		for _, e := range events {
			r.server.fire(e.path, e.exact)
		}
	}
	r.acknowledge()
	return nil
}
