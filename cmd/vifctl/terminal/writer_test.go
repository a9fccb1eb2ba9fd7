package terminal_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"vifctl/cmd/vifctl/terminal"
)

// Nothing that guests and files say commands a terminal.
func TestWriterEscapes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"plain\tand\nlines":               "plain\tand\nlines",
		"wörter … ⇄ ●":                    "wörter … ⇄ ●",
		"\x1b[2Jweb":                      "?[2Jweb",
		"a\rb\x07\x7f":                    "a?b??",
		"\u009b31m":                       "?31m",
		"\x9b31m":                         "?31m",
		"left\u202eright":                 "left?right",
		"\u200b\ufeff\u00ad":              "???",
		strings.Repeat("\xff", 3) + "end": "???end",
	} {
		var b strings.Builder
		n, err := terminal.NewWriter(&b).Write([]byte(text))
		require.NoError(t, err)
		require.Equal(t, len(text), n)
		require.Equal(t, want, b.String(), "%q", text)
	}
}

// A character may come in pieces.
func TestWriterInPieces(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	w := terminal.NewWriter(&b)
	for _, c := range []byte("ein ⇄ und \u009b") {
		_, err := w.Write([]byte{c})
		require.NoError(t, err)
	}
	require.Equal(t, "ein ⇄ und ?", b.String())
}
