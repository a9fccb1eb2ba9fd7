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
	smoke bool // a change most likely breaks it
}

var (
	numberPattern = regexp.MustCompile(`^[0-9]+-`)
	limitPattern  = regexp.MustCompile(`(?m)^# limit: (\d+)$`)
)

// stories returns the stories to tell: all, or those marked for the smoke test and the ones left out by it.
func stories(smoke bool) (told, leftOut []story, err error) {
	paths, err := filepath.Glob("stories/*.sh")
	if err != nil {
		return nil, nil, err
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, nil, err
		}
		s, err := parseStory(path, string(text))
		if err != nil {
			return nil, nil, err
		}
		if smoke && !s.smoke {
			leftOut = append(leftOut, s)
		} else {
			told = append(told, s)
		}
	}
	return told, leftOut, nil
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
	s.smoke = strings.Contains(text, "\n# smoke\n")
	if match := limitPattern.FindStringSubmatch(text); match != nil {
		limit, err := time.ParseDuration(match[1] + "s")
		if err != nil {
			return story{}, fmt.Errorf("%s: %w", path, err)
		}
		s.limit = limit
	}
	return s, nil
}
