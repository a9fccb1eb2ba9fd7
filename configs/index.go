package configs

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/google/renameio/v2"
)

// Below worthIndex bytes, some ten guests, reading the files takes less time
// than it takes to find the index.
const worthIndex = 2048

// settled is how long ago a file must have been changed for the index to
// believe in its time stamp: it could be changed once more in the same tick of
// the kernel's clock.
const settled = time.Second

// index is a configuration that was found without a mistake, in a form in which
// one guest's entry is found without reading the others: with 5,000 guests a
// call could not be done in its time otherwise. It is four lines or more:
//
//	the checksum of all that follows
//	the files it was made of, and the program that made it
//	the host's settings
//	KEY <tab> NUMBER <tab> ENTRY    for each guest, sorted by KEY
//
// KEY is the most precise thing that the entry knows its guest by, NUMBER its
// place in the order of the files.
type index struct{ lines []byte }

// LoadIndexed is Load for calls that ask about one guest: it keeps an index in
// the file at indexPath, as long as that is worth it, and believes it as long as
// no file of the configuration has changed. An index that cannot be used or
// written is no error: it is made again the next time.
func LoadIndexed(path, indexPath string) (Config, error) {
	stamp, size, newest, err := stampOf(path)
	switch {
	case err == nil && len(stamp) == 0:
		return Standard(), nil
	case err != nil || size < worthIndex:
		return Load(path)
	}
	if c, ok := openIndex(indexPath, stamp); ok {
		return c, nil
	}
	c, err := Load(path)
	if err == nil && time.Since(newest) > settled {
		_ = writeIndex(indexPath, stamp, c)
	}
	return c, err
}

// stampOf says what the files, of size bytes in all, look like from outside:
// when any of them changes, or one comes or goes, so does the stamp; and when the
// program does. Without any file it is empty.
func stampOf(path string) (stamp []byte, size int64, newest time.Time, err error) {
	paths, err := Files(path)
	if err != nil {
		return nil, 0, newest, err
	}
	var st syscall.Stat_t
	for i, p := range paths {
		switch err := syscall.Stat(p, &st); {
		case i == 0 && errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			return nil, 0, newest, &os.PathError{Op: "stat", Path: p, Err: err}
		}
		stamp = appendStamp(stamp, p, &st)
		size += st.Size
		for _, t := range []syscall.Timespec{st.Mtim, st.Ctim} {
			if t := time.Unix(t.Unix()); t.After(newest) {
				newest = t
			}
		}
	}
	if size < worthIndex {
		return stamp, size, newest, nil
	}
	// /proc/self/exe stays the program we are, when its file is replaced.
	const self = "/proc/self/exe"
	if err := syscall.Stat(self, &st); err != nil {
		return nil, 0, newest, &os.PathError{Op: "stat", Path: self, Err: err}
	}
	return append(appendStamp(stamp, self, &st), '\n'), size, newest, nil
}

func appendStamp(stamp []byte, path string, st *syscall.Stat_t) []byte {
	return fmt.Appendf(stamp, "%q %d %d %d %d %d ", path, st.Dev, st.Ino, st.Size, st.Mtim.Nano(), st.Ctim.Nano())
}

// openIndex maps an index into memory, until no Config needs it any more.
func openIndex(path string, stamp []byte) (Config, bool) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if err != nil {
		return Config{}, false
	}
	defer f.Close()
	var st syscall.Stat_t
	if syscall.Fstat(int(f.Fd()), &st) != nil || st.Mode&syscall.S_IFMT != syscall.S_IFREG ||
		int(st.Uid) != os.Geteuid() || st.Mode&0o022 != 0 || st.Size == 0 {
		return Config{}, false
	}
	data, err := syscall.Mmap(int(f.Fd()), 0, int(st.Size), syscall.PROT_READ, syscall.MAP_PRIVATE|syscall.MAP_POPULATE)
	if err != nil {
		return Config{}, false
	}
	sum, rest, _ := bytes.Cut(data, []byte("\n"))
	if !bytes.HasPrefix(rest, stamp) || string(sum) != checksum(rest) {
		_ = syscall.Munmap(data)
		return Config{}, false
	}
	host, lines, _ := bytes.Cut(rest[len(stamp):], []byte("\n"))
	var c Config
	if json.Unmarshal(host, &c.Host) != nil {
		_ = syscall.Munmap(data)
		return Config{}, false
	}
	c.index = &index{lines}
	runtime.AddCleanup(c.index, func(data []byte) { _ = syscall.Munmap(data) }, data)
	return c, true
}

func checksum(data []byte) string {
	h := fnv.New64a()
	h.Write(data)
	return fmt.Sprintf("%016x", h.Sum64())
}

func writeIndex(path string, stamp []byte, c Config) error {
	type line struct {
		key, rest string
	}
	lines := make([]line, len(c.guests))
	for i, g := range c.guests {
		entry, err := json.Marshal(g)
		if err != nil {
			return err
		}
		lines[i] = line{indexKey(g.MAC, g.UUID, g.Name), fmt.Sprintf("\t%d\t%s\n", i, entry)}
	}
	slices.SortStableFunc(lines, func(a, b line) int { return strings.Compare(a.key, b.key) })
	host, err := json.Marshal(c.Host)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	b.Write(stamp)
	b.Write(append(host, '\n'))
	for _, l := range lines {
		b.WriteString(l.key + l.rest)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	data := append([]byte(checksum(b.Bytes())+"\n"), b.Bytes()...)
	return renameio.WriteFile(path, data, 0o600, renameio.WithTempDir(filepath.Dir(path)))
}

// indexKey is where an entry is looked for that knows its guest by these.
func indexKey(mac, uuid, name string) string {
	switch {
	case mac != "":
		return "mac " + mac
	case uuid != "":
		return "uuid " + uuid
	}
	return "name " + strconv.Quote(name)
}

// candidates returns the entries that may be about a NIC.
func (x *index) candidates(m Match) (all []Guest) {
	defer runtime.KeepAlive(x)
	var keys []string
	if m.MAC != "" {
		keys = append(keys, indexKey(m.MAC, "", ""))
	}
	if m.UUID != "" {
		keys = append(keys, indexKey("", m.UUID, ""))
	}
	for _, key := range append(keys, indexKey("", "", m.Name)) {
		for line := range bytes.Lines(x.from(key)) {
			k, _, entry := splitLine(line)
			if k != key {
				break
			}
			all = append(all, decode(entry))
		}
	}
	return all
}

// from returns the lines that do not come before key, by halves.
func (x *index) from(key string) []byte {
	low, high := 0, len(x.lines)
	for low < high {
		start := low
		if i := bytes.LastIndexByte(x.lines[low:low+(high-low)/2], '\n'); i >= 0 {
			start = low + i + 1
		}
		end := start + bytes.IndexByte(x.lines[start:], '\n') + 1
		if k, _, _ := splitLine(x.lines[start:end]); k < key {
			low = end
		} else {
			high = start
		}
	}
	return x.lines[low:]
}

// all returns every entry, in the order of the files.
func (x *index) all() []Guest {
	defer runtime.KeepAlive(x)
	guests := make([]Guest, bytes.Count(x.lines, []byte("\n")))
	for line := range bytes.Lines(x.lines) {
		_, number, entry := splitLine(line)
		guests[number] = decode(entry)
	}
	return guests
}

func splitLine(line []byte) (key string, number int, entry []byte) {
	k, rest, _ := bytes.Cut(line, []byte("\t"))
	n, entry, _ := bytes.Cut(rest, []byte("\t"))
	number, _ = strconv.Atoi(string(n))
	return string(k), number, entry
}

// decode reads an entry, which the checksum says is as we wrote it.
func decode(entry []byte) (g Guest) {
	if err := json.Unmarshal(entry, &g); err != nil {
		panic(fmt.Sprintf("the configuration's index is damaged: %v", err))
	}
	return g
}
