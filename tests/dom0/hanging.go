package dom0

import (
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sys/unix"
)

// A HangingStore is a xenstored that stops answering when it is told to, in one of three ways.
type HangingStore struct {
	listener net.Listener
	behind   string // the socket of the daemon that answers

	mu  sync.Mutex
	how Hang
	// resumed is closed when it answers again.
	resumed chan struct{}
	// full are connections that it does not take.
	full []int
	path string
}

// Hang is how a xenstored hangs.
type Hang string

// The ways: it takes no connections, it takes them and says nothing, it says half of an answer.
const (
	HangsAtDial Hang = "dial"
	HangsAtRead Hang = "read"
	HangsHalf   Hang = "half an answer"
)

// Start is a Store.
func (h *HangingStore) Start() (socket string, stop func(), err error) {
	behind, stopBehind, err := EmbeddedStore()
	if err != nil {
		return "", nil, err
	}
	dir, err := os.MkdirTemp("", "dom0")
	if err != nil {
		return "", nil, err
	}
	h.behind, h.path = behind, filepath.Join(dir, "socket")
	// xenstored's own backlog is 1.
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err == nil {
		err = errors.Join(unix.Bind(fd, &unix.SockaddrUnix{Name: h.path}), unix.Listen(fd, 1))
	}
	if err == nil {
		file := os.NewFile(uintptr(fd), h.path)
		h.listener, err = net.FileListener(file)
		_ = file.Close()
	}
	if err != nil {
		return "", nil, err
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			h.wait(HangsAtDial)
			c, err := h.listener.Accept()
			if err != nil {
				return
			}
			go h.serve(c)
		}
	})
	return h.path, func() {
		_ = h.listener.Close()
		h.Resume()
		serving.Wait()
		stopBehind()
		_ = os.RemoveAll(dir)
	}, nil
}

// wait waits while it hangs in one of some ways.
func (h *HangingStore) wait(ways ...Hang) {
	h.mu.Lock()
	how, resumed := h.how, h.resumed
	h.mu.Unlock()
	for _, w := range ways {
		if w == how {
			<-resumed
		}
	}
}

func (h *HangingStore) serve(c net.Conn) {
	defer c.Close()
	s, err := net.Dial("unix", h.behind)
	if err != nil {
		return
	}
	defer s.Close()
	go func() {
		defer s.Close()
		_, _ = io.Copy(s, c)
	}()
	room := make([]byte, 8192)
	for {
		n, err := s.Read(room)
		if err != nil {
			return
		}
		h.wait(HangsAtRead, HangsAtDial)
		h.mu.Lock()
		how := h.how
		h.mu.Unlock()
		if how == HangsHalf {
			_, _ = c.Write(room[:7])
			h.wait(HangsHalf)
			return
		}
		if _, err := c.Write(room[:n]); err != nil {
			return
		}
	}
}

// Hang makes it hang.
func (h *HangingStore) Hang(how Hang) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.how, h.resumed = how, make(chan struct{})
	for how == HangsAtDial {
		fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
		if err != nil {
			return err
		}
		h.full = append(h.full, fd)
		// The first one wakes who accepts, and is taken.
		if err := unix.Connect(fd, &unix.SockaddrUnix{Name: h.path}); errors.Is(err, unix.EAGAIN) {
			return nil
		} else if err != nil {
			return err
		}
	}
	return nil
}

// Resume lets it answer again, what it was asked meanwhile included.
func (h *HangingStore) Resume() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.how == "" {
		return
	}
	h.how = ""
	close(h.resumed)
	for _, fd := range h.full {
		_ = unix.Close(fd)
	}
	h.full = nil
}
