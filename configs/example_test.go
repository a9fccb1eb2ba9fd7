package configs

import (
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"vifctl/modes"
)

// The example is in order, and shows every setting there is.
func TestExample(t *testing.T) {
	t.Parallel()
	c, err := Parse("example.toml", Example)
	require.NoError(t, err)
	require.Len(t, c.Guests(), 5)
	r := newReader()
	for _, table := range []string{"host", "guest", "forward"} {
		for _, key := range r.keys(table) {
			if key == "forward" {
				require.Contains(t, Example, "[[guest.forward]]")
				continue
			}
			require.Regexp(t, regexp.MustCompile(`(?m)^ *`+key+` = `), Example, "%s shows no %s", heading(table), key)
		}
	}
	for _, m := range modes.Table() {
		require.Contains(t, Example, `mode = "`+m.Name+`"`)
	}
}

// Every setting's own example is in order: it is what a mistake suggests.
func TestSuggestionsAreInOrder(t *testing.T) {
	t.Parallel()
	r := newReader()
	for _, s := range r.hostSettings {
		_, err := Parse("x", "[host]\n"+s.key+" = "+s.example)
		require.NoError(t, err)
	}
	for _, s := range r.guestSettings {
		if s.key != "forward" {
			_, err := Parse("x", "[[guest]]\nname = \"a\"\n[[guest]]\nmac = \"00:16:3e:00:00:02\"\n"+s.key+" = "+s.example)
			if s.key != "mac" { // which is there already
				require.NoError(t, err)
			}
		}
	}
	for _, s := range r.forwardSettings {
		listen := "listen = \":80\"\n"
		if s.key == "listen" {
			listen = ""
		}
		_, err := Parse("x", "[[guest]]\nname = \"a\"\n[[guest.forward]]\n"+listen+s.key+" = "+s.example)
		require.NoError(t, err)
	}
}
