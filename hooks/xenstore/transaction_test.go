package xenstore_test

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vifctl/hooks/xenstore"
)

func TestTransactionCommits(t *testing.T) {
	on(t, func(t *testing.T, d daemon) {
		ctx, c, other := within(t, time.Minute), dial(t, d), dial(t, d)
		require.NoError(t, c.Write(ctx, "/test/old", "1"))
		require.NoError(t, c.Transaction(ctx, func(tx *xenstore.Tx) error {
			require.NoError(t, tx.Write(ctx, "/test/new/key", "2"))
			require.NoError(t, tx.Remove(ctx, "/test/old"))
			require.NoError(t, tx.SetPermissions(ctx, "/test/new", xenstore.Permission{Domid: 3}))

			// Inside, all is done; outside, nothing is.
			names, err := tx.List(ctx, "/test")
			require.NoError(t, err)
			require.Equal(t, []string{"new"}, names)
			names, err = other.List(ctx, "/test")
			require.NoError(t, err)
			require.Equal(t, []string{"old"}, names)
			return nil
		}))
		values, err := other.ReadAll(ctx, "/test/old", "/test/new/key")
		require.NoError(t, err)
		require.Equal(t, map[string]string{"/test/new/key": "2"}, values)
		permissions, err := other.Permissions(ctx, "/test/new")
		require.NoError(t, err)
		require.Equal(t, []xenstore.Permission{{Domid: 3}}, permissions)
	})
}

func TestTransactionAborts(t *testing.T) {
	on(t, func(t *testing.T, d daemon) {
		ctx, c := within(t, time.Minute), dial(t, d)
		changedMind := errors.New("changed my mind")
		require.Equal(t, changedMind, c.Transaction(ctx, func(tx *xenstore.Tx) error {
			require.NoError(t, tx.Write(ctx, "/test/key", "v"))
			return changedMind
		}))
		_, err := c.Read(ctx, "/test/key")
		require.ErrorIs(t, err, xenstore.ErrNotExist)

		require.Panics(t, func() {
			_ = c.Transaction(ctx, func(tx *xenstore.Tx) error {
				require.NoError(t, tx.Write(ctx, "/test/key", "v"))
				panic("a mistake")
			})
		})
		_, err = c.Read(ctx, "/test/key")
		require.ErrorIs(t, err, xenstore.ErrNotExist)
	})
}

func TestTransactionRunsAgainOnConflict(t *testing.T) {
	on(t, func(t *testing.T, d daemon) {
		ctx, c, other := within(t, time.Minute), dial(t, d), dial(t, d)
		require.NoError(t, c.Write(ctx, "/test/counter", "1"))
		runs := 0
		require.NoError(t, c.Transaction(ctx, func(tx *xenstore.Tx) error {
			runs++
			seen, err := tx.Read(ctx, "/test/counter")
			require.NoError(t, err)
			if runs == 1 {
				require.NoError(t, other.Write(ctx, "/test/counter", "10"))
			}
			return tx.Write(ctx, "/test/counter", seen+"+1")
		}))
		require.Equal(t, 2, runs)
		got, err := c.Read(ctx, "/test/counter")
		require.NoError(t, err)
		require.Equal(t, "10+1", got)
	})
}

// look reads a path that may or may not be there.
func look(ctx context.Context, tx *xenstore.Tx, path string) error {
	_, err := tx.Read(ctx, path)
	if errors.Is(err, xenstore.ErrNotExist) {
		return nil
	}
	return err
}

// What conflicts and what does not is the daemon's rule, node by node.
func TestTransactionConflicts(t *testing.T) {
	for name, tc := range map[string]struct {
		inside   func(ctx context.Context, tx *xenstore.Tx) error
		outside  func(ctx context.Context, c *xenstore.Client) error
		conflict bool
	}{
		"read against write": {
			func(ctx context.Context, tx *xenstore.Tx) error { return look(ctx, tx, "/test/a") },
			func(ctx context.Context, c *xenstore.Client) error { return c.Write(ctx, "/test/a", "new") },
			true,
		},
		"read against removal": {
			func(ctx context.Context, tx *xenstore.Tx) error { return look(ctx, tx, "/test/a") },
			func(ctx context.Context, c *xenstore.Client) error { return c.Remove(ctx, "/test/a") },
			true,
		},
		"absence against creation": {
			func(ctx context.Context, tx *xenstore.Tx) error { return look(ctx, tx, "/test/none") },
			func(ctx context.Context, c *xenstore.Client) error { return c.Write(ctx, "/test/none", "") },
			true,
		},
		"write against write": {
			func(ctx context.Context, tx *xenstore.Tx) error { return tx.Write(ctx, "/test/a", "mine") },
			func(ctx context.Context, c *xenstore.Client) error { return c.Write(ctx, "/test/a", "theirs") },
			true,
		},
		"two new children of one parent": {
			func(ctx context.Context, tx *xenstore.Tx) error { return tx.Write(ctx, "/test/mine", "") },
			func(ctx context.Context, c *xenstore.Client) error { return c.Write(ctx, "/test/theirs", "") },
			true,
		},
		"another node": {
			func(ctx context.Context, tx *xenstore.Tx) error { return tx.Write(ctx, "/test/a", "mine") },
			func(ctx context.Context, c *xenstore.Client) error { return c.Write(ctx, "/test/b", "theirs") },
			false,
		},
		"list against a child's value": {
			func(ctx context.Context, tx *xenstore.Tx) error { _, err := tx.List(ctx, "/test"); return err },
			func(ctx context.Context, c *xenstore.Client) error { return c.Write(ctx, "/test/b", "theirs") },
			false,
		},
	} {
		t.Run(name, func(t *testing.T) {
			on(t, func(t *testing.T, d daemon) {
				ctx, c, other := within(t, time.Minute), dial(t, d), dial(t, d)
				require.NoError(t, c.Write(ctx, "/test/a", "1"))
				require.NoError(t, c.Write(ctx, "/test/b", "1"))
				runs := 0
				require.NoError(t, c.Transaction(ctx, func(tx *xenstore.Tx) error {
					runs++
					if err := tc.inside(ctx, tx); err != nil {
						return err
					}
					if runs == 1 {
						require.NoError(t, tc.outside(ctx, other))
					}
					return nil
				}))
				require.Equal(t, tc.conflict, runs == 2, "it ran %d times", runs)
			})
		})
	}
}

func TestTransactionGivesUpWithItsContext(t *testing.T) {
	on(t, func(t *testing.T, d daemon) {
		c, other := dial(t, d), dial(t, d)
		ctx := within(t, 100*time.Millisecond)
		err := c.Transaction(ctx, func(tx *xenstore.Tx) error {
			if err := look(context.Background(), tx, "/test/counter"); err != nil {
				return err
			}
			return other.Write(context.Background(), "/test/counter", time.Now().String()) // always in between
		})
		require.ErrorIs(t, err, context.DeadlineExceeded)
		_, err = c.Read(within(t, time.Minute), "/test/counter")
		require.NoError(t, err)
	})
}

// A transaction inside another is simply a second one.
func TestTransactionInsideAnother(t *testing.T) {
	on(t, func(t *testing.T, d daemon) {
		ctx, c := within(t, time.Minute), dial(t, d)
		require.NoError(t, c.Mkdir(ctx, "/test/outer"))
		require.NoError(t, c.Mkdir(ctx, "/test/inner"))
		require.NoError(t, c.Transaction(ctx, func(outer *xenstore.Tx) error {
			require.NoError(t, outer.Write(ctx, "/test/outer/key", "o"))
			require.NoError(t, c.Transaction(ctx, func(inner *xenstore.Tx) error {
				_, err := inner.Read(ctx, "/test/outer/key")
				require.ErrorIs(t, err, xenstore.ErrNotExist)
				return inner.Write(ctx, "/test/inner/key", "i")
			}))
			return nil
		}))
		values, err := c.ReadAll(ctx, "/test/outer/key", "/test/inner/key")
		require.NoError(t, err)
		require.Equal(t, map[string]string{"/test/outer/key": "o", "/test/inner/key": "i"}, values)
	})
}

func TestConcurrentTransactionsLoseNothing(t *testing.T) {
	on(t, func(t *testing.T, d daemon) {
		ctx := within(t, time.Minute)
		clients := []*xenstore.Client{dial(t, d), dial(t, d)}
		require.NoError(t, clients[0].Write(ctx, "/test/counter", "0"))
		var running sync.WaitGroup
		for i := range 6 { // three on each connection
			running.Go(func() {
				for range 10 {
					err := clients[i%2].Transaction(ctx, func(tx *xenstore.Tx) error {
						seen, err := tx.Read(ctx, "/test/counter")
						if err != nil {
							return err
						}
						n, err := strconv.Atoi(seen)
						if err != nil {
							return err
						}
						return tx.Write(ctx, "/test/counter", strconv.Itoa(n+1))
					})
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
		running.Wait()
		got, err := clients[0].Read(ctx, "/test/counter")
		require.NoError(t, err)
		require.Equal(t, "60", got)
	})
}
