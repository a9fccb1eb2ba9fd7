// Package terminal writes text for people: it keeps what guests call themselves
// from commanding a terminal, colours words, folds lines, and knows how wide the
// window is.
package terminal

import (
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// isTerminal reports whether an output is a terminal.
func isTerminal(out io.Writer) bool {
	f, ok := out.(*os.File)
	if !ok {
		return false
	}
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}

// Colours reports whether an output is to be coloured: a terminal is, but not
// where NO_COLOR is set (no-color.org) or the terminal is a dumb one.
func Colours(out io.Writer, getenv func(string) string) bool {
	return isTerminal(out) && getenv("NO_COLOR") == "" && getenv("TERM") != "dumb"
}

// width is how many columns a terminal has, 0 for what is none.
func width(out io.Writer) int {
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
