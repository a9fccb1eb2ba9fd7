package configs_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"vifctl/configs"
)

// mistaken parses a text and returns what is wrong with it, a line each.
func mistaken(t *testing.T, text string) []string {
	t.Helper()
	c, err := configs.Parse("x", text)
	if err == nil {
		return nil
	}
	require.Zero(t, c, "with a mistake, none of it is used")
	return strings.Split(err.Error(), "\n")
}

// guest is an entry without a mistake, but for what the lines make of it. They
// begin in line 3.
func guest(lines string) string { return "[[guest]]\nname = \"a\"\n" + lines }

// forward is the same of a forward; the lines begin in line 4.
func forward(lines string) string { return guest("[[guest.forward]]\n" + lines) }

type sentences map[string]struct{ text, says string }

func (table sentences) check(t *testing.T) {
	for name, tc := range table {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, []string{tc.says}, mistaken(t, tc.text))
		})
	}
}
