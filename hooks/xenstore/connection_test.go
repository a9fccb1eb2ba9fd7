package xenstore_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vifctl/hooks/xenstore"
	"vifctl/tests/speed"
)

func TestDaemonKilled(t *testing.T) {
	on(t, func(t *testing.T, d daemon) {
		ctx, c := within(t, time.Minute), dial(t, d)
		w, err := c.Watch(ctx, "/test")
		require.NoError(t, err)
		next(t, w)
		resume := d.hang()
		pending := make(chan error, 1)
		go func() {
			_, err := c.Read(ctx, "/test/key")
			pending <- err
		}()
		time.Sleep(50 * time.Millisecond) // for the request to be on its way; a late one gets the same error
		d.kill()
		resume()

		select {
		case err := <-pending:
			require.ErrorIs(t, err, xenstore.ErrClosed)
		case <-time.After(speed.Patience):
			require.Fail(t, "the pending call did not notice")
		}
		select {
		case _, open := <-w.C:
			require.False(t, open)
		case <-time.After(speed.Patience):
			require.Fail(t, "the watch did not notice")
		}
		require.ErrorIs(t, c.Write(ctx, "/test/key", "v"), xenstore.ErrClosed)
		_, err = c.ReadAll(ctx, "/a", "/b")
		require.ErrorIs(t, err, xenstore.ErrClosed)
		_, err = c.Watch(ctx, "/test")
		require.ErrorIs(t, err, xenstore.ErrClosed)
		require.ErrorIs(t, c.Transaction(ctx, func(*xenstore.Tx) error { return nil }), xenstore.ErrClosed)
		require.NoError(t, w.Close(ctx))
		require.NoError(t, c.Close())
		_, err = xenstore.DialPath(ctx, d.socket)
		require.Error(t, err)
	})
}

func TestDaemonHangs(t *testing.T) {
	on(t, func(t *testing.T, d daemon) {
		c := dial(t, d)
		require.NoError(t, c.Write(within(t, time.Minute), "/test/key", "v"))
		resume := d.hang()
		const patience = 100 * time.Millisecond
		for name, call := range map[string]func(context.Context) error{
			"read":  func(ctx context.Context) error { _, err := c.Read(ctx, "/test/key"); return err },
			"write": func(ctx context.Context) error { return c.Write(ctx, "/test/key", "w") },
			"watch": func(ctx context.Context) error { _, err := c.Watch(ctx, "/test"); return err },
			"transaction": func(ctx context.Context) error {
				return c.Transaction(ctx, func(*xenstore.Tx) error { return nil })
			},
		} {
			require.ErrorIs(t, call(within(t, patience)), context.DeadlineExceeded, name)
		}
		ctx, cancel := context.WithCancelCause(context.Background())
		time.AfterFunc(patience, func() { cancel(errors.New("the operator pressed ^C")) })
		_, err := c.Read(ctx, "/test/key")
		require.ErrorContains(t, err, "the operator pressed ^C")

		// The connection is still good: late answers are not mistaken for others.
		resume()
		got, err := c.Read(within(t, time.Minute), "/test/key")
		require.NoError(t, err)
		require.Contains(t, []string{"v", "w"}, got)
	})
}

// A client with a limit ends the connection to a daemon that hangs: who asks next does not wait.
func TestDaemonHangsForThePatient(t *testing.T) {
	on(t, func(t *testing.T, d daemon) {
		c := dial(t, d)
		c.BePatient(100 * time.Millisecond)
		require.NoError(t, c.Write(within(t, time.Minute), "/test/key", "v"))
		defer d.hang()()
		for range 2 {
			_, err := c.Read(context.Background(), "/test/key")
			require.ErrorIs(t, err, xenstore.ErrClosed)
			require.ErrorContains(t, err, "xenstored does not answer")
		}
	})
}

// When the daemon does not even read, writing has to end with the context too, and it costs the connection only when a
// frame was left half written.
func TestDaemonDoesNotRead(t *testing.T) {
	d := startReal(t)
	c := dial(t, d)
	resume := d.hang()
	defer resume()
	value := strings.Repeat("x", 4000)
	deadline := time.Now().Add(speed.Patience)
	for {
		err := c.Write(within(t, 5*time.Millisecond), "/test/key", value)
		require.Error(t, err)
		if !strings.Contains(err.Error(), "waiting for xenstored") {
			require.ErrorIs(t, err, context.DeadlineExceeded)
			break
		}
		require.True(t, time.Now().Before(deadline), "the socket never filled")
	}
}

func TestCloseEndsEverything(t *testing.T) {
	on(t, func(t *testing.T, d daemon) {
		ctx, c := within(t, time.Minute), dial(t, d)
		w, err := c.Watch(ctx, "/test")
		require.NoError(t, err)
		next(t, w)
		resume := d.hang()
		defer resume()
		pending := make(chan error, 1)
		go func() {
			_, err := c.Read(ctx, "/test/key")
			pending <- err
		}()
		time.Sleep(20 * time.Millisecond)
		require.NoError(t, c.Close())
		require.NoError(t, c.Close())
		require.ErrorIs(t, <-pending, xenstore.ErrClosed)
		_, open := <-w.C
		require.False(t, open)
	})
}

// One event on a full host is many calls at once, and xenstored's backlog is 1.
func TestFiftyAtOnce(t *testing.T) {
	on(t, func(t *testing.T, d daemon) {
		ctx := within(t, 30*time.Second)
		begin := make(chan struct{})
		var running sync.WaitGroup
		for i := range 50 {
			running.Go(func() {
				<-begin
				c, err := xenstore.DialPath(ctx, d.socket)
				if err != nil {
					t.Error(err)
					return
				}
				defer func() { _ = c.Close() }()
				if err := c.Write(ctx, fmt.Sprintf("/test/%d", i), "v"); err != nil {
					t.Error(err)
				}
			})
		}
		close(begin)
		running.Wait()
		names, err := dial(t, d).List(ctx, "/test")
		require.NoError(t, err)
		require.Len(t, names, 50)
	})
}

func TestConcurrentCallsOnOneClient(t *testing.T) {
	on(t, func(t *testing.T, d daemon) {
		ctx, c := within(t, time.Minute), dial(t, d)
		var running sync.WaitGroup
		for i := range 20 {
			running.Go(func() {
				path := fmt.Sprintf("/test/%d", i)
				for j := range 50 {
					value := fmt.Sprint(i, j)
					if err := c.Write(ctx, path, value); err != nil {
						t.Error(err)
					}
					if got, err := c.Read(ctx, path); err != nil || got != value {
						t.Errorf("read %q, %v; want %q", got, err, value)
					}
				}
			})
		}
		running.Wait()
	})
}

// With its backlog full and no process accepting, a dial waits as long as its context and no longer.
func TestDialGivesUpWithItsContext(t *testing.T) {
	d := startReal(t)
	resume := d.hang()
	defer resume()
	for range 3 { // one more than the backlog of 1 holds, the kernel counting as it does
		c, err := xenstore.DialPath(within(t, 200*time.Millisecond), d.socket)
		if err != nil {
			require.ErrorIs(t, err, context.DeadlineExceeded)
			require.ErrorContains(t, err, "xenstored is busy")
			return
		}
		t.Cleanup(func() { _ = c.Close() })
	}
	require.Fail(t, "the backlog never filled")
}

func TestDialLooksWhereItIsTold(t *testing.T) {
	d := startEmbedded(t)
	ctx := within(t, time.Minute)

	t.Setenv("XENSTORED_PATH", d.socket)
	t.Setenv("XENSTORED_RUNDIR", "/nowhere")
	c, err := xenstore.Dial(ctx)
	require.NoError(t, err)
	require.NoError(t, c.Close())

	t.Setenv("XENSTORED_PATH", "")
	t.Setenv("XENSTORED_RUNDIR", filepath.Dir(d.socket))
	c, err = xenstore.Dial(ctx)
	require.NoError(t, err)
	require.NoError(t, c.Close())

	t.Setenv("XENSTORED_RUNDIR", "/nowhere")
	_, err = xenstore.Dial(ctx)
	require.EqualError(t, err, "xenstore: connect to /nowhere/socket: no such file or directory")

	t.Setenv("XENSTORED_RUNDIR", "")
	if _, err := os.Stat("/run/xenstored/socket"); err == nil {
		return // this is a Xen host: what follows is about one without
	}
	_, err = xenstore.Dial(ctx)
	require.Error(t, err)
	for _, path := range []string{"/run/xenstored/socket", "/var/run/xenstored/socket", "/dev/xen/xenbus", "/proc/xen/xenbus"} {
		require.ErrorContains(t, err, path+": no such file or directory")
	}
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestDialRefusesWhatIsNoDaemon(t *testing.T) {
	ctx := within(t, time.Minute)
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err := xenstore.DialPath(ctx, file)
	require.ErrorContains(t, err, "neither a socket nor a xenbus device")

	_, err = xenstore.DialPath(ctx, t.TempDir())
	require.ErrorContains(t, err, "is a directory")

	d := startReal(t)
	d.kill() // its socket stays behind
	_, err = xenstore.DialPath(ctx, d.socket)
	require.ErrorContains(t, err, "the socket is there but no daemon listens")

	canceled, cancel := context.WithCancel(ctx)
	cancel()
	_, err = xenstore.DialPath(canceled, d.socket)
	require.ErrorIs(t, err, context.Canceled)
}
