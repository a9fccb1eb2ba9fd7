package firewall

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/google/nftables"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// NFTables is the firewall of a kernel that has nf_tables, in the network
// namespace it was opened in. It may be used by several goroutines.
type NFTables struct {
	options Options

	mu     sync.Mutex
	batch  *nftables.Conn
	socket *netlink.Conn // the one that batch sends through
	room   []byte        // for answers; made when the first is read
}

// buffer is the room, in bytes, for what goes to the kernel and for its
// answers: with the default a batch of a thousand messages is committed and
// yet answered with ENOBUFS.
const buffer = 16 << 20

// answerTimeout bounds a change or a question that the caller sets no deadline. On
// a host with too much to do the kernel takes seconds for one.
const answerTimeout = 5 * time.Second

// OpenNFTables opens a socket. It asks the kernel nothing.
func OpenNFTables(o Options) (*NFTables, error) {
	if o.Mark == 0 {
		o.Mark = DefaultMark
	}
	n := &NFTables{options: o}
	prepare := func(c *netlink.Conn) error {
		n.socket = c
		// In a user namespace the kernel's limit stays: less room is no failure.
		_ = c.SetReadBuffer(buffer)
		_ = c.SetWriteBuffer(buffer)
		return nil
	}
	var err error
	n.batch, err = nftables.New(nftables.AsLasting(), nftables.WithSockOptions(prepare))
	if err != nil {
		return nil, fmt.Errorf("open a socket to nf_tables: %w", err)
	}
	return n, nil
}

// Close frees the socket. After elements have been removed the kernel lets a
// process neither close one nor exit before all processors have seen it: 8 to 14 ms.
func (n *NFTables) Close() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.batch.CloseLasting()
}

// hold locks the socket for one change or question.
func (n *NFTables) hold(ctx context.Context) (release func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	wait := answerTimeout
	if d, ok := ctx.Deadline(); ok {
		wait = time.Until(d)
	}
	return n.holdFor(wait)
}

func (n *NFTables) holdFor(wait time.Duration) (release func(), err error) {
	n.mu.Lock()
	deadline := time.Now().Add(wait)
	if err := n.socket.SetDeadline(deadline); err != nil {
		n.mu.Unlock()
		return nil, err
	}
	return n.mu.Unlock, nil
}

// drain throws away answers that are no longer waited for, so that they are
// not taken for the next question's. They are all there: the kernel answers
// before it returns from being asked.
func (n *NFTables) drain() {
	socket, err := n.socket.SyscallConn()
	if err != nil {
		return
	}
	_ = n.socket.SetDeadline(time.Now().Add(answerTimeout))
	_ = socket.Read(func(fd uintptr) (done bool) {
		var room [4096]byte
		for {
			_, err := unix.Read(int(fd), room[:])
			if err != nil && !errors.Is(err, unix.EINTR) && !errors.Is(err, unix.ENOBUFS) {
				return true
			}
		}
	})
}

// Supported reports whether the kernel has nf_tables.
func (n *NFTables) Supported() (bool, error) {
	release, err := n.holdFor(answerTimeout)
	if err != nil {
		return false, err
	}
	defer release()
	ask, err := question(0, unix.NFT_MSG_GETGEN, 0, func(*netlink.AttributeEncoder) {})
	if err != nil {
		return false, err
	}
	_, err = n.socket.Execute(ask)
	switch {
	case err == nil:
		return true, nil
	case lacksNFTables(err):
		return false, nil
	}
	n.drain()
	return false, fmt.Errorf("ask the kernel for nf_tables: %w", err)
}

// lacksNFTables: it is what a kernel without nf_tables answers.
func lacksNFTables(err error) bool {
	return slices.ContainsFunc([]error{unix.EPROTONOSUPPORT, unix.EOPNOTSUPP, unix.EINVAL, unix.ENOENT},
		func(e error) bool { return errors.Is(err, e) })
}
