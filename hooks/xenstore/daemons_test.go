package xenstore_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"vifctl/hooks/xenstore"
	"vifctl/hooks/xenstore/embedded"
	"vifctl/tests/realxenstore"
	"vifctl/tests/speed"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// daemon is a xenstored under test, of either kind.
type daemon struct {
	socket string
	// kill ends it as a crash would.
	kill func()
	// hang makes it silent until the returned function is called.
	hang func() (resume func())
}

// daemons are what the conformance suite runs against: what our server does and the C daemon does not is our mistake.
var daemons = []struct {
	name  string
	start func(testing.TB) daemon
}{
	{"embedded", startEmbedded},
	{"xenstored", startReal},
}

func startEmbedded(t testing.TB) daemon {
	s := newEmbedded(t)
	return daemon{
		socket: s.Path(),
		kill:   func() { _ = s.Close() },
		hang: func() func() {
			s.Hang(true)
			return func() { s.Hang(false) }
		},
	}
}

func startReal(t testing.TB) daemon {
	d := realxenstore.StartDaemon(t)
	return daemon{socket: d.Socket, kill: d.Kill, hang: func() func() { return d.Freeze(t) }}
}

func newEmbedded(t testing.TB, options ...embedded.Option) *embedded.Server {
	t.Helper()
	dir, err := os.MkdirTemp("", "xs") //nolint:usetesting // t.TempDir's names can be too long for a socket
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	s, err := embedded.Start(filepath.Join(dir, "socket"), options...)
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// on runs a test against every daemon.
func on(t *testing.T, test func(t *testing.T, d daemon)) {
	t.Helper()
	for _, kind := range daemons {
		t.Run(kind.name, func(t *testing.T) { test(t, kind.start(t)) })
	}
}

func dial(t testing.TB, d daemon) *xenstore.Client {
	t.Helper()
	c, err := xenstore.DialPath(within(t, speed.Patience), d.socket)
	require.NoError(t, err)
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// within is a context for calls that should take no time at all: long enough for any machine, short beside a test's own limit.
func within(t testing.TB, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

// next is a watch's next event.
func next(t testing.TB, w *xenstore.Watch) string {
	t.Helper()
	select {
	case path, ok := <-w.C:
		require.True(t, ok, "the watch ended")
		return path
	case <-time.After(speed.Patience):
		require.Fail(t, "no event came")
		return ""
	}
}

// quiet checks that everything the daemon had to say has been said: no event is left.
func quiet(t testing.TB, c *xenstore.Client, w *xenstore.Watch) {
	t.Helper()
	// Events and answers come in order, so an answer means that all earlier events are here.
	_, err := c.List(within(t, speed.Patience), "/")
	require.NoError(t, err)
	require.Empty(t, w.C)
}
