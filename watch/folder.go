package watch

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"vifctl/hooks/journal"
	"vifctl/hooks/kernel"
	"vifctl/hooks/plan"
)

// folder tells of records that come and go in the journal, whoever writes
// them. It is a folder of files, which inotify sees; of /sys/class/net it would
// see nothing.
type folder struct {
	*news[plan.NIC, []call]
	stream
	dir   string
	calls calls
	reads int
}

// Of a record written beside and renamed, one removed, one set aside; of a lock
// that comes and goes; and of the folder's own end.
const folderEvents = unix.IN_CREATE | unix.IN_MOVED_TO | unix.IN_MOVED_FROM | unix.IN_DELETE | unix.IN_CLOSE_WRITE |
	unix.IN_DELETE_SELF | unix.IN_MOVE_SELF | unix.IN_ONLYDIR

// folderEnd is what is told of a folder that is watched no more.
const folderEnd = unix.IN_DELETE_SELF | unix.IN_MOVE_SELF | unix.IN_IGNORED | unix.IN_UNMOUNT

// watchFolder makes the folder where it is missing: a host on which no guest
// has been started yet.
func watchFolder(dir string, log *slog.Logger) (*folder, error) {
	f := &folder{news: newNews[plan.NIC, []call](), dir: dir}
	f.stream = stream{name: "the journal's folder", log: log, open: f.open, receive: f.receive, again: f.lookAgain}
	return f, f.start()
}

// open makes one that was taken away again, as a call would.
func (f *folder) open() (*os.File, error) {
	if err := os.MkdirAll(f.dir, 0o700); err != nil {
		return nil, fmt.Errorf("watch the journal: %w", err)
	}
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("watch the journal: %w", err)
	}
	if _, err := unix.InotifyAddWatch(fd, f.dir, folderEvents); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("watch the journal %s: %w", f.dir, err)
	}
	return os.NewFile(uintptr(fd), "inotify"), nil
}

func (f *folder) lookAgain() error {
	f.tellAll()
	return nil
}

var errFolderGone = errors.New("it was taken away")

func (f *folder) receive(_ context.Context, buffer []byte) error {
	n, err := f.file.Read(buffer)
	if err != nil {
		return err
	}
	return f.read(buffer[:n])
}

// read takes struct inotify_event, of which a read returns one or more.
func (f *folder) read(data []byte) error {
	f.reads++
	now := time.Now()
	for len(data) >= unix.SizeofInotifyEvent {
		mask := binary.NativeEndian.Uint32(data[4:])
		end := unix.SizeofInotifyEvent + int(binary.NativeEndian.Uint32(data[12:]))
		if end > len(data) {
			return kernel.ErrCutOff
		}
		name := string(bytes.TrimRight(data[unix.SizeofInotifyEvent:end], "\x00"))
		data = data[end:]
		switch {
		case mask&folderEnd != 0:
			return errFolderGone
		case mask&unix.IN_Q_OVERFLOW != 0, journal.IsNetwork(name):
			f.tellAll()
		default:
			if nic, ended, ok := f.calls.see(name, mask, f.reads, now); ok {
				f.tell(nic, func(before []call) []call { return append(before, ended) })
			}
			if nic, _, ok := journal.PortOf(name); ok {
				f.tell(nic, func(before []call) []call { return before })
			}
		}
	}
	return nil
}
