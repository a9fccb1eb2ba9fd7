// Package tests holds what is true of the tests themselves.
package tests

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Every test and every story that SECURITY.md names exists.
func TestClaimsHaveTests(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../SECURITY.md")
	require.NoError(t, err)
	out, err := exec.Command("grep", "-rhoE", "^func Test[A-Za-z0-9]+", "--include=*_test.go", "..").Output()
	require.NoError(t, err)
	known := strings.Fields(strings.ReplaceAll(string(out), "func ", ""))
	named := regexp.MustCompile("`(Test[A-Za-z0-9]+)`").FindAllStringSubmatch(string(text), -1)
	require.Greater(t, len(named), 10)
	for _, m := range named {
		require.Contains(t, known, m[1])
	}
	for _, list := range regexp.MustCompile("stor(?:y|ies) ((?:`[a-z_]+`,? ?)+)").FindAllStringSubmatch(string(text), -1) {
		for _, m := range regexp.MustCompile("`([a-z_]+)`").FindAllStringSubmatch(list[1], -1) {
			require.FileExists(t, "stories/testdata/"+m[1]+".txtar")
		}
	}
}
