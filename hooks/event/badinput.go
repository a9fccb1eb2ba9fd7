package event

import (
	"fmt"
	"strconv"
	"strings"
)

// BadInput is a value that cannot be used. Its text is one sentence that names
// the key, the value and what would be valid: it is what xl shows the
// administrator.
type BadInput struct {
	Key, Value string
	// Valid says what would have been accepted.
	Valid string
}

// Error implements error.
func (e *BadInput) Error() string {
	key := e.Key
	if !isWord(key) {
		key = show(key)
	}
	return fmt.Sprintf("%s=%s cannot be used: %s", key, show(e.Value), e.Valid)
}

func bad(key, value, valid string, args ...any) error {
	return &BadInput{Key: key, Value: value, Valid: fmt.Sprintf(valid, args...)}
}

// show quotes a value for a sentence and keeps it short: a hostile one may be
// 4 KiB of control characters.
func show(s string) string {
	const most = 60
	if len(s) > most {
		cut := strings.ToValidUTF8(s[:most], "")
		return strconv.Quote(cut) + "… (" + itoa(len(s)) + " bytes)"
	}
	return strconv.Quote(s)
}

// isWord reports whether s is short and of letters, digits and underscores:
// fit for a sentence as it is.
func isWord(s string) bool {
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' {
			return false
		}
	}
	return s != "" && len(s) <= 30
}

func itoa(i int) string { return strconv.Itoa(i) }
