// Package terminal knows whether a person is looking, how wide their window is,
// and how to colour a word for them. What goes into a file or a pipe is plain.
package terminal

import (
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// Paint colours words, or leaves them as they are.
type Paint bool

// For returns the paint for an output: colours on a terminal only, and not where
// NO_COLOR is set (no-color.org) or the terminal is a dumb one.
func For(out io.Writer, getenv func(string) string) Paint {
	return Paint(Is(out) && getenv("NO_COLOR") == "" && getenv("TERM") != "dumb")
}

// Is reports whether an output is a terminal.
func Is(out io.Writer) bool {
	f, ok := out.(*os.File)
	if !ok {
		return false
	}
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}

// Width is how many columns a terminal has, 0 for what is none.
func Width(out io.Writer) int {
	f, ok := out.(*os.File)
	if !ok {
		return 0
	}
	size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return 0
	}
	return int(size.Col)
}

func (p Paint) with(code, s string) string {
	if !p || s == "" {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

// Good is green, Warn yellow, Bad red.
func (p Paint) Good(s string) string { return p.with("32", s) }

// Warn is for what deserves a look.
func (p Paint) Warn(s string) string { return p.with("33", s) }

// Bad is for what is broken.
func (p Paint) Bad(s string) string { return p.with("1;31", s) }

// Bold is for what the eye should find first.
func (p Paint) Bold(s string) string { return p.with("1", s) }

// Faint is for what it may pass over.
func (p Paint) Faint(s string) string { return p.with("2", s) }

// Clear takes everything off the screen and begins at its top.
func (p Paint) Clear() string { return "\x1b[H\x1b[2J" }
