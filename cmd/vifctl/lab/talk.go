package lab

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// servicePort is where machines answer, by TCP, and listen, by UDP: the remote desktop's, which a Windows guest has.
const servicePort = 3389

// A first packet may be lost while interfaces settle, and TCP repeats it only after a second, so there are some tries.
const (
	talkTries    = 15
	talkPatience = 200 * time.Millisecond
)

// serve answers whoever connects to the machine, until it is closed: with its name and with the caller's address as the
// machine sees it.
func (m *Machine) serve() error {
	var listener net.Listener
	err := m.Do(func() (err error) {
		listener, err = net.Listen("tcp4", fmt.Sprintf(":%d", servicePort))
		if err == nil {
			m.services = append(m.services, listener)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("%s: serve port %d: %w", m.Name, servicePort, err)
	}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_ = conn.SetDeadline(time.Now().Add(talkPatience))
			_, _ = fmt.Fprintf(conn, "%s %s\n", m.Name, addressOf(conn.RemoteAddr()))
			_ = conn.Close()
		}
	}()
	return nil
}

// answer is what a served machine says: who it is, and which address it was called from.
type answer struct {
	name string
	seen netip.Addr
}

// connection is a TCP connection to be made. From is one of the caller's addresses, or the zero Addr for its kernel's choice.
type connection struct{ from, to netip.Addr }

// connect makes a connection from the machine, and returns the answer and how long it took. A refusal is final.
func (m *Machine) connect(ctx context.Context, c connection) (answer, time.Duration, error) {
	for tried := 1; ; tried++ {
		began := time.Now()
		got, err := m.connectOnce(c)
		if err == nil || tried == talkTries || ctx.Err() != nil || errors.Is(err, unix.ECONNREFUSED) {
			return got, time.Since(began), err
		}
		time.Sleep(time.Until(began.Add(pingEvery)))
	}
}

func (m *Machine) connectOnce(c connection) (answer, error) {
	var conn net.Conn
	err := m.Do(func() (err error) {
		d := net.Dialer{Timeout: talkPatience}
		if c.from.IsValid() {
			d.LocalAddr = net.TCPAddrFromAddrPort(netip.AddrPortFrom(c.from, 0))
		}
		conn, err = d.Dial("tcp4", netip.AddrPortFrom(c.to, servicePort).String())
		return err
	})
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(talkPatience)); err != nil {
		return answer{}, err
	}
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil {
		return answer{}, fmt.Errorf("connected to %s, and no answer: %w", c.to, err)
	}
	name, seen, _ := strings.Cut(strings.TrimSpace(line), " ")
	got := answer{name: name}
	got.seen, err = netip.ParseAddr(seen)
	return got, err
}

// word is a datagram: what it says, and by which addresses it goes.
type word struct {
	text     string
	from, to netip.Addr
}

// hearsOnly lets the machine send two words to another one, the unheard before the other one, which arrives. That it
// does shows that there is a way, so no time has to pass to know that the unheard one was lost; hearing it is the error.
func (m *Machine) hearsOnly(ctx context.Context, listener *Machine, unheard, heard word) error {
	ear, err := listener.datagrams(netip.AddrPortFrom(netip.IPv4Unspecified(), servicePort))
	if err != nil {
		return err
	}
	defer func() { _ = ear.Close() }()
	// The first word alone, or the unheard one would be who asks for the way's hardware addresses, in vain.
	for _, words := range [][]word{{heard}, {unheard, heard}} {
		arrived, err := m.sayUntilHeard(ctx, ear, words)
		if err != nil {
			return fmt.Errorf("%s: %w", listener.Name, err)
		}
		if strings.Contains(arrived, unheard.text) {
			return fmt.Errorf("%s heard %q", listener.Name, unheard.text)
		}
	}
	return nil
}

// sayUntilHeard says words time and again until the last of them arrives, and returns all that did.
func (m *Machine) sayUntilHeard(ctx context.Context, ear *net.UDPConn, words []word) (string, error) {
	last := words[len(words)-1].text
	heard := ""
	for range talkTries {
		for _, w := range words {
			if err := m.say(w); err != nil {
				return "", err
			}
		}
		arrived, err := listen(ear, last)
		heard += arrived
		if err == nil || ctx.Err() != nil {
			return heard, err
		}
	}
	return heard, fmt.Errorf("nothing arrived, not even %q", last)
}

// listen returns all that arrives, to a moment after the wanted text: what was sent before may still come.
func listen(ear *net.UDPConn, wanted string) (arrived string, err error) {
	const moment = 5 * time.Millisecond
	deadline := time.Now().Add(talkPatience)
	found := false
	for buffer := make([]byte, 1500); ; {
		if err := ear.SetReadDeadline(deadline); err != nil {
			return arrived, err
		}
		n, err := ear.Read(buffer)
		if err != nil && found {
			return arrived, nil
		}
		if err != nil {
			return arrived, err
		}
		arrived += string(buffer[:n]) + "\n"
		if !found && string(buffer[:n]) == wanted {
			found, deadline = true, time.Now().Add(moment)
		}
	}
}

func (m *Machine) say(w word) error {
	socket, err := m.datagrams(netip.AddrPortFrom(w.from, 0))
	if err != nil {
		return err
	}
	defer func() { _ = socket.Close() }()
	_, err = socket.WriteToUDPAddrPort([]byte(w.text), netip.AddrPortFrom(w.to, servicePort))
	if err != nil {
		return fmt.Errorf("%s: say %q to %s: %w", m.Name, w.text, w.to, err)
	}
	return nil
}

// datagrams opens a UDP socket of the machine.
func (m *Machine) datagrams(from netip.AddrPort) (*net.UDPConn, error) {
	var socket *net.UDPConn
	err := m.Do(func() (err error) {
		if socket, err = net.ListenUDP("udp4", net.UDPAddrFromAddrPort(from)); err != nil {
			return err
		}
		return noChecksum(socket)
	})
	if err != nil {
		return nil, fmt.Errorf("%s: open a UDP socket: %w", m.Name, err)
	}
	return socket, nil
}

// noChecksum leaves the datagrams' checksums out: the kernel would leave them to a network card, which a cable of ours has
// none of, and Open vSwitch's own datapath hands on what is not there.
func noChecksum(socket *net.UDPConn) error {
	raw, err := socket.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(fd uintptr) { failed = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_NO_CHECK, 1) })
	return errors.Join(err, failed)
}

// addressOf is the address without the port.
func addressOf(a net.Addr) netip.Addr {
	ap, err := netip.ParseAddrPort(a.String())
	if err != nil {
		return netip.Addr{}
	}
	return ap.Addr().Unmap()
}
