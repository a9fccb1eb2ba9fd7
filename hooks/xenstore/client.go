// Package xenstore talks to Xen's store: read, write, list, transactions, watches.
//
// A Client is one connection, safe for concurrent use. It trusts nothing it is sent: a frame that breaks the protocol
// ends the connection with an error, it never panics, hangs, or hands one caller another caller's answer. Every call
// ends when its context does, and with ErrClosed as soon as the daemon is gone. The package never retries what may have
// been done, never reconnects, and starts no daemon; package embedded is one, for labs and tests.
//
// Relative paths are the daemon's to resolve: below /local/domain/<domid> of the domain this process runs in.
package xenstore

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"strconv"
	"sync"
	"time"

	"vifctl/hooks/xenstore/internal/wire"
)

// maxDomid is the last domid a domain can have: the next is DOMID_FIRST_RESERVED in xen/include/public/xen.h.
const maxDomid = 0x7ff0 - 1

// Client is a connection to xenstored.
type Client struct {
	file *os.File
	// device says that the connection is the kernel's xenbus device; see send and inTurn for what that changes.
	device bool
	in     *bufio.Reader
	// writing and reading are held, by a value in them, while frames are written or read; channels because waiting for
	// them must end with a context.
	writing, reading chan struct{}
	// patience is how long an answer may take, 0 for as long as the caller's context.
	patience time.Duration
	// turn is held in the same way from a request to its answer, where one has to wait for the other.
	turn chan struct{}
	// listening is the goroutine that reads once there is a watch; see listen.
	listening sync.WaitGroup
	listens   sync.Once

	mu sync.Mutex
	// err is set once, when the connection ends, and wraps ErrClosed.
	err error
	// lastID is the last request id given out; it also names watches.
	lastID  uint32
	pending map[uint32]slot
	// watches are by token. A token outside it belongs to a watch that was closed while an event was on its way.
	watches map[string]*Watch
}

func newClient(f *os.File, device bool) *Client {
	return &Client{
		file:    f,
		device:  device,
		in:      bufio.NewReaderSize(f, wire.HeaderSize+wire.MaxPayload),
		writing: make(chan struct{}, 1),
		reading: make(chan struct{}, 1),
		turn:    make(chan struct{}, 1),
		pending: make(map[uint32]slot),
	}
}

// BePatient bounds how long each answer may take: a daemon that takes longer hangs, and the connection is ended, so that who
// asks next need not wait as well. It is to be called before anything is asked.
func (c *Client) BePatient(limit time.Duration) { c.patience = limit }

// Close ends the connection: pending and later calls get ErrClosed, every watch's channel is closed, and nothing of the
// client is left running when it returns. Closing twice is no error.
func (c *Client) Close() error {
	_ = c.fail(ErrClosed)
	c.listening.Wait()
	return nil
}

// Transaction number 0 is "no transaction": outside one, the same requests go through it.
func (c *Client) none() *Tx { return &Tx{client: c} }

// Read returns the value at path. An empty value and no value are different: the second is ErrNotExist.
func (c *Client) Read(ctx context.Context, path string) (string, error) {
	return c.none().Read(ctx, path)
}

// ReadAll returns the values at paths, by path as given, for the price of one round trip. A path that does not exist is
// absent from the map; any other error is returned. The values are not one snapshot: for that, call it on a Tx.
func (c *Client) ReadAll(ctx context.Context, paths ...string) (map[string]string, error) {
	return c.none().ReadAll(ctx, paths...)
}

// Write sets the value at path, creating the path and its parents. A value is any bytes; with its path and one byte
// between them it has to fit in 4096 bytes (4080 over the xenbus device).
func (c *Client) Write(ctx context.Context, path, value string) error {
	return c.none().Write(ctx, path, value)
}

// Mkdir creates path and its parents, with an empty value. What is already there stays as it is.
func (c *Client) Mkdir(ctx context.Context, path string) error {
	return c.none().Mkdir(ctx, path)
}

// Remove deletes path and everything below it. Removing what is not there is no error.
func (c *Client) Remove(ctx context.Context, path string) error {
	return c.none().Remove(ctx, path)
}

// List returns the names of path's children, in the daemon's order. Any number of them is fine: a list too long for one
// answer is fetched in parts, and begun again when it changes meanwhile.
func (c *Client) List(ctx context.Context, path string) ([]string, error) {
	return c.none().List(ctx, path)
}

// Permissions returns who may do what with path; see Permission for how to read the list.
func (c *Client) Permissions(ctx context.Context, path string) ([]Permission, error) {
	return c.none().Permissions(ctx, path)
}

// SetPermissions replaces the permissions of path. The first entry names the owner.
func (c *Client) SetPermissions(ctx context.Context, path string, permissions ...Permission) error {
	return c.none().SetPermissions(ctx, path, permissions...)
}

// DomainPath returns a domain's home, such as /local/domain/7. The domain need not exist.
func (c *Client) DomainPath(ctx context.Context, domid int) (string, error) {
	if domid < 0 || domid > maxDomid {
		return "", fmt.Errorf("xenstore: home of domain %d: a domid is 0 to %d", domid, maxDomid)
	}
	home, err := c.one(ctx, 0, wire.TypeGetDomainPath, strconv.Itoa(domid), "\x00")
	if err != nil {
		return "", fmt.Errorf("xenstore: home of domain %d: %w", domid, err)
	}
	if names := wire.Strings(home); len(names) == 1 {
		return names[0], nil
	}
	return "", fmt.Errorf("xenstore: home of domain %d: xenstored answered %.60q, which is no path", domid, home)
}
