package xenstore_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"vifctl/hooks/xenstore"
)

// Our server and the C daemon are given the same requests, in and outside transactions of two clients, and have to answer
// alike, have equal trees, and tell the same watchers the same.
func TestTwins(t *testing.T) {
	ours, theirs := startEmbedded(t), startReal(t)
	rapid.Check(t, func(rt *rapid.T) {
		script := rapid.SliceOfN(rapid.Custom(drawStep), 1, 30).Draw(rt, "steps")
		a, b := play(t, ours, script), play(t, theirs, script)
		if a != b {
			rt.Fatalf("ours:\n%s\ntheirs:\n%s", a, b)
		}
	})
}

// step is one request of one of the clients. Several in a row of one client with the same transaction are one transaction.
type step struct {
	verb, path, value string
	inTransaction     bool
	client            int
}

func drawStep(rt *rapid.T) step {
	names := rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c"}), 1, 3).Draw(rt, "names")
	return step{
		verb:          rapid.SampledFrom([]string{"read", "write", "write", "mkdir", "remove", "list", "permissions", "permit"}).Draw(rt, "verb"),
		path:          "/twin/" + strings.Join(names, "/"),
		value:         rapid.StringMatching(`[ -~]{0,5}`).Draw(rt, "value"),
		inTransaction: rapid.Bool().Draw(rt, "in a transaction"),
		client:        rapid.IntRange(0, 1).Draw(rt, "client"),
	}
}

// play returns all that could be seen of a script's run.
func play(t *testing.T, d daemon, script []step) string {
	ctx := within(t, time.Minute)
	var clients []*xenstore.Client
	for range 2 {
		c, err := xenstore.DialPath(ctx, d.socket)
		require.NoError(t, err)
		defer func() { _ = c.Close() }()
		clients = append(clients, c)
	}
	require.NoError(t, clients[0].Remove(ctx, "/twin"))
	require.NoError(t, clients[0].Mkdir(ctx, "/twin"))
	var watches []*xenstore.Watch
	for _, path := range []string{"/twin", "/twin/a", "/twin/a/b"} {
		w, err := clients[1].Watch(ctx, path)
		require.NoError(t, err)
		watches = append(watches, w)
	}

	var seen strings.Builder
	for i := 0; i < len(script); i++ {
		s := script[i]
		if !s.inTransaction {
			fmt.Fprintln(&seen, s.run(t, clients[s.client]))
			continue
		}
		// The other client's steps in between run outside, so that some commits conflict.
		// What a run sees that will not be committed is not compared: the C daemon's view can contradict itself there, and
		// then answers EIO (a child removed whose creation the view's parent missed).
		first := i
		runs := 0
		var committed []string
		require.NoError(t, clients[s.client].Transaction(ctx, func(tx *xenstore.Tx) error {
			runs++
			committed = nil
			for i = first; i < len(script) && script[i].inTransaction; i++ {
				if script[i].client == s.client {
					committed = append(committed, script[i].run(t, tx))
				} else if runs == 1 {
					fmt.Fprintln(&seen, script[i].run(t, clients[script[i].client]))
				}
			}
			i--
			return nil
		}))
		fmt.Fprintf(&seen, "transaction, %d runs: %s\n", runs, strings.Join(committed, "; "))
	}
	fmt.Fprintln(&seen, tree(t, clients[1], "/twin"))
	for _, w := range watches {
		var events []string
		for len(w.C) > 0 {
			events = append(events, <-w.C)
		}
		// The order of a commit's events is the daemon's whim, and so is telling one change twice.
		slices.Sort(events)
		fmt.Fprintln(&seen, slices.Compact(events))
	}
	return seen.String()
}

func (s step) run(t *testing.T, on interface {
	Read(ctx context.Context, path string) (string, error)
	Write(ctx context.Context, path, value string) error
	Mkdir(ctx context.Context, path string) error
	Remove(ctx context.Context, path string) error
	List(ctx context.Context, path string) ([]string, error)
	Permissions(ctx context.Context, path string) ([]xenstore.Permission, error)
	SetPermissions(ctx context.Context, path string, permissions ...xenstore.Permission) error
},
) string {
	ctx := within(t, time.Minute)
	var got any
	var err error
	switch s.verb {
	case "read":
		got, err = on.Read(ctx, s.path)
	case "write":
		err = on.Write(ctx, s.path, s.value)
	case "mkdir":
		err = on.Mkdir(ctx, s.path)
	case "remove":
		err = on.Remove(ctx, s.path)
	case "list":
		got, err = on.List(ctx, s.path)
	case "permissions":
		got, err = on.Permissions(ctx, s.path)
	case "permit":
		err = on.SetPermissions(ctx, s.path, xenstore.Permission{Domid: len(s.value), Read: true})
	}
	return fmt.Sprintf("%s %s %q: %v %v", s.verb, s.path, s.value, got, err)
}

// tree is what is at and below a path, children in the daemon's order.
func tree(t *testing.T, c *xenstore.Client, path string) string {
	ctx := within(t, time.Minute)
	value, err := c.Read(ctx, path)
	require.NoError(t, err)
	permissions, err := c.Permissions(ctx, path)
	require.NoError(t, err)
	names, err := c.List(ctx, path)
	require.NoError(t, err)
	text := fmt.Sprintf("%s = %q %v\n", path, value, permissions)
	for _, name := range names {
		text += tree(t, c, path+"/"+name)
	}
	return text
}
