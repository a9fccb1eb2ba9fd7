package dom0

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"vifctl/tests/speed"
)

// Ping has the ping program ask an address, once, and again until there is an answer or no patience left.
func (n *Namespace) Ping(to string, patience time.Duration) Result {
	for end := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		r := n.Run("ping", "-n", "-q", "-c", "1", "-W", "1", to)
		if r.Exit == 0 || time.Now().After(end) {
			return r
		}
	}
}

// Answer serves TCP at an address and a port (":3389" is all addresses) until it is closed. To each line it says the
// namespace's name, the caller's address as it is seen here, and the line.
func (n *Namespace) Answer(at string) (io.Closer, error) {
	var listener net.Listener
	// A socket is of the namespace of the thread that makes it.
	err := n.Do(func() (err error) {
		listener, err = net.Listen("tcp", at)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", n.Name, err)
	}
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				caller, _ := netip.ParseAddrPort(c.RemoteAddr().String())
				for lines := bufio.NewScanner(c); lines.Scan(); {
					fmt.Fprintln(c, n.Name, caller.Addr().Unmap(), lines.Text())
				}
			}()
		}
	}()
	return listener, nil
}

// Dial opens a TCP connection to an address and a port, from one of the namespace's addresses or, with "", from the one that
// the kernel picks.
func (n *Namespace) Dial(from, to string) (net.Conn, error) {
	d := net.Dialer{Timeout: speed.Patience}
	if from != "" {
		d.LocalAddr = &net.TCPAddr{IP: net.ParseIP(from)}
	}
	var c net.Conn
	err := n.Do(func() (err error) {
		c, err = d.Dial("tcp", to)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", n.Name, err)
	}
	return c, nil
}

// Ask says a line over a connection to one who answers (Answer), and returns the name and the caller's address in the answer.
func Ask(c net.Conn, patience time.Duration) (name, seen string, err error) {
	const line = "word"
	_ = c.SetDeadline(time.Now().Add(patience))
	if _, err := fmt.Fprintln(c, line); err != nil {
		return "", "", err
	}
	answer, err := bufio.NewReader(c).ReadString('\n')
	words := strings.Fields(answer)
	if err != nil || len(words) != 3 || words[2] != line {
		return "", "", fmt.Errorf("the answer is %q: %w", answer, errors.Join(err, io.ErrUnexpectedEOF))
	}
	return words[0], words[1], nil
}

// Datagrams is how many of them Flood sends, DatagramSize the bytes in each.
const (
	Datagrams    = 600
	DatagramSize = 1000
)

// Flood sends datagrams to an address of another namespace as fast as that can take them in. It returns how many arrived, and
// how long the sending took.
func (n *Namespace) Flood(to *Namespace, address string) (arrived int, took time.Duration, err error) {
	var ear *net.UDPConn
	err = to.Do(func() (err error) {
		ear, err = net.ListenUDP("udp", &net.UDPAddr{IP: net.ParseIP(address)})
		return err
	})
	if err != nil {
		return 0, 0, fmt.Errorf("%s: %w", to.Name, err)
	}
	defer func() { _ = ear.Close() }()
	var mouth net.Conn
	err = n.Do(func() (err error) {
		mouth, err = net.Dial("udp", ear.LocalAddr().String())
		return err
	})
	if err != nil {
		return 0, 0, fmt.Errorf("%s: %w", n.Name, err)
	}
	defer mouth.Close()
	// Room for all of them, where that is allowed: then none is lost because the machine is busy and the ear comes late.
	waiting := func() int { return 0 }
	if raw, rawErr := ear.SyscallConn(); rawErr == nil {
		_ = raw.Control(func(fd uintptr) {
			_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, Datagrams*8<<10)
		})
		waiting = func() (bytes int) {
			_ = raw.Control(func(fd uintptr) { bytes, _ = unix.IoctlGetInt(int(fd), unix.TIOCINQ) })
			return bytes
		}
	}
	var heard atomic.Int64
	ended := make(chan struct{})
	_ = ear.SetReadDeadline(time.Now().Add(speed.Patience))
	go func() {
		defer close(ended)
		for room := make([]byte, 2*DatagramSize); ; heard.Add(1) {
			if _, err := ear.Read(room); err != nil {
				return
			}
		}
	}()
	began := time.Now()
	for i := range Datagrams {
		_, e := mouth.Write(make([]byte, DatagramSize))
		err = errors.Join(err, e)
		// An ordinary user's socket holds no more than some hundred of them.
		if i%50 == 49 {
			time.Sleep(time.Millisecond)
		}
	}
	took = time.Since(began)
	// It is over when nothing has come for a while and nothing waits to be read.
	const silence = 200 * time.Millisecond
	for over := false; !over; {
		before := heard.Load()
		select {
		case <-ended:
			over = true
		case <-time.After(silence):
			over = before == heard.Load() && waiting() == 0
		}
	}
	_ = ear.SetReadDeadline(time.Now())
	<-ended
	return int(heard.Load()), took, err
}
