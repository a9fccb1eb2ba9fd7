package watch

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"vifctl/tests/dom0"
	"vifctl/tests/speed"
)

// listen subscribes in a dom0.
func listen(t *testing.T, d *dom0.Dom0, buffer int) *links {
	t.Helper()
	var l *links
	require.NoError(t, d.Do(func() (err error) {
		l, err = subscribe(buffer, slog.New(slog.NewTextHandler(io.Discard, nil)))
		return err
	}))
	return l
}

// receiving has it receive until the test ends.
func receiving(t *testing.T, l *links) {
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { l.run(ctx) })
	t.Cleanup(func() { cancel(); wg.Wait() })
}

// world is what a watcher knows by what it was told.
type world struct {
	t     *testing.T
	l     *links
	names map[int]string
	seen  map[int]time.Time
}

// until takes news until it is so.
func (w *world) until(so func(all bool) bool) {
	w.t.Helper()
	for end := time.After(speed.Patience); ; {
		select {
		case <-end:
			require.FailNow(w.t, "it never was so", "%v", w.names)
		case <-w.l.wake:
		}
		changed, all := w.l.take()
		for index, c := range changed {
			if c.gone {
				delete(w.names, index)
			} else {
				w.names[index], w.seen[index] = c.name, c.seen
			}
		}
		if so(all) {
			return
		}
	}
}

func (w *world) has(name string) bool {
	return slices.Contains(slices.Collect(maps.Values(w.names)), name)
}

func newWorld(t *testing.T, l *links) *world {
	return &world{t: t, l: l, names: map[int]string{}, seen: map[int]time.Time{}}
}

func ip(t *testing.T, d *dom0.Dom0, args ...string) {
	t.Helper()
	r := d.Run("ip", args...)
	require.Zero(t, r.Exit, r.Stderr)
}

func TestLinks(t *testing.T) {
	t.Parallel()
	d := dom0.New(t, dom0.Options{Bridges: []dom0.Bridge{{Name: "xenbr0"}}})
	l := listen(t, d, 0)
	receiving(t, l)
	w := newWorld(t, l)
	w.until(func(all bool) bool { return all })
	require.True(t, w.has("eth0") && w.has("lo") && w.has("xenbr0"), "%v", w.names)
	for _, seen := range w.seen {
		require.Zero(t, seen, "found by listing")
	}

	began := time.Now()
	ip(t, d, "tuntap", "add", "vif1.0-emu", "mode", "tap")
	w.until(func(bool) bool { return w.has("vif1.0-emu") })
	for index, name := range w.names {
		if name == "vif1.0-emu" {
			require.True(t, w.seen[index].After(began))
		}
	}
	ip(t, d, "link", "set", "vif1.0-emu", "name", "web0-emu")
	w.until(func(bool) bool { return w.has("web0-emu") && !w.has("vif1.0-emu") })
	// That a port leaves its bridge is no end of it.
	ip(t, d, "link", "set", "web0-emu", "master", "xenbr0")
	ip(t, d, "link", "set", "web0-emu", "nomaster")
	ip(t, d, "link", "set", "web0-emu", "name", "www-emu")
	w.until(func(bool) bool { require.True(t, w.has("web0-emu") || w.has("www-emu")); return w.has("www-emu") })
	ip(t, d, "link", "del", "www-emu")
	w.until(func(bool) bool { return !w.has("www-emu") })
}

// More happens than the kernel keeps for us: nothing of it is lost, not even
// what has gone.
func TestLinksOverflow(t *testing.T) {
	t.Parallel()
	d := dom0.New(t, dom0.Options{})
	ip(t, d, "tuntap", "add", "tap1.0", "mode", "tap")
	l := listen(t, d, 4096)
	// The test receives nothing while this happens.
	batch := "link del tap1.0\n"
	for i := range 200 {
		batch += fmt.Sprintf("tuntap add vif%d.0-emu mode tap\n", i)
	}
	require.NoError(t, d.WriteFile("/run/batch", batch, 0o600))
	ip(t, d, "-batch", "/run/batch")
	receiving(t, l)
	w := newWorld(t, l)
	w.until(func(all bool) bool {
		taps := 0
		for i := range 200 {
			if w.has(fmt.Sprintf("vif%d.0-emu", i)) {
				taps++
			}
		}
		return all && taps == 200
	})
	require.False(t, w.has("tap1.0"))
	require.Positive(t, l.overflows.Load(), "the buffer was to be too small")
}

func TestLinksSubscribeAgain(t *testing.T) {
	t.Parallel()
	l := &links{news: newNews[int, linkChange](), known: map[int]knownLink{7: {linkState{name: "old"}, 1}}, seq: 1}
	// What one receive returns: a listing without the old one, and its end.
	l.seq, l.listing = 2, true
	message := func(kind uint16, body ...byte) []byte {
		m := binary.NativeEndian.AppendUint32(nil, uint32(unix.SizeofNlMsghdr+len(body)))
		m = binary.NativeEndian.AppendUint16(m, kind)
		m = binary.NativeEndian.AppendUint16(m, 0)
		m = binary.NativeEndian.AppendUint32(m, 2)
		m = binary.NativeEndian.AppendUint32(m, 0)
		return append(m, body...)
	}
	link := make([]byte, unix.SizeofIfInfomsg)
	binary.NativeEndian.PutUint32(link[4:], 8)
	link = binary.NativeEndian.AppendUint16(link, unix.SizeofRtAttr+4)
	link = binary.NativeEndian.AppendUint16(link, unix.IFLA_IFNAME)
	link = append(link, "new\x00"...)
	data := append(message(unix.RTM_NEWLINK, link...), message(unix.NLMSG_DONE, 0, 0, 0, 0)...)
	require.NoError(t, messages(data, l.message))
	changed, all := l.take()
	require.True(t, all)
	require.Equal(t, map[int]linkChange{7: {gone: true}, 8: {name: "new"}}, changed)
}

// Whatever the kernel could send, it is read or refused.
func FuzzLinks(f *testing.F) {
	f.Add([]byte{16, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Add([]byte{36, 0, 0, 0, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 3, 0})
	f.Fuzz(func(_ *testing.T, data []byte) {
		l := &links{news: newNews[int, linkChange](), known: map[int]knownLink{}}
		_ = messages(data, l.message)
	})
}
