package terminal

import (
	"io"
	"strconv"
	"unicode/utf8"
)

// A Writer is what text for people goes through, whether they read it on a
// terminal, in a file or in xl's log. Guests choose their names, and so does
// whoever wrote a file: what would command a terminal is written as ?, and so are
// bytes that are no UTF-8.
type Writer struct {
	out io.Writer
	// begun is a character's beginning, whose end comes with the next Write.
	begun []byte
}

// NewWriter writes to out.
func NewWriter(out io.Writer) *Writer { return &Writer{out: out} }

// Write implements io.Writer.
func (w *Writer) Write(p []byte) (int, error) {
	text := append(w.begun, p...)
	w.begun = nil
	safe := make([]byte, 0, len(text))
	for len(text) > 0 {
		if !utf8.FullRune(text) {
			w.begun = append(w.begun, text...)
			break
		}
		r, size := utf8.DecodeRune(text)
		switch {
		case r == utf8.RuneError && size == 1, !strconv.IsPrint(r) && r != '\n' && r != '\t':
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
