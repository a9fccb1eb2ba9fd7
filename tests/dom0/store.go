package dom0

import (
	"os"
	"path/filepath"
	"testing"

	"vifctl/hooks/xenstore/embedded"
	"vifctl/tests/realxenstore"
)

// A Store starts a xenstored and returns its socket, and what stops it.
type Store func() (socket string, stop func(), err error)

// RealStore is Debian's own C xenstored, ended with the test.
func RealStore(t testing.TB) Store {
	return func() (string, func(), error) { return realxenstore.Start(t), func() {}, nil }
}

// EmbeddedStore is a daemon in this process, written in Go.
func EmbeddedStore() (string, func(), error) {
	dir, err := os.MkdirTemp("", "dom0")
	if err != nil {
		return "", nil, err
	}
	socket := filepath.Join(dir, "socket")
	server, err := embedded.Start(socket)
	if err != nil {
		_ = os.RemoveAll(dir)
		return "", nil, err
	}
	return socket, func() {
		_ = server.Close()
		_ = os.RemoveAll(dir)
	}, nil
}
