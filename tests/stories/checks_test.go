package stories

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"vifctl/hooks/doctor"
)

// unbreakable are the checks whose fault no network namespace can have, and why; hooks/doctor tries them on
// pretend facts.
func unbreakable() map[string]string {
	return map[string]string{
		"conntrack-full":     "the size of the table is the kernel's, and cannot be set in a namespace",
		"vlan-not-on-uplink": "not every kernel that the tests run on has bridges that filter VLANs",
	}
}

// Each of doctor's checks has a story that breaks it for real (`finds CODE`), and one in which it is quiet although
// its fault seems near (`quiet CODE`).
func TestEachCheckHasItsStories(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.txtar")
	require.NoError(t, err)
	said := map[string][]string{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		script, _, _ := strings.Cut(string(text), "\n-- ")
		for line := range strings.Lines(script) {
			if words := strings.Fields(line); len(words) > 1 && (words[0] == "finds" || words[0] == "quiet") {
				said[words[0]] = append(said[words[0]], words[1:]...)
			}
		}
	}
	var known []string
	for _, c := range doctor.Checks() {
		known = append(known, c.Code)
		if unbreakable()[c.Code] == "" && !slices.Contains(said["finds"], c.Code) {
			t.Errorf("%s: no story breaks it: finds %[1]s", c.Code)
		}
		if !slices.Contains(said["quiet"], c.Code) {
			t.Errorf("%s: no story shows that it is quiet where nothing is wrong: quiet %[1]s", c.Code)
		}
	}
	for word, codes := range said {
		for _, code := range codes {
			if !slices.Contains(known, code) {
				t.Errorf("%s %s: there is no such check", word, code)
			}
		}
	}
}
