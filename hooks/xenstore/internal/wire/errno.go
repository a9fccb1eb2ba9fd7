package wire

import "syscall"

// errnos holds the names that an error frame may carry: xsd_errors in xs_wire.h.
var errnos = [...]struct {
	name  string
	errno syscall.Errno
}{
	{"EINVAL", syscall.EINVAL},
	{"EACCES", syscall.EACCES},
	{"EEXIST", syscall.EEXIST},
	{"EISDIR", syscall.EISDIR},
	{"ENOENT", syscall.ENOENT},
	{"ENOMEM", syscall.ENOMEM},
	{"ENOSPC", syscall.ENOSPC},
	{"EIO", syscall.EIO},
	{"ENOTEMPTY", syscall.ENOTEMPTY},
	{"ENOSYS", syscall.ENOSYS},
	{"EROFS", syscall.EROFS},
	{"EBUSY", syscall.EBUSY},
	{"EAGAIN", syscall.EAGAIN},
	{"EISCONN", syscall.EISCONN},
	{"E2BIG", syscall.E2BIG},
	{"EPERM", syscall.EPERM},
}

// Errno returns what an error frame's payload names. A name outside the protocol is not ok.
func Errno(payload string) (errno syscall.Errno, ok bool) {
	if n := len(payload); n > 0 && payload[n-1] == 0 {
		payload = payload[:n-1]
	}
	for _, e := range errnos {
		if e.name == payload {
			return e.errno, true
		}
	}
	return 0, false
}

// ErrorName is the payload that names errno in an error frame. As in xenstored, what the protocol cannot name is EINVAL.
func ErrorName(errno syscall.Errno) string {
	for _, e := range errnos {
		if e.errno == errno {
			return e.name + "\x00"
		}
	}
	return "EINVAL\x00"
}
