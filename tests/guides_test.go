package tests

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"vifctl/modes"
)

// The table of situations names modes that there are, each of them, and leads to sections that there are.
func TestWhichModeLeadsSomewhere(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../modes/README.md")
	require.NoError(t, err)
	_, table, _ := strings.Cut(string(text), "## Which mode")
	table, _, _ = strings.Cut(table, "\nWi-Fi")
	rows := regexp.MustCompile("(?m)^\\| .* \\| (`.*`) \\| .*$").FindAllStringSubmatch(table, -1)
	require.NotEmpty(t, rows)
	for _, m := range modes.Table() {
		require.Contains(t, table, "`"+m.Name+"`")
	}
	links := regexp.MustCompile(`\]\(([^)#]+)(?:#([^)]+))?\)`).FindAllStringSubmatch(table, -1)
	require.GreaterOrEqual(t, len(links), 5)
	for _, link := range links {
		there, err := os.ReadFile(filepath.Join("../modes", link[1]))
		require.NoError(t, err)
		if link[2] == "" {
			continue
		}
		var anchors []string
		for _, heading := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(string(there), -1) {
			anchors = append(anchors, strings.ReplaceAll(strings.ToLower(heading[1]), " ", "-"))
		}
		require.Contains(t, anchors, link[2], link[1])
	}
}
