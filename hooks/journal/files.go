package journal

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/google/renameio/v2"
	"golang.org/x/sys/unix"
)

// get reads a record into what into points at. there is false where there is
// none.
func (j *Journal) get(path string, into any) (there bool, err error) {
	data, err := readRegular(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("journal: %w", err)
	}
	if err := records.Read(data, into); err != nil {
		return false, fmt.Errorf("journal %s is damaged: %w", path, err)
	}
	return true, nil
}

// mostBytes is more than any record has: a port with thousands of forwards has a few
// hundred KiB.
const mostBytes = 16 << 20

// readRegular reads a regular file; whatever else stands in its place, a FIFO for one, is
// an error and hangs no call.
func readRegular(path string) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is damaged: it is no regular file", path)
	}
	if info.Size() > mostBytes {
		return nil, fmt.Errorf("%s is damaged: it has %d bytes", path, info.Size())
	}
	data := make([]byte, info.Size())
	if _, err := io.ReadFull(f, data); err != nil {
		return nil, err
	}
	return data, nil
}

// put puts a record in place, whole or not at all.
func (j *Journal) put(path string, record any) error {
	data, err := records.Append(nil, record)
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	return j.write(path, append(data, '\n'))
}

func (j *Journal) write(path string, data []byte) error {
	if err := os.MkdirAll(j.dir, 0o700); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	// Else the caller's TMPDIR would be asked for a place.
	if err := renameio.WriteFile(path, data, 0o600, renameio.WithTempDir(j.dir)); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	return nil
}

// remove removes a file. That it is not there is no error.
func (j *Journal) remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("journal: %w", err)
	}
	return nil
}
