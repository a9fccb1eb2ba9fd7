package terminal

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"
)

// A Writer is what text for people goes through, whether they read it on a
// terminal, in a file or in xl's log. Guests choose their names, and
// files hold any: what would command a terminal is written as ?, and so are
// bytes that are no UTF-8.
//
// Several goroutines may write at once.
type Writer struct {
	out     io.Writer
	colours bool

	mu sync.Mutex
	// begun is a character's beginning, whose end comes with the next Write.
	begun []byte
}

// NewWriter writes to out, with the colours of Good, Bad and their kind where
// colours says so.
func NewWriter(out io.Writer, colours bool) *Writer { return &Writer{out: out, colours: colours} }

// Write implements io.Writer.
func (w *Writer) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	text := append(w.begun, p...)
	w.begun = nil
	safe := make([]byte, 0, len(text))
	for len(text) > 0 {
		if !utf8.FullRune(text) {
			w.begun = append(w.begun, text...)
			break
		}
		r, size := utf8.DecodeRune(text)
		switch code := sequence(r); {
		case code != "" && w.colours:
			safe = append(safe, code...)
		case code != "":
		case !harmless(r, size):
			safe = append(safe, '?')
		default:
			safe = append(safe, text[:size]...)
		}
		text = text[size:]
	}
	if _, err := w.out.Write(safe); err != nil {
		return 0, err
	}
	return len(p), nil
}

// harmless reports whether a terminal only shows a character, which size bytes
// made.
func harmless(r rune, size int) bool {
	return (r != utf8.RuneError || size > 1) && (strconv.IsPrint(r) || r == '\n' || r == '\t')
}

// OneLine is a name or a sentence as a Writer without colours writes it, without a
// line's end in it: for what stands in a table, a tree or a picture.
func OneLine(s string) string {
	var b strings.Builder
	_, _ = NewWriter(&b, false).Write([]byte(s)) // a Builder never fails
	return strings.Map(func(r rune) rune {
		if r < ' ' {
			return '?'
		}
		return r
	}, b.String())
}

// Is reports whether it writes to a terminal.
func (w *Writer) Is() bool { return isTerminal(w.out) }

// Width is how many columns its terminal has, 0 for what is none.
func (w *Writer) Width() int { return width(w.out) }

// Clear takes everything off the terminal and begins at its top; elsewhere it does
// nothing.
func (w *Writer) Clear() {
	if w.colours {
		fmt.Fprint(w.out, "\x1b[H\x1b[2J")
	}
}

// Replace writes a line over the one that the cursor is on, "" takes that away.
func (w *Writer) Replace(line string) {
	fmt.Fprint(w.out, "\r")
	fmt.Fprint(w, line)
	fmt.Fprint(w.out, "\x1b[K")
}
