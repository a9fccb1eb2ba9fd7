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
	held, err := book{dir}.buckets()
	return len(held) > 0 && err == nil
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

// buckets are those that there is something in, in order.
func (b book) buckets() ([]bucket, error) {
	files, err := namesIn(b.dir)
	if err != nil {
		return nil, err
	}
	var all []bucket
	for _, file := range files {
		version, chain, _ := strings.Cut(file, ".")
		stem, key, whole := strings.Cut(chain, ".")
		if !whole || strings.HasSuffix(key, beside) {
			continue
		}
		for _, f := range []*xtFamily{ipv4, ipv6} {
			if k, known := bucketOf(f, chainPrefix+stem+"-"+key); known && version == f.version {
				all = append(all, k)
			}
		}
	}
	return inOrder(all), nil
}

// namesIn lists a folder, in no order.
func namesIn(dir string) ([]string, error) {
	f, err := os.Open(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return f.Readdirnames(-1)
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
	if err := os.WriteFile(path+beside, data, 0o600); err != nil {
		return err
	}
	return os.Rename(path+beside, path)
}

// beside is what a file's name ends in until it is whole.
const beside = ".new"

// stamp and setStamp are about a table's fixed chains.
func (b book) stamp(f *xtFamily, table string) string {
	data, _ := os.ReadFile(filepath.Join(b.dir, f.version+"."+table))
	return string(data)
}

func (b book) setStamp(f *xtFamily, table, stamp string) error {
	return b.put(filepath.Join(b.dir, f.version+"."+table), []byte(stamp))
}

// head and setHead are about the head that iptables-legacy's table had after
// our last change; nil for one that is not known.
func (b book) head(f *xtFamily, table string) legacyHead {
	data, _ := os.ReadFile(b.headPath(f, table))
	return data
}

func (b book) setHead(f *xtFamily, table string, h legacyHead) error {
	if h != nil {
		return b.put(b.headPath(f, table), h)
	}
	if err := os.Remove(b.headPath(f, table)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func (b book) headPath(f *xtFamily, table string) string {
	return filepath.Join(b.dir, f.version+"."+table+"-head")
}
