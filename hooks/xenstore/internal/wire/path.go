package wire

import (
	"errors"
	"fmt"
	"strings"
)

// Bounds of a path, in bytes without its NUL.
const (
	MaxAbsolutePath = 3072
	MaxRelativePath = 2048
)

// The special watch paths: a domain was introduced, a domain is gone.
const (
	IntroduceDomain = "@introduceDomain"
	ReleaseDomain   = "@releaseDomain"
)

// CheckPath says in one sentence what is wrong with a path, absolute or relative. It accepts what xenstored does
// (is_valid_nodename in xenstored_core.c), so "vif1.0" is no path: the daemon refuses the dot too.
func CheckPath(path string) error {
	switch {
	case path == "":
		return errors.New("the path is empty")
	case path == "/":
		return nil
	case strings.HasSuffix(path, "/"):
		return errors.New("the path ends in a slash")
	case strings.Contains(path, "//"):
		return errors.New("the path has two slashes in a row")
	case path[0] == '/' && len(path) > MaxAbsolutePath:
		return fmt.Errorf("the path is %d bytes long, %d are allowed", len(path), MaxAbsolutePath)
	case path[0] != '/' && len(path) > MaxRelativePath:
		return fmt.Errorf("the relative path is %d bytes long, %d are allowed", len(path), MaxRelativePath)
	}
	for i := range len(path) {
		if !validByte(path[i]) {
			return fmt.Errorf("the path holds %q; only letters, digits and - / _ @ are allowed", path[i])
		}
	}
	return nil
}

func validByte(b byte) bool {
	return 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || '0' <= b && b <= '9' ||
		b == '-' || b == '/' || b == '_' || b == '@'
}
