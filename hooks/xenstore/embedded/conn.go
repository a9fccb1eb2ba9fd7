package embedded

import (
	"bufio"
	"net"
	"slices"
	"sync"

	"vifctl/hooks/xenstore/internal/wire"
)

// maxQueued bounds what waits for a client that does not read, in bytes. Such a client is cut off: it is a test's mistake,
// and everything that waits is in memory.
const maxQueued = 16 << 20

// conn is one client. Its watches and transactions belong to Server.mu, its queue to its own mutex, so that a client
// that does not read does not hold up the others.
type conn struct {
	server *Server
	socket *net.UnixConn

	watches      []watch
	transactions map[uint32]*transaction
	lastTx       uint32

	mu      sync.Mutex
	filled  *sync.Cond
	queue   []byte
	closing bool
}

func newConn(s *Server, socket *net.UnixConn) *conn {
	c := &conn{server: s, socket: socket, transactions: map[uint32]*transaction{}}
	c.filled = sync.NewCond(&c.mu)
	return c
}

// receive handles requests until the client leaves or breaks the protocol.
func (c *conn) receive() {
	defer c.server.running.Done()
	defer c.leave()
	r := bufio.NewReader(c.socket)
	var buf [wire.MaxPayload]byte
	for {
		h, payload, err := wire.ReadFrame(r, &buf)
		if err != nil {
			return
		}
		if !c.server.hanging.Load() {
			c.server.handle(c, h, string(payload))
		}
	}
}

// leave drops what the client held.
func (c *conn) leave() {
	c.shut()
	c.server.mu.Lock()
	defer c.server.mu.Unlock()
	c.server.conns = slices.DeleteFunc(slices.Clone(c.server.conns), func(other *conn) bool { return other == c })
}

// shut ends both goroutines of the connection.
func (c *conn) shut() {
	c.mu.Lock()
	c.closing = true
	c.mu.Unlock()
	c.filled.Signal()
	_ = c.socket.Close()
}

// enqueue puts a frame into the queue, where answers and events keep their order.
func (c *conn) enqueue(h wire.Header, parts ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closing {
		return
	}
	c.queue = wire.AppendFrame(c.queue, h, parts...)
	if len(c.queue) > maxQueued {
		c.closing = true
		_ = c.socket.Close()
	}
	c.filled.Signal()
}

// transmit writes the queue out.
func (c *conn) transmit() {
	defer c.server.running.Done()
	var out []byte
	for {
		c.mu.Lock()
		for len(c.queue) == 0 && !c.closing {
			c.filled.Wait()
		}
		if c.closing {
			c.mu.Unlock()
			return
		}
		out, c.queue = c.queue, out[:0]
		c.mu.Unlock()
		if _, err := c.socket.Write(out); err != nil {
			return // receive notices the same and cleans up
		}
	}
}
