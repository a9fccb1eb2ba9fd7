// Package calllog leaves one line of each call in the journal, with its fields, or in syslog,
// as Xen's scripts did by logger(1): which script, port and guest, and how it ended.
package calllog

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"vifctl/hooks/journald"
)

// Log is where the lines go: sockets that take datagrams.
type Log struct {
	// Journal is systemd's, Syslog what a syslog daemon listens on where there is no
	// journal.
	Journal, Syslog string
}

// System is this host's.
func System() Log { return Log{Journal: journald.Socket, Syslog: "/dev/log"} }

// Call is one call and how it ended.
type Call struct {
	// Script, Command (online) and Port by name.
	Script, Command, Port string
	// Guest, Mode and Bridge are "" where they are not known.
	Guest, Mode, Bridge string
	Domid               int
	// Did is what there was to do where that is worth a word ("nothing to undo"), "" for
	// all that was asked.
	Did string
	// Err is why it failed, nil where it did not.
	Err  error
	Took time.Duration
}

// Write leaves the line. A log that takes nothing at once keeps no call waiting: then the
// line is lost.
func (l Log) Write(c Call) {
	level, outcome := slog.LevelInfo, "done"
	if c.Err != nil {
		level, outcome = slog.LevelError, "failed"
	}
	if send(l.Journal, c.fields(level, outcome)) != nil {
		_ = send(l.Syslog, c.line(level))
	}
}

// sentence is what a person reads.
func (c Call) sentence() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s: ", c.Command, c.Port)
	switch {
	case c.Err != nil:
		// An error names the port itself.
		b.WriteString("failed: " + oneLine(strings.TrimPrefix(c.Err.Error(), c.Port+": ")))
	case c.Did != "":
		b.WriteString(c.Did)
	default:
		b.WriteString("done")
	}
	b.WriteString(" (")
	for _, word := range [][2]string{{"guest", c.Guest}, {"mode", c.Mode}, {"bridge", c.Bridge}} {
		if word[1] != "" {
			fmt.Fprintf(&b, "%s %s, ", word[0], oneLine(word[1]))
		}
	}
	fmt.Fprintf(&b, "%d ms)", c.Took.Milliseconds())
	return b.String()
}

// oneLine keeps what a guest may be called from beginning a line of its own.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
}

func (c Call) fields(level slog.Level, outcome string) []byte {
	var b bytes.Buffer
	journald.Field(&b, "MESSAGE", c.sentence())
	journald.Field(&b, "SYSLOG_IDENTIFIER", c.Script)
	journald.Field(&b, "PRIORITY", fmt.Sprint(journald.Priority(level)))
	for _, f := range [][2]string{
		{"PORT", c.Port},
		{"GUEST", c.Guest},
		{"DOMID", fmt.Sprint(c.Domid)},
		{"COMMAND", c.Command},
		{"MODE", c.Mode},
		{"BRIDGE", c.Bridge},
		{"OUTCOME", outcome},
		{"MILLISECONDS", fmt.Sprint(c.Took.Milliseconds())},
	} {
		if f[1] != "" {
			journald.Field(&b, journald.Prefix+f[0], f[1])
		}
	}
	if c.Err != nil {
		journald.Field(&b, journald.Prefix+"ERROR", c.Err.Error())
	}
	return b.Bytes()
}

// daemon is syslog's facility (RFC 3164, 4.1.1), which Xen's scripts wrote to.
const daemon = 3 << 3

// line is a message as a local syslog daemon takes it.
func (c Call) line(level slog.Level) []byte {
	return fmt.Appendf(nil, "<%d>%s %s[%d]: %s", daemon|journald.Priority(level), time.Now().Format(time.Stamp), c.Script, os.Getpid(), c.sentence())
}

// send sends one datagram without waiting. It takes two system calls more than nothing, and
// no poller.
func send(path string, data []byte) error {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return unix.Sendto(fd, data, unix.MSG_NOSIGNAL, &unix.SockaddrUnix{Name: path})
}
