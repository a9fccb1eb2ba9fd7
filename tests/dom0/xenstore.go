package dom0

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"vifctl/hooks/xenstore"
	"vifctl/tests/speed"
)

// What libxl would write goes through vifctl's client. What tests look at is read by Xen's own programs: the tests' eyes are
// not the ones under test.

// Xenstore is the whole store as text, a line a key, sorted, without what the daemon keeps about itself.
func (d *Dom0) Xenstore() string {
	out, err := d.run("xenstore-ls", "-f")
	if err != nil {
		return err.Error() + "\n"
	}
	lines := slices.DeleteFunc(strings.Split(strings.TrimSpace(out), "\n"), func(line string) bool {
		return strings.HasPrefix(line, "/tool")
	})
	slices.Sort(lines)
	return strings.Join(lines, "\n") + "\n"
}

// Read reads a key; ok is false when it is not there.
func (d *Dom0) Read(key string) (value string, ok bool) {
	r := d.Run("xenstore-read", key)
	return strings.TrimSuffix(r.Stdout, "\n"), r.Exit == 0
}

// toolstack does something over a connection of the toolstack's, a new one each time: a xenstored may be started again.
func (d *Dom0) toolstack(do func(context.Context, *xenstore.Client) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), speed.Patience)
	defer cancel()
	c, err := xenstore.DialPath(ctx, d.socket)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	return do(ctx, c)
}

// Key reads a key as the toolstack does, without a program of Xen's; "" is also one that is not there.
func (d *Dom0) Key(key string) (value string) {
	_ = d.toolstack(func(ctx context.Context, c *xenstore.Client) (err error) {
		value, err = c.Read(ctx, key)
		return err
	})
	return value
}

// Write writes keys and their values, in pairs.
func (d *Dom0) Write(pairs ...string) error {
	if len(pairs)%2 != 0 {
		return fmt.Errorf("a key without a value: %q", pairs)
	}
	return d.toolstack(func(ctx context.Context, c *xenstore.Client) error {
		for pair := range slices.Chunk(pairs, 2) {
			if err := c.Write(ctx, pair[0], pair[1]); err != nil {
				return err
			}
		}
		return nil
	})
}

// Remove removes keys and all below them.
func (d *Dom0) Remove(keys ...string) error {
	return d.toolstack(func(ctx context.Context, c *xenstore.Client) error {
		var failed []error
		for _, key := range keys {
			failed = append(failed, c.Remove(ctx, key))
		}
		return errors.Join(failed...)
	})
}
