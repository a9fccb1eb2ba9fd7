package dom0

import (
	"fmt"
	"io"
	"net"
	"time"

	"vifctl/tests/speed"
)

// connection is `connection open FROM TO ADDRESS:PORT LISTEN`: one that goes on while the story does; and `connection works`:
// a word goes there and comes back.
func (t *telling) connection(args []string) {
	switch {
	case len(args) == 5 && args[0] == "open" && !t.neg:
		c, err := converse(t, args[1], args[2], args[3], args[4])
		t.ts.Check(err)
		t.story.connected = c
	case len(args) == 1 && args[0] == "works" && t.story.connected != nil:
		patience := speed.Patience
		if t.neg {
			patience = silence
		}
		if err := echoed(t.story.connected, patience); err != nil && !t.neg {
			t.ts.Fatalf("%v", err)
		} else if err == nil && t.neg {
			t.ts.Fatalf("it works, which it should not")
		}
	default:
		t.ts.Fatalf("usage: connection open FROM TO ADDRESS:PORT LISTEN | connection works")
	}
}

// converse opens a connection to somebody who says back what he is told.
func converse(t *telling, from, to, address, listen string) (net.Conn, error) {
	t.dom0.Settle()
	var listener net.Listener
	// A socket is of the namespace of the thread that makes it.
	if err := t.place(to).Do(func() (err error) {
		listener, err = net.Listen("tcp", listen)
		return err
	}); err != nil {
		return nil, err
	}
	t.ts.Defer(func() { _ = listener.Close() })
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			go func() { _, _ = io.Copy(c, c); _ = c.Close() }()
		}
	}()
	var c net.Conn
	if err := t.place(from).Do(func() (err error) {
		c, err = net.DialTimeout("tcp", address, speed.Patience)
		return err
	}); err != nil {
		return nil, err
	}
	t.ts.Defer(func() { _ = c.Close() })
	return c, nil
}

// echoed sends a word and waits for it to come back.
func echoed(c net.Conn, patience time.Duration) error {
	_ = c.SetDeadline(time.Now().Add(patience))
	if _, err := c.Write([]byte("word")); err != nil {
		return err
	}
	back := make([]byte, 4)
	if _, err := io.ReadFull(c, back); err != nil {
		return fmt.Errorf("no word comes back: %w", err)
	}
	return nil
}
