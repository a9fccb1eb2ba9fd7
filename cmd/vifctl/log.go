package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync"
)

// newLog tells a person, by standard error, what went wrong or may go wrong. A
// terminal on which xl create runs is no place for what went well, a journal
// is.
func newLog(inv invocation) *slog.Logger {
	level := slog.LevelWarn
	if inv.Getenv("JOURNAL_STREAM") != "" {
		level = slog.LevelInfo
	}
	return slog.New(&plainHandler{out: inv.Stderr, name: inv.Name, level: level, mu: &sync.Mutex{}})
}

// plainHandler writes records as sentences: `vif-route: warning: … (port vif1.0)`.
// Whoever keeps our standard error adds the time.
type plainHandler struct {
	out   io.Writer
	name  string
	level slog.Level
	attrs []slog.Attr
	mu    *sync.Mutex
}

// Enabled implements slog.Handler.
func (h *plainHandler) Enabled(_ context.Context, l slog.Level) bool { return l >= h.level }

// Handle implements slog.Handler.
func (h *plainHandler) Handle(_ context.Context, r slog.Record) error {
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
func (h *plainHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	c := *h
	c.attrs = append(append([]slog.Attr{}, h.attrs...), attrs...)
	return &c
}

// WithGroup implements slog.Handler; nothing here uses groups.
func (h *plainHandler) WithGroup(string) slog.Handler { return h }
