package terminal

// A word is coloured by a mark before and behind it, which a Writer turns into
// what a terminal understands, or leaves out. The marks are noncharacters, which
// Unicode keeps for a program's own use: text from elsewhere that holds them can
// be coloured by them, and no more.
const (
	good = '\ufdd0' + iota
	warn
	bad
	bold
	faint
	end
)

// sequence is what a mark is on a terminal (ECMA-48, SGR), "" for what is no mark.
func sequence(r rune) string {
	switch r {
	case good:
		return "\x1b[32m"
	case warn:
		return "\x1b[33m"
	case bad:
		return "\x1b[1;31m"
	case bold:
		return "\x1b[1m"
	case faint:
		return "\x1b[2m"
	case end:
		return "\x1b[0m"
	}
	return ""
}

func painted(mark rune, s string) string {
	if s == "" {
		return ""
	}
	return string(mark) + s + string(end)
}

// Good is green: for what is as it should be.
func Good(s string) string { return painted(good, s) }

// Warn is yellow: for what deserves a look.
func Warn(s string) string { return painted(warn, s) }

// Bad is red: for what is broken.
func Bad(s string) string { return painted(bad, s) }

// Bold is for what the eye should find first.
func Bold(s string) string { return painted(bold, s) }

// Faint is for what it may pass over.
func Faint(s string) string { return painted(faint, s) }
