package lab

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"time"

	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

// The first echoes may be lost while interfaces settle, so there are some, pingEvery apart. They are counted, rather
// than given a time, because a busy machine may take most of any time for itself.
const (
	pingTries = 60
	pingEvery = 50 * time.Millisecond
)

// Ping sends ICMP echo requests from the machine until one is answered, and returns how long that one took.
func (m *Machine) Ping(ctx context.Context, to netip.Addr) (time.Duration, error) {
	p, err := m.newPinger(to)
	if err != nil {
		return 0, err
	}
	defer func() { _ = p.conn.Close() }()
	for sent := 1; ; sent++ {
		took, err := p.echo(sent)
		switch {
		case err == nil:
			return took, nil
		case ctx.Err() == nil && sent < pingTries:
		case errors.Is(err, os.ErrDeadlineExceeded):
			return 0, fmt.Errorf("no answer to %d echo requests", sent)
		default:
			return 0, fmt.Errorf("%d echo requests: %w", sent, err)
		}
	}
}

type pinger struct {
	conn           *icmp.PacketConn
	to             netip.Addr
	id             int
	request, reply icmp.Type
	protocol       int
}

func (m *Machine) newPinger(to netip.Addr) (*pinger, error) {
	p := &pinger{to: to, id: rand.IntN(1 << 16), request: ipv4.ICMPTypeEcho, reply: ipv4.ICMPTypeEchoReply, protocol: 1}
	network, any := "ip4:icmp", "0.0.0.0"
	if to.Is6() {
		p.request, p.reply, p.protocol = ipv6.ICMPTypeEchoRequest, ipv6.ICMPTypeEchoReply, 58
		network, any = "ip6:ipv6-icmp", "::"
	}
	err := m.Do(func() (err error) {
		p.conn, err = icmp.ListenPacket(network, any)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("%s: open a raw socket: %w", m.Name, err)
	}
	return p, nil
}

// echo sends one request and waits for its answer until the next is due.
func (p *pinger) echo(seq int) (time.Duration, error) {
	began := time.Now()
	due := began.Add(pingEvery)
	data := binary.BigEndian.AppendUint64(nil, uint64(began.UnixNano()))
	message := icmp.Message{Type: p.request, Body: &icmp.Echo{ID: p.id, Seq: seq, Data: data}}
	// The kernel computes ICMPv6's checksum, which needs the addresses.
	packet, err := message.Marshal(nil)
	if err != nil {
		return 0, err
	}
	if err := p.conn.SetDeadline(due); err != nil {
		return 0, err
	}
	if _, err := p.conn.WriteTo(packet, &net.IPAddr{IP: p.to.AsSlice()}); err != nil {
		time.Sleep(time.Until(due))
		return 0, err
	}
	buffer := make([]byte, 1500)
	for {
		n, from, err := p.conn.ReadFrom(buffer)
		if err != nil {
			return 0, err
		}
		if p.answers(buffer[:n], from, seq) {
			return time.Since(began), nil
		}
	}
}

// answers reports whether a packet is the answer to our request: a raw socket sees all ICMP there is.
func (p *pinger) answers(packet []byte, from net.Addr, seq int) bool {
	sender, ok := from.(*net.IPAddr)
	if !ok || !sender.IP.Equal(p.to.AsSlice()) {
		return false
	}
	message, err := icmp.ParseMessage(p.protocol, packet)
	if err != nil || message.Type != p.reply {
		return false
	}
	echo, ok := message.Body.(*icmp.Echo)
	return ok && echo.ID == p.id && echo.Seq == seq
}
