//go:build xen

package xen

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

const defaultLimit = 2 * time.Minute

// story is one shell script in stories/, numbered in the order in which they run.
type story struct {
	file  string // without ".sh"
	name  string // without the number
	title string // the first line of comment
	limit time.Duration
	fresh bool // it wants a dom0 in which nothing has happened
}

var (
	numberPattern = regexp.MustCompile(`^[0-9]+-`)
	limitPattern  = regexp.MustCompile(`(?m)^# limit: (\d+)$`)
)

func stories() ([]story, error) {
	paths, err := filepath.Glob("stories/*.sh")
	if err != nil {
		return nil, err
	}
	found := make([]story, 0, len(paths))
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		s, err := parseStory(path, string(text))
		if err != nil {
			return nil, err
		}
		found = append(found, s)
	}
	return found, nil
}

func parseStory(path, text string) (story, error) {
	file := strings.TrimSuffix(filepath.Base(path), ".sh")
	first, _, _ := strings.Cut(text, "\n")
	title, ok := strings.CutPrefix(first, "# ")
	if !ok {
		return story{}, fmt.Errorf("%s: the first line must be a comment that says what the story is about", path)
	}
	s := story{file: file, name: numberPattern.ReplaceAllString(file, ""), title: title, limit: defaultLimit}
	s.fresh = strings.Contains(text, "\n# fresh dom0\n")
	if match := limitPattern.FindStringSubmatch(text); match != nil {
		limit, err := time.ParseDuration(match[1] + "s")
		if err != nil {
			return story{}, fmt.Errorf("%s: %w", path, err)
		}
		s.limit = limit
	}
	return s, nil
}
