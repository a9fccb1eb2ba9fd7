package xenstore_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vifctl/hooks/xenstore"
)

func TestWatchFires(t *testing.T) {
	on(t, func(t *testing.T, d daemon) {
		ctx, c, other := within(t, time.Minute), dial(t, d), dial(t, d)
		w, err := c.Watch(ctx, "/test/dir")
		require.NoError(t, err)
		require.Equal(t, "/test/dir", next(t, w), "the first event comes at once, even for what is not there")

		require.NoError(t, other.Write(ctx, "/test/dir/a/b", "1"))
		require.Equal(t, "/test/dir/a/b", next(t, w))
		require.NoError(t, c.Write(ctx, "/test/dir", "own changes are told too"))
		require.Equal(t, "/test/dir", next(t, w))
		require.NoError(t, other.Write(ctx, "/test/director", "a longer name is not below"))
		require.NoError(t, other.Mkdir(ctx, "/test/dir/a"))
		quiet(t, c, w)
		require.NoError(t, other.SetPermissions(ctx, "/test/dir/a", xenstore.Permission{Domid: 1}))
		require.Equal(t, "/test/dir/a", next(t, w))
		require.NoError(t, other.Remove(ctx, "/test"))
		require.Equal(t, "/test/dir", next(t, w), "a removed parent is told as the watched path")
		quiet(t, c, w)

		require.NoError(t, w.Close(ctx))
		require.NoError(t, w.Close(ctx))
		_, open := <-w.C
		require.False(t, open)
		require.NoError(t, other.Write(ctx, "/test/dir", "unheard"))
		_, err = c.Read(ctx, "/test/dir")
		require.NoError(t, err)
	})
}

func TestSeveralWatchesOnOnePath(t *testing.T) {
	on(t, func(t *testing.T, d daemon) {
		ctx, c := within(t, time.Minute), dial(t, d)
		var watches []*xenstore.Watch
		for range 3 {
			w, err := c.Watch(ctx, "/test/key")
			require.NoError(t, err)
			require.Equal(t, "/test/key", next(t, w))
			watches = append(watches, w)
		}
		require.NoError(t, watches[1].Close(ctx))
		require.NoError(t, c.Write(ctx, "/test/key", "v"))
		require.Equal(t, "/test/key", next(t, watches[0]))
		require.Equal(t, "/test/key", next(t, watches[2]))
	})
}

func TestWatchRelativeSpecialAndRoot(t *testing.T) {
	on(t, func(t *testing.T, d daemon) {
		ctx, c := within(t, time.Minute), dial(t, d)
		relative, err := c.Watch(ctx, "backend/vif")
		require.NoError(t, err)
		require.Equal(t, "backend/vif", next(t, relative))
		root, err := c.Watch(ctx, "/")
		require.NoError(t, err)
		require.Equal(t, "/", next(t, root))

		require.NoError(t, c.Write(ctx, "/local/domain/0/backend/vif/3/0/state", "1"))
		require.Equal(t, "backend/vif/3/0/state", next(t, relative))
		require.Equal(t, "/local/domain/0/backend/vif/3/0/state", next(t, root))

		for _, path := range []string{"@introduceDomain", "@releaseDomain"} {
			special, err := c.Watch(ctx, path)
			require.NoError(t, err)
			require.Equal(t, path, next(t, special))
			require.NoError(t, special.Close(ctx))
		}
		_, err = c.Watch(ctx, "/vif1.0")
		require.ErrorContains(t, err, "only letters, digits")
	})
}

func TestWatchHearsOfATransactionOnCommit(t *testing.T) {
	on(t, func(t *testing.T, d daemon) {
		ctx, c := within(t, time.Minute), dial(t, d)
		w, err := c.Watch(ctx, "/test")
		require.NoError(t, err)
		next(t, w)
		require.NoError(t, c.Transaction(ctx, func(tx *xenstore.Tx) error {
			require.NoError(t, tx.Write(ctx, "/test/a", "1"))
			require.NoError(t, tx.Write(ctx, "/test/b", "1"))
			quiet(t, c, w)
			return nil
		}))
		events := []string{next(t, w), next(t, w)}
		slices.Sort(events)
		require.Equal(t, []string{"/test/a", "/test/b"}, slices.Compact(events))
	})
}

// A receiver that does not receive must not hold up answers, and finds out afterwards that it has to look again.
func TestWatchWithoutReceiver(t *testing.T) {
	on(t, func(t *testing.T, d daemon) {
		ctx, c := within(t, time.Minute), dial(t, d)
		w, err := c.Watch(ctx, "/test")
		require.NoError(t, err)
		for i := range 1000 {
			require.NoError(t, c.Write(ctx, fmt.Sprintf("/test/k%d", i%700), "v"))
		}
		var events []string
		for len(w.C) > 0 {
			events = append(events, <-w.C)
		}
		require.LessOrEqual(t, len(events), 256)
		require.Equal(t, "/test", events[0], "lost events are told as a change of the watched path")
		require.Equal(t, "/test/k299", events[len(events)-1])
	})
}

func TestDomainsComeAndGo(t *testing.T) {
	s := newEmbedded(t)
	ctx, c := within(t, time.Minute), dial(t, daemon{socket: s.Path()})
	for path, tell := range map[string]func(int){"@introduceDomain": s.Introduce, "@releaseDomain": s.Release} {
		w, err := c.Watch(ctx, path)
		require.NoError(t, err)
		require.Equal(t, path, next(t, w))
		tell(4)
		require.Equal(t, path, next(t, w))
	}
}
