package lab

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// What of DHCP (RFC 2131, RFC 2132) a guest needs to lease an address. As with the ping, a library's tables would have to be
// prepared in every call of a hook, which is this same program.
const (
	dhcpServer, dhcpClient = 67, 68

	dhcpRequest, dhcpReply = 1, 2
	ethernet               = 1
	broadcastFlag          = 0x8000
	dhcpMagic              = 0x63825363
	// dhcpHeader is all in front of the options.
	dhcpHeader = 240

	optionMask, optionRouter, optionWanted, optionType, optionServer, optionAsk, optionEnd = 1, 3, 50, 53, 54, 55, 255

	dhcpDiscover, dhcpOffer, dhcpAsk, dhcpAck = 1, 2, 3, 5
)

// lease is what a guest was told.
type lease struct {
	address netip.Prefix
	router  netip.Addr
	server  netip.Addr
	took    time.Duration
}

// lease has one of the guest's NICs, which is up and has no address, ask for one.
func (g *Domain) lease(ctx context.Context, nic string) (lease, error) {
	socket, err := g.dhcpSocket(nic)
	if err != nil {
		return lease{}, err
	}
	defer func() { _ = socket.Close() }()
	hw, _ := net.ParseMAC(g.MAC())
	c := dhcpConversation{socket: socket, mac: hw}
	// A server looks for new interfaces when it finds the time, so the first words may be lost.
	for tried := 1; ; tried++ {
		began := time.Now()
		l, err := c.once()
		l.took = time.Since(began)
		if err == nil || tried == talkTries || ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded) && !isTimeout(err) {
			return l, err
		}
	}
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

// dhcpSocket is bound to the NIC: it has no address yet.
func (g *Domain) dhcpSocket(nic string) (net.PacketConn, error) {
	bind := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		var failed error
		err := c.Control(func(fd uintptr) { failed = unix.BindToDevice(int(fd), nic) })
		return errors.Join(err, failed)
	}}
	var socket net.PacketConn
	err := g.Do(func() (err error) {
		socket, err = bind.ListenPacket(context.Background(), "udp4", fmt.Sprintf(":%d", dhcpClient))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("%s: open a socket for DHCP: %w", g.Guest.Name, err)
	}
	return socket, nil
}

type dhcpConversation struct {
	socket net.PacketConn
	mac    net.HardwareAddr
}

// once asks who leases anything, and takes the first offer.
func (c dhcpConversation) once() (lease, error) {
	id := rand.Uint32()
	offer, options, err := c.ask(id, dhcpOffer, option(optionType, dhcpDiscover), option(optionAsk, optionMask, optionRouter))
	if err != nil {
		return lease{}, fmt.Errorf("nobody offers an address: %w", err)
	}
	_, options, err = c.ask(id, dhcpAck, option(optionType, dhcpAsk), option(optionWanted, offer.AsSlice()...),
		option(optionServer, options[optionServer]...), option(optionAsk, optionMask, optionRouter))
	if err != nil {
		return lease{}, fmt.Errorf("%s was offered and is not leased: %w", offer, err)
	}
	ones, _ := net.IPMask(options[optionMask]).Size()
	l := lease{address: netip.PrefixFrom(offer, ones)}
	l.router, _ = netip.AddrFromSlice(options[optionRouter])
	l.server, _ = netip.AddrFromSlice(options[optionServer])
	return l, nil
}

func option(code byte, value ...byte) []byte { return append([]byte{code, byte(len(value))}, value...) }

// ask sends a message and waits for the answer of a kind.
func (c dhcpConversation) ask(id uint32, want byte, options ...[]byte) (netip.Addr, map[byte][]byte, error) {
	message := make([]byte, dhcpHeader)
	message[0], message[1], message[2] = dhcpRequest, ethernet, byte(len(c.mac))
	binary.BigEndian.PutUint32(message[4:], id)
	// Who has no address hears what is for everybody.
	binary.BigEndian.PutUint16(message[10:], broadcastFlag)
	copy(message[28:], c.mac)
	binary.BigEndian.PutUint32(message[dhcpHeader-4:], dhcpMagic)
	message = append(append(message, bytes.Join(options, nil)...), optionEnd)
	if err := c.socket.SetDeadline(time.Now().Add(talkPatience)); err != nil {
		return netip.Addr{}, nil, err
	}
	if _, err := c.socket.WriteTo(message, &net.UDPAddr{IP: net.IPv4bcast, Port: dhcpServer}); err != nil {
		return netip.Addr{}, nil, err
	}
	for answer := make([]byte, 1500); ; {
		n, _, err := c.socket.ReadFrom(answer)
		if err != nil {
			return netip.Addr{}, nil, err
		}
		got := optionsOf(answer[:n])
		if n < dhcpHeader || answer[0] != dhcpReply || binary.BigEndian.Uint32(answer[4:]) != id || !bytes.Equal(got[optionType], []byte{want}) {
			continue
		}
		yours, _ := netip.AddrFromSlice(answer[16:20])
		return yours, got, nil
	}
}

// optionsOf reads a message's options; one that is damaged has none behind that.
func optionsOf(message []byte) map[byte][]byte {
	options := map[byte][]byte{}
	if len(message) < dhcpHeader {
		return options
	}
	for rest := message[dhcpHeader:]; len(rest) > 0 && rest[0] != optionEnd; {
		if rest[0] == 0 {
			rest = rest[1:]
			continue
		}
		if len(rest) < 2 || len(rest) < 2+int(rest[1]) {
			return options
		}
		options[rest[0]] = bytes.Clone(rest[2 : 2+int(rest[1])])
		rest = rest[2+int(rest[1]):]
	}
	return options
}
