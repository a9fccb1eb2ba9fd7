package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// forbidding are the settings by which a machine keeps ordinary users from making namespaces that are of use: the value
// that forbids it and one that allows it.
var forbidding = []struct{ setting, forbids, allows string }{
	{"kernel.unprivileged_userns_clone", "0", "1"},             // Debian's kernels
	{"kernel.apparmor_restrict_unprivileged_userns", "1", "0"}, // Ubuntu, since 23.10
	{"user.max_user_namespaces", "0", "10000"},                 // hardened hosts
}

// refusal is a machine's no to what a lab needs, with what would have to be allowed.
type refusal struct {
	advice string
	cause  error
}

// Error implements error.
func (r *refusal) Error() string { return fmt.Sprintf("%s (%v)", r.advice, r.cause) }

// Unwrap lets errors.Is see the cause.
func (r *refusal) Unwrap() error { return r.cause }

// explain turns a refusal into what to allow. Root says who asked. Other errors stay as they are.
func explain(err error, root bool) error {
	switch {
	case errors.Is(err, unix.EROFS):
		return &refusal{
			"this container's /proc/sys cannot be written to: start it with more rights (docker run --privileged)," +
				" or run the lab outside of it", err,
		}
	case errors.Is(err, unix.EPERM), errors.Is(err, unix.EACCES), errors.Is(err, unix.ENOSPC), errors.Is(err, unix.EUSERS),
		errors.Is(err, unix.EINVAL):
		return &refusal{advice(root), err}
	default:
		return err
	}
}

func advice(root bool) string {
	if root {
		return "not even root may make the lab's namespaces here, as in a container: start it with more rights" +
			" (docker run --privileged), or run the lab outside of it"
	}
	for _, f := range forbidding {
		text, err := os.ReadFile("/proc/sys/" + strings.ReplaceAll(f.setting, ".", "/"))
		if err == nil && strings.TrimSpace(string(text)) == f.forbids {
			return fmt.Sprintf("%s=%s keeps ordinary users from making the lab's namespaces: allow it"+
				" (sysctl -w %s=%s), or run the lab as root", f.setting, f.forbids, f.setting, f.allows)
		}
	}
	return "ordinary users may not make the lab's namespaces here, because the kernel, a container or a security module" +
		" forbids it: run the lab as root"
}
