package xenstore

import (
	"errors"
	"fmt"
	"strings"
	"syscall"

	"vifctl/hooks/xenstore/internal/wire"
)

var (
	// ErrNotExist is the daemon's ENOENT: there is no such path.
	ErrNotExist = errors.New("no such path")
	// ErrPermission is the daemon's EACCES or EPERM, or a socket this process may not open.
	ErrPermission = errors.New("permission denied")
	// ErrAgain is the daemon's EAGAIN: another client changed what the transaction read. Transaction handles it itself.
	ErrAgain = errors.New("changed by another client meanwhile, to be tried again")
	// ErrClosed says that the connection is gone: the daemon ended, it spoke nonsense, or Close was called.
	ErrClosed = errors.New("the connection to xenstored is closed")
)

// daemonError is the error a TypeError answer stands for. Names without a sentinel stay syscall.Errno, so that
// errors.Is(err, syscall.E2BIG) works.
func daemonError(payload string) error {
	errno, ok := wire.Errno(payload)
	if !ok {
		return fmt.Errorf("xenstored answered with the unknown error %.40q", payload)
	}
	switch errno {
	case syscall.ENOENT:
		return ErrNotExist
	case syscall.EACCES, syscall.EPERM:
		return ErrPermission
	case syscall.EAGAIN:
		return ErrAgain
	default:
		return errno
	}
}

// dialErrors joins what every address answered into one line; errors.Join would use one line each.
type dialErrors []error

func (e dialErrors) Error() string {
	text := make([]string, len(e))
	for i, err := range e {
		text[i] = err.Error()
	}
	return strings.Join(text, "; ")
}

func (e dialErrors) Unwrap() []error { return e }
