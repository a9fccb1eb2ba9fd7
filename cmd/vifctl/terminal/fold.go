package terminal

import (
	"strings"
	"unicode/utf8"
)

// Fold puts words into lines of at most width letters. between stands between two
// words of a line; at a line's end only what of it is no space. A word that is
// longer than a line is broken, behind a mark if there is one.
func Fold(words []string, between string, width int) (lines []string) {
	line, length := "", 0
	add := func(word string) {
		line, length = line+word, length+utf8.RuneCountInString(word)
	}
	end := func() {
		lines = append(lines, line)
		line, length = "", 0
	}
	for i, word := range words {
		if i > 0 {
			if length+utf8.RuneCountInString(between)+utf8.RuneCountInString(word) > width {
				add(strings.TrimRight(between, " "))
				end()
			} else {
				add(between)
			}
		}
		for rest := []rune(word); ; {
			if len(rest) <= width {
				add(string(rest))
				break
			}
			at := width
			for i, letter := range rest[:width] {
				if strings.ContainsRune("-._:/,", letter) {
					at = i + 1
				}
			}
			add(string(rest[:at]))
			end()
			rest = rest[at:]
		}
	}
	return append(lines, line)
}
