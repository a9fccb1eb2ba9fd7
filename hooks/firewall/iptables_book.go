package firewall

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"vifctl/hooks/plan"
)

// book is the folder in which it is written down what is in the buckets: a file
// each, and one for each table's fixed chains. It may be lost: then what it said
// has to be put in force anew, port by port.
type book struct{ dir string }

// Booked reports whether iptables holds rules of ours for any guest, by the
// book in that folder.
func Booked(dir string) bool {
	files, _ := os.ReadDir(dir)
	return slices.ContainsFunc(files, func(f os.DirEntry) bool {
		return strings.Count(f.Name(), ".") == 2 && !strings.HasSuffix(f.Name(), ".new")
	})
}

// lockRetry is how often a held lock is tried again.
const lockRetry = 2 * time.Millisecond

// lock makes changes come one after the other.
func (b book) lock(ctx context.Context) (release func(), err error) {
	if err := os.MkdirAll(b.dir, 0o700); err != nil {
		return nil, err
	}
	f := flock.New(filepath.Join(b.dir, "lock"), flock.SetPermissions(0o600))
	got, err := f.TryLockContext(ctx, lockRetry)
	if err != nil || !got {
		return nil, fmt.Errorf("another call still holds %s: %w", f.Path(), err)
	}
	return func() { _ = f.Close() }, nil
}

func (b book) path(k bucket) string {
	return filepath.Join(b.dir, k.family.version+"."+k.stem+"."+k.key)
}

// read tells what is in a bucket. A file that cannot be understood is none.
func (b book) read(k bucket) ([]plan.Rule, error) {
	data, err := os.ReadFile(b.path(k))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var held []plan.Rule
	if json.Unmarshal(data, &held) != nil {
		return nil, nil
	}
	return held, nil
}

// write writes down what has changed.
func (b book) write(was, now map[bucket][]plan.Rule) error {
	for k, held := range now {
		if slices.Equal(was[k], held) {
			continue
		}
		if len(held) == 0 {
			if err := os.Remove(b.path(k)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
			continue
		}
		data, err := json.Marshal(held)
		if err != nil {
			return err
		}
		if err := b.put(b.path(k), data); err != nil {
			return err
		}
	}
	return nil
}

// put puts a file in place, whole or not at all. It is not forced to the disk:
// what it speaks of does not outlive the kernel either. The lock is held.
func (b book) put(path string, data []byte) error {
	beside := path + ".new"
	if err := os.WriteFile(beside, data, 0o600); err != nil {
		return err
	}
	return os.Rename(beside, path)
}

// stamp and setStamp are about a table's fixed chains.
func (b book) stamp(f *xtFamily, table string) string {
	data, _ := os.ReadFile(filepath.Join(b.dir, f.version+"."+table))
	return string(data)
}

func (b book) setStamp(f *xtFamily, table, stamp string) error {
	return b.put(filepath.Join(b.dir, f.version+"."+table), []byte(stamp))
}
