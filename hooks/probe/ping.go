package probe

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"time"

	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

// ping sends echo requests until one is answered or patience ends; from an address
// of this host's, or from that which the kernel picks where it is not valid.
func ping(ctx context.Context, from, to netip.Addr) (took time.Duration, answered bool, err error) {
	network, listen, protocol := "ip4:icmp", "0.0.0.0", 1
	var request, reply icmp.Type = ipv4.ICMPTypeEcho, ipv4.ICMPTypeEchoReply
	if to.Is6() {
		network, listen, protocol = "ip6:ipv6-icmp", "::", 58
		request, reply = ipv6.ICMPTypeEchoRequest, ipv6.ICMPTypeEchoReply
	}
	if from.IsValid() {
		listen = from.String()
	}
	conn, err := icmp.ListenPacket(network, listen)
	if err != nil {
		return 0, false, err
	}
	defer func() { _ = conn.Close() }()
	id := rand.IntN(1 << 16)
	began := time.Now()
	buffer := make([]byte, 1500)
	for seq := 1; time.Since(began) < patience && ctx.Err() == nil; seq++ {
		message := icmp.Message{Type: request, Body: &icmp.Echo{ID: id, Seq: seq, Data: []byte("vifctl")}}
		packet, err := message.Marshal(nil)
		if err != nil {
			return 0, false, err
		}
		if _, err := conn.WriteTo(packet, &net.IPAddr{IP: to.AsSlice()}); err != nil {
			return 0, false, err
		}
		_ = conn.SetReadDeadline(time.Now().Add(patience / 3))
		for {
			n, from, err := conn.ReadFrom(buffer)
			if err != nil {
				break
			}
			m, err := icmp.ParseMessage(protocol, buffer[:n])
			if err != nil || m.Type != reply {
				continue
			}
			echo, ok := m.Body.(*icmp.Echo)
			if ip, _ := netip.AddrFromSlice(from.(*net.IPAddr).IP); ok && echo.ID == id && ip.Unmap() == to {
				return time.Since(began), true, nil
			}
		}
	}
	return 0, false, nil
}

// pingTraced pings a guest and watches what the rules do with what it answers.
// trace is "" where there is nothing to tell.
func pingTraced(ctx context.Context, port string, from, to netip.Addr) (good bool, said, trace string) {
	t, traceErr := startTrace(port)
	took, answered, err := ping(ctx, from, to)
	by := "a ping"
	if from.IsValid() {
		by = "a ping from its gateway's address " + from.String()
	}
	if traceErr == nil {
		trace = t.stop(to)
	}
	switch {
	case err != nil:
		return false, fmt.Sprintf("%s could not be pinged: %v", to, err), trace
	case !answered && traceErr != nil:
		return false, fmt.Sprintf("%s does not answer %s; what the rules do with it cannot be told: %v", to, by, traceErr), ""
	case !answered && trace == "":
		return false, fmt.Sprintf("%s does not answer %s, and no answer came from %s", to, by, port), ""
	case !answered:
		return false, fmt.Sprintf("%s does not answer %s", to, by), trace
	}
	return true, fmt.Sprintf("%s answers %s after %s", to, by, took.Round(10*time.Microsecond)), ""
}
