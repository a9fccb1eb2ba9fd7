package stories

import (
	"net"

	"vifctl/tests/dom0"
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
		if _, _, err := dom0.Ask(t.story.connected, patience); err != nil && !t.neg {
			t.ts.Fatalf("%v", err)
		} else if err == nil && t.neg {
			t.ts.Fatalf("it works, which it should not")
		}
	default:
		t.ts.Fatalf("usage: connection open FROM TO ADDRESS:PORT LISTEN | connection works")
	}
}

// converse opens a connection to a service that answers.
func converse(t *telling, from, to, address, listen string) (net.Conn, error) {
	t.dom0.Settle()
	service, err := t.place(to).Answer(listen)
	if err != nil {
		return nil, err
	}
	t.ts.Defer(func() { _ = service.Close() })
	c, err := t.place(from).Dial("", address)
	if err != nil {
		return nil, err
	}
	t.ts.Defer(func() { _ = c.Close() })
	return c, nil
}
