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
		n, err := terminal.NewWriter(&b, false).Write([]byte(text))
		require.NoError(t, err)
		require.Equal(t, len(text), n)
		require.Equal(t, want, b.String(), "%q", text)
	}
}

// A character may come in pieces.
func TestWriterInPieces(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	w := terminal.NewWriter(&b, false)
	for _, c := range []byte("ein ⇄ und \u009b") {
		_, err := w.Write([]byte{c})
		require.NoError(t, err)
	}
	require.Equal(t, "ein ⇄ und ?", b.String())
}

// Words are coloured on a terminal alone, and what is around them cannot colour.
func TestColours(t *testing.T) {
	t.Parallel()
	text := terminal.Bad("a\x1b[32mb") + " " + terminal.Good("") + terminal.Faint("c")
	var plain, coloured strings.Builder
	for out, colours := range map[*strings.Builder]bool{&plain: false, &coloured: true} {
		_, err := terminal.NewWriter(out, colours).Write([]byte(text))
		require.NoError(t, err)
	}
	require.Equal(t, "a?[32mb c", plain.String())
	require.Equal(t, "\x1b[1;31ma?[32mb\x1b[0m \x1b[2mc\x1b[0m", coloured.String())
}

func TestOneLine(t *testing.T) {
	t.Parallel()
	require.Equal(t, "web?GUEST?x", terminal.OneLine("web\nGUEST\tx"))
}

func TestFold(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		words   string
		between string
		width   int
		want    []string
	}{
		{"", " ", 10, []string{""}},
		{"one two three", " ", 7, []string{"one two", "three"}},
		{"one two three", ", ", 8, []string{"one, two,", "three"}},
		{"größer größer", " ", 6, []string{"größer", "größer"}},
		{"a 2001:db8:1::2/64 b", " ", 8, []string{"a", "2001:", "db8:1::", "2/64 b"}},
		{"abcdefghij", " ", 4, []string{"abcd", "efgh", "ij"}},
	} {
		require.Equal(t, tc.want, terminal.Fold(strings.Fields(tc.words), tc.between, tc.width), tc.words)
	}
}
