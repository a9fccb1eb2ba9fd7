package stories

import (
	"fmt"
	"io"
	"net"
	"time"

	"vifctl/tests/dom0"
	"vifctl/tests/speed"
)

// silence is how long `! tcp` and `! connection works` wait for what is not to come.
const silence = 3 * time.Second

// tcp is `tcp FROM TO ADDRESS`: half a megabyte goes over one connection, for which a ping's few bytes are no proof.
func (t *telling) tcp(args []string) {
	if len(args) != 3 {
		t.ts.Fatalf("usage: tcp FROM TO ADDRESS")
	}
	t.dom0.Settle()
	patience := speed.Patience
	if t.neg {
		patience = silence
	}
	took, err := transfer(t.place(args[0]), t.place(args[1]), args[2], patience, 1<<19)
	switch {
	case err != nil && !t.neg:
		t.ts.Fatalf("%v", err)
	case err == nil && t.neg:
		t.ts.Fatalf("it arrived, which it should not")
	}
	t.ts.Logf("[%s]", took)
}

// transfer sends so many bytes from one place to an address of another, and tells how long they took to arrive.
func transfer(from, to *dom0.Namespace, address string, patience time.Duration, bytes int) (time.Duration, error) {
	var listener net.Listener
	// A socket is of the namespace of the thread that makes it.
	err := to.Do(func() (err error) {
		listener, err = net.Listen("tcp", net.JoinHostPort(address, "0"))
		return err
	})
	if err != nil {
		return 0, err
	}
	defer listener.Close()
	type outcome struct {
		got int64
		err error
	}
	received := make(chan outcome, 1)
	go func() {
		c, err := listener.Accept()
		if err != nil {
			received <- outcome{err: err}
			return
		}
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(patience))
		n, err := io.Copy(io.Discard, c)
		received <- outcome{n, err}
	}()
	var c net.Conn
	err = from.Do(func() (err error) {
		c, err = net.DialTimeout("tcp", listener.Addr().String(), patience)
		return err
	})
	if err != nil {
		listener.Close()
		<-received
		return 0, err
	}
	began := time.Now()
	_ = c.SetDeadline(began.Add(patience))
	_, err = c.Write(make([]byte, bytes))
	c.Close()
	got := <-received
	if err == nil {
		err = got.err
	}
	if err == nil && got.got != int64(bytes) {
		err = fmt.Errorf("%d of %d bytes arrived", got.got, bytes)
	}
	return time.Since(began), err
}

// udp is `udp FROM TO ADDRESS`: datagrams are sent as fast as they can be taken in, and it prints how many of them arrive.
func (t *telling) udp(args []string) {
	if len(args) != 3 {
		t.ts.Fatalf("usage: udp FROM TO ADDRESS")
	}
	t.dom0.Settle()
	arrived, _, err := t.place(args[0]).Flood(t.place(args[1]), args[2])
	t.ts.Check(err)
	fmt.Fprintf(t.ts.Stdout(), "%d of %d\n", arrived, dom0.Datagrams)
}
