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
)

// Types of ICMP and ICMPv6 messages (RFC 792, RFC 4443). These few lines are no library's, because the program that holds
// the lab is the hook, too, and every call of that would pay for preparing a library's tables.
const (
	echoRequest, echoReply   = 8, 0
	echoRequest6, echoReply6 = 128, 129
	// echoHeader is type, code, checksum, id and sequence number.
	echoHeader = 8
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
	conn           net.PacketConn
	to             netip.Addr
	id             uint16
	request, reply byte
}

func (m *Machine) newPinger(to netip.Addr) (*pinger, error) {
	p := &pinger{to: to, id: uint16(rand.N(1 << 16)), request: echoRequest, reply: echoReply}
	network, any := "ip4:icmp", "0.0.0.0"
	if to.Is6() {
		p.request, p.reply = echoRequest6, echoReply6
		network, any = "ip6:ipv6-icmp", "::"
	}
	err := m.Do(func() (err error) {
		p.conn, err = net.ListenPacket(network, any)
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
	packet := make([]byte, echoHeader, echoHeader+8)
	packet[0] = p.request
	binary.BigEndian.PutUint16(packet[4:], p.id)
	binary.BigEndian.PutUint16(packet[6:], uint16(seq))
	packet = binary.BigEndian.AppendUint64(packet, uint64(began.UnixNano()))
	if p.to.Is4() { // ICMPv6's, which needs the addresses, is the kernel's to compute
		binary.BigEndian.PutUint16(packet[2:], checksum(packet))
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
	return len(packet) >= echoHeader && packet[0] == p.reply &&
		binary.BigEndian.Uint16(packet[4:]) == p.id && binary.BigEndian.Uint16(packet[6:]) == uint16(seq)
}

// checksum is the Internet's (RFC 1071) of an even number of bytes.
func checksum(packet []byte) uint16 {
	var sum uint32
	for i := 0; i < len(packet); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(packet[i:]))
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}
