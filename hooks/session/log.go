package session

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync"
)

// newLog tells a person, by standard error, what went wrong or may go wrong. What went well
// is in the line that each call leaves in the system's log.
func newLog(c Caller) *slog.Logger {
	return slog.New(NewHandler(c.Stderr, c.Name, slog.LevelWarn))
}

// handler writes records as sentences: `vif-route: warning: … (port vif1.0)`.
// The journal, or xl's log, adds the time.
type handler struct {
	out   io.Writer
	name  string
	level slog.Level
	attrs []slog.Attr
	mu    *sync.Mutex
}

// NewHandler writes records of a level and above as sentences, one a line, the
// program's name first and the record's fields in brackets.
func NewHandler(out io.Writer, name string, level slog.Level) slog.Handler {
	return &handler{out: out, name: name, level: level, mu: &sync.Mutex{}}
}

// Enabled implements slog.Handler.
func (h *handler) Enabled(_ context.Context, l slog.Level) bool { return l >= h.level }

// Handle implements slog.Handler.
func (h *handler) Handle(_ context.Context, r slog.Record) error {
	var line bytes.Buffer
	fmt.Fprintf(&line, "%s: ", h.name)
	switch {
	case r.Level >= slog.LevelError:
		line.WriteString("error: ")
	case r.Level >= slog.LevelWarn:
		line.WriteString("warning: ")
	}
	line.WriteString(r.Message)
	open := " ("
	add := func(a slog.Attr) bool {
		if v := a.Value.String(); v != "" {
			fmt.Fprintf(&line, "%s%s %s", open, a.Key, v)
			open = ", "
		}
		return true
	}
	for _, a := range h.attrs {
		add(a)
	}
	r.Attrs(add)
	if open == ", " {
		line.WriteByte(')')
	}
	line.WriteByte('\n')
	h.mu.Lock()
	defer h.mu.Unlock()
	_, err := h.out.Write(line.Bytes())
	return err
}

// WithAttrs implements slog.Handler.
func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	c := *h
	c.attrs = append(append([]slog.Attr{}, h.attrs...), attrs...)
	return &c
}

// WithGroup implements slog.Handler; nothing here uses groups.
func (h *handler) WithGroup(string) slog.Handler { return h }
