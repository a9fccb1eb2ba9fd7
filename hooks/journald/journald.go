// Package journald writes a log to systemd's journal with its fields, so that
// `journalctl VIFCTL_PORT=vif1.0-emu` finds what was done to one port. It is
// for a process whose standard error is the journal already; anywhere else it
// says so and does nothing.
package journald

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"strings"
	"syscall"
)

// Socket is where the journal listens (systemd's sd_journal_send(3) and
// JOURNAL_NATIVE_PROTOCOL).
const Socket = "/run/systemd/journal/socket"

// Prefix is before the name of each field of ours.
const Prefix = "VIFCTL_"

// Is reports whether w is the journal: systemd says in JOURNAL_STREAM
// (systemd.exec(5)) which file it gave us.
func Is(w io.Writer, journalStream string) bool {
	f, ok := w.(*os.File)
	if !ok || journalStream == "" {
		return false
	}
	info, err := f.Stat()
	if err != nil {
		return false
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && fmt.Sprintf("%d:%d", st.Dev, st.Ino) == journalStream
}

// Handler is a slog.Handler.
type Handler struct {
	conn       *net.UnixConn
	identifier string
	otherwise  slog.Handler
	attrs      []slog.Attr
}

// Open connects to the journal at socket. What cannot be sent goes to
// otherwise, which also decides which levels are wanted.
func Open(socket, identifier string, otherwise slog.Handler) (*Handler, error) {
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		return nil, fmt.Errorf("open the journal: %w", err)
	}
	return &Handler{conn: conn, identifier: identifier, otherwise: otherwise}, nil
}

// Enabled implements slog.Handler.
func (h *Handler) Enabled(ctx context.Context, l slog.Level) bool { return h.otherwise.Enabled(ctx, l) }

// Handle implements slog.Handler: the message has all attributes behind it, as
// in a plain log, and each is a field besides.
func (h *Handler) Handle(ctx context.Context, r slog.Record) error {
	var fields bytes.Buffer
	Field(&fields, "SYSLOG_IDENTIFIER", h.identifier)
	Field(&fields, "PRIORITY", fmt.Sprint(Priority(r.Level)))
	var words []string
	add := func(a slog.Attr) bool {
		if v := a.Value.String(); v != "" {
			words = append(words, a.Key+" "+v)
			Field(&fields, Prefix+name(a.Key), v)
		}
		return true
	}
	for _, a := range h.attrs {
		add(a)
	}
	r.Attrs(add)
	message := r.Message
	if len(words) > 0 {
		message += " (" + strings.Join(words, ", ") + ")"
	}
	Field(&fields, "MESSAGE", message)
	if _, err := h.conn.Write(fields.Bytes()); err != nil {
		return h.otherwise.Handle(ctx, r) // journald is being restarted, or the record is too long
	}
	return nil
}

// WithAttrs implements slog.Handler.
func (h *Handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	c := *h
	c.attrs = append(append([]slog.Attr{}, h.attrs...), attrs...)
	c.otherwise = h.otherwise.WithAttrs(attrs)
	return &c
}

// WithGroup implements slog.Handler; nothing here uses groups.
func (h *Handler) WithGroup(string) slog.Handler { return h }

// Field adds one field: NAME=value, or the form with a length for a value of
// several lines.
func Field(to *bytes.Buffer, name, value string) {
	to.WriteString(name)
	if !strings.Contains(value, "\n") {
		to.WriteByte('=')
		to.WriteString(value)
	} else {
		to.WriteByte('\n')
		_ = binary.Write(to, binary.LittleEndian, uint64(len(value))) // a buffer takes all
		to.WriteString(value)
	}
	to.WriteByte('\n')
}

// name makes a field's name: capitals, digits and underscores.
func name(key string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'A'
		case r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
			return r
		}
		return '_'
	}, key)
}

// Priority is syslog's number for a level.
func Priority(l slog.Level) int {
	switch {
	case l >= slog.LevelError:
		return 3
	case l >= slog.LevelWarn:
		return 4
	case l >= slog.LevelInfo:
		return 6
	}
	return 7
}
