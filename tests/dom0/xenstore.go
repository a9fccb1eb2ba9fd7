package dom0

import (
	"fmt"
	"slices"
	"strings"
)

// Xen's own programs read and write the store here, not vifctl's client: the tests' eyes are not the ones under test.

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

// Write writes keys and their values, in pairs.
func (d *Dom0) Write(pairs ...string) error { return d.store(pairs...) }

// Remove removes keys and all below them.
func (d *Dom0) Remove(keys ...string) error {
	_, err := d.run("xenstore-rm", keys...)
	return err
}

func (d *Dom0) store(pairs ...string) error {
	if len(pairs)%2 != 0 {
		return fmt.Errorf("a key without a value: %q", pairs)
	}
	_, err := d.run("xenstore-write", append([]string{"--"}, pairs...)...)
	return err
}
