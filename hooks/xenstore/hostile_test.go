package xenstore

import (
	"bytes"
	"context"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"vifctl/hooks/xenstore/internal/wire"
	"vifctl/tests/speed"
)

// pair is a client and the other end of its connection.
func pair(t testing.TB, kind int, device bool) (*Client, *os.File) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, kind|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	require.NoError(t, err)
	c := newClient(os.NewFile(uintptr(fds[0]), "client"), device)
	peer := os.NewFile(uintptr(fds[1]), "daemon")
	t.Cleanup(func() {
		_ = c.Close()
		_ = peer.Close()
	})
	return c, peer
}

// answerWith lets the peer take one request of the client and answer it with whatever it is given, and returns what the
// client made of it. The peer does not hang up: the client has to see for itself that it was told nonsense.
func answerWith(t testing.TB, answer []byte) (string, error) {
	t.Helper()
	c, peer := pair(t, unix.SOCK_STREAM, false)
	go func() {
		var buf [wire.MaxPayload]byte
		if _, _, err := wire.ReadFrame(peer, &buf); err == nil {
			_, _ = peer.Write(answer)
		}
	}()
	ctx, cancel := context.WithTimeout(context.Background(), speed.Patience)
	defer cancel()
	return c.Read(ctx, "/key")
}

func TestHostileAnswers(t *testing.T) {
	answer := func(typ wire.Type, id uint32, payload string) []byte {
		return wire.AppendFrame(nil, wire.Header{Type: typ, RequestID: id}, payload)
	}
	oversize := answer(wire.TypeRead, 1, "")
	oversize[15] = 0xff
	for name, tc := range map[string]struct {
		answer []byte
		closed bool
		want   string
	}{
		"too long":               {oversize, true, "frame longer than the protocol allows"},
		"unknown request":        {answer(wire.TypeRead, 99, "v"), true, "answered request 99, which was never made"},
		"request 0":              {answer(wire.TypeWatch, 0, "OK\x00"), true, "answered request 0"},
		"another type":           {answer(wire.TypeWrite, 1, "OK\x00"), true, "answered a request of type 2 with type 11"},
		"unknown type":           {answer(1<<31, 1, ""), true, "with type 2147483648"},
		"event without token":    {answer(wire.TypeWatchEvent, 0, "/key\x00"), true, "without path and token"},
		"event without anything": {answer(wire.TypeWatchEvent, 0, ""), true, "without path and token"},
		"unknown error":          {answer(wire.TypeError, 1, "EVIL\nTWIN"), false, `unknown error "EVIL\nTWIN"`},
		"nameless error":         {answer(wire.TypeError, 1, ""), false, `unknown error ""`},
		"error with a name":      {answer(wire.TypeError, 1, "EIO\x00"), false, syscall.EIO.Error()},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := answerWith(t, tc.answer)
			require.ErrorContains(t, err, tc.want)
			if tc.closed {
				require.ErrorIs(t, err, ErrClosed)
			} else {
				require.NotErrorIs(t, err, ErrClosed)
			}
		})
	}

	t.Run("stray event first", func(t *testing.T) {
		stray := answer(wire.TypeWatchEvent, 7, "/other\x00no such token\x00")
		got, err := answerWith(t, append(stray, answer(wire.TypeRead, 1, "v")...))
		require.NoError(t, err)
		require.Equal(t, "v", got)
	})
}

// A daemon that leaves in the middle of a frame has left.
func TestShortAnswer(t *testing.T) {
	whole := wire.AppendFrame(nil, wire.Header{Type: wire.TypeRead, RequestID: 1}, "value")
	for n := range whole {
		c, peer := pair(t, unix.SOCK_STREAM, false)
		_, err := peer.Write(whole[:n])
		require.NoError(t, err)
		require.NoError(t, peer.Close())
		_, err = c.Read(t.Context(), "/key")
		require.ErrorIs(t, err, ErrClosed)
	}
}

// A call that is given up in the middle of its answer spoils no other call's, and another call reads on.
func TestGivenUpInTheMiddleOfAnAnswer(t *testing.T) {
	c, peer := pair(t, unix.SOCK_STREAM, false)
	first := wire.AppendFrame(nil, wire.Header{Type: wire.TypeRead, RequestID: 1}, "first")
	ctx, giveUp := context.WithCancel(t.Context())
	go func() {
		var buf [wire.MaxPayload]byte
		_, _, _ = wire.ReadFrame(peer, &buf)
		_, _ = peer.Write(first[:20])
		time.Sleep(5 * time.Millisecond)
		giveUp()
		_, _, _ = wire.ReadFrame(peer, &buf)
		_, _ = peer.Write(wire.AppendFrame(first[20:], wire.Header{Type: wire.TypeRead, RequestID: 2}, "second"))
	}()
	_, err := c.Read(ctx, "/key")
	require.ErrorIs(t, err, context.Canceled)
	ctx, cancel := context.WithTimeout(t.Context(), speed.Patience)
	defer cancel()
	second, err := c.Read(ctx, "/key")
	require.NoError(t, err)
	require.Equal(t, "second", second)
}

// The names of a directory come in parts, and the daemon could lie in every field.
func TestHostileListings(t *testing.T) {
	for name, part := range map[string]string{
		"nothing":           "",
		"no end of number":  "12",
		"no names":          "12\x00",
		"unterminated name": "12\x00abc",
	} {
		t.Run(name, func(t *testing.T) {
			c, peer := pair(t, unix.SOCK_STREAM, false)
			go func() {
				var buf [wire.MaxPayload]byte
				for range 2 {
					h, _, err := wire.ReadFrame(peer, &buf)
					if err != nil {
						return
					}
					payload := part
					reply := wire.Header{Type: h.Type, RequestID: h.RequestID}
					if h.Type == wire.TypeDirectory {
						reply.Type, payload = wire.TypeError, "E2BIG\x00"
					}
					_, _ = peer.Write(wire.AppendFrame(nil, reply, payload))
				}
			}()
			_, err := c.List(t.Context(), "/dir")
			require.ErrorIs(t, err, errListing)
		})
	}
}

// FuzzAnswers lets a daemon say anything to a client with a request, a transaction and a watch under way. Whatever it says,
// every call ends, and nothing panics.
func FuzzAnswers(f *testing.F) {
	f.Add([]byte{})
	f.Add(bytes.Repeat([]byte{0}, 64))
	frames := func(types ...wire.Type) (all []byte) {
		for i, typ := range types {
			all = wire.AppendFrame(all, wire.Header{Type: typ, RequestID: uint32(i + 1)}, "1\x002\x00")
		}
		return all
	}
	f.Add(frames(wire.TypeRead, wire.TypeWatch, wire.TypeWatchEvent))
	f.Add(frames(wire.TypeError, wire.TypeTransactionStart, wire.TypeRead, wire.TypeTransactionEnd))
	f.Fuzz(func(t *testing.T, said []byte) {
		c, peer := pair(t, unix.SOCK_STREAM, false)
		ctx, cancel := context.WithTimeout(context.Background(), speed.Patience)
		defer cancel()
		done := make(chan struct{}, 3)
		go func() {
			_, _ = c.ReadAll(ctx, "/a", "/b")
			done <- struct{}{}
		}()
		go func() {
			if w, err := c.Watch(ctx, "/a"); err == nil {
				for range w.C { // until the connection ends
				}
			}
			done <- struct{}{}
		}()
		go func() {
			_ = c.Transaction(ctx, func(tx *Tx) error { return tx.Write(ctx, "/a", "v") })
			done <- struct{}{}
		}()
		_, _ = peer.Write(said)
		_ = peer.Close()
		for range 3 {
			<-done
		}
		if ctx.Err() != nil {
			t.Fatal("a call outlived its daemon")
		}
	})
}

// The kernel's xenbus device, as drivers/xen/xenbus/xenbus_dev_frontend.c has it: a frame a write, none before the last one
// was answered, and, in older kernels, watches answered without their request's id. A packet socket keeps writes apart, so
// one frame too many would show.
func TestXenbusDevice(t *testing.T) {
	c, kernel := pair(t, unix.SOCK_SEQPACKET, true)
	var early atomic.Bool
	go func() {
		packet := make([]byte, 3*(wire.HeaderSize+wire.MaxPayload))
		var buf [wire.MaxPayload]byte
		for {
			n, err := kernel.Read(packet)
			if err != nil || n == 0 {
				return
			}
			r := bytes.NewReader(packet[:n])
			h, payload, err := wire.ReadFrame(r, &buf)
			if err != nil || r.Len() > 0 { // what follows the frame is dropped, and who waits for it waits
				continue
			}
			reply := wire.Header{Type: h.Type, RequestID: h.RequestID}
			_ = kernel.SetReadDeadline(time.Now().Add(5 * time.Millisecond))
			if n, _ := kernel.Read(packet); n > 0 { // it takes the other's place
				early.Store(true)
			}
			_ = kernel.SetReadDeadline(time.Time{})
			switch h.Type {
			case wire.TypeWatch:
				reply.RequestID = 0
				_, _ = kernel.Write(wire.AppendFrame(nil, reply, "OK\x00"))
				_, token, _ := strings.Cut(string(payload), "\x00")
				_, _ = kernel.Write(wire.AppendFrame(nil, wire.Header{Type: wire.TypeWatchEvent}, "a\x00", token))
			case wire.TypeUnwatch:
				reply.RequestID = 0
				_, _ = kernel.Write(wire.AppendFrame(nil, reply, "OK\x00"))
			default:
				_, _ = kernel.Write(wire.AppendFrame(nil, reply, string(payload)))
			}
		}
	}()
	ctx, cancel := context.WithTimeout(context.Background(), speed.Patience)
	defer cancel()
	values, err := c.ReadAll(ctx, "a", "b", "c")
	require.NoError(t, err)
	require.Len(t, values, 3)
	w, err := c.Watch(ctx, "a")
	require.NoError(t, err)
	require.Equal(t, "a", <-w.C)
	require.NoError(t, w.Close(ctx))
	require.ErrorContains(t, c.Write(ctx, "a", strings.Repeat("x", 4079)), "which holds 4080")
	require.NoError(t, c.Write(ctx, "a", strings.Repeat("x", 4078)))
	var callers sync.WaitGroup
	for range 3 {
		callers.Go(func() { _, _ = c.ReadAll(ctx, "a", "b") })
	}
	callers.Wait()
	require.False(t, early.Load(), "a request was written before the last one was answered")
}
