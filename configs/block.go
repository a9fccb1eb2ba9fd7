package configs

import "strings"

// block is where a guest's entry stands in a text, for a change that leaves all else as it is.
type block struct {
	text string
	// header is the [[guest]], forwards are the [[guest.forward]]s: each where it begins and
	// where the last statement below it ends.
	header   statement
	forwards []statement
	// end is where a line of the entry's can be added: behind its last statement and the comments
	// on the lines right below, unless those stand on the next header.
	end int
}

// blockOf finds an entry; ok is false where it is no [[guest]] but an item of a list.
func blockOf(text string, at place) (b block, ok bool) {
	guest := place{table: "guest", guest: at.guest, item: -1}.path()
	forward := under(guest, "forward")
	b.text = text
	last := 0
	for _, s := range walk(text).statements {
		switch {
		case s.header && s.table == guest:
			b.header, ok, last = s, true, s.to
		case !ok || s.table != guest && !strings.HasPrefix(s.table, guest+"\x00"):
			continue
		case s.header && strings.HasPrefix(s.table, forward+"["):
			b.forwards, last = append(b.forwards, s), s.to
		default:
			last = s.to
			if n := len(b.forwards); n > 0 && strings.HasPrefix(s.table, forward+"[") {
				b.forwards[n-1].to = s.to
			}
		}
	}
	b.end = b.lineEnd(last)
	below := b.end
	for below < len(text) && strings.HasPrefix(strings.TrimLeft(text[below:], " \t"), "#") {
		below = b.lineEnd(below)
	}
	if below == len(text) || !strings.HasPrefix(strings.TrimLeft(text[below:], " \t"), "[") {
		b.end = below
	}
	return b, ok
}

// lineEnd is where the line after the one at i begins.
func (b *block) lineEnd(i int) int {
	if n := strings.IndexByte(b.text[i:], '\n'); n >= 0 {
		return i + n + 1
	}
	return len(b.text)
}

func (b *block) lineStart(i int) int { return strings.LastIndexByte(b.text[:i], '\n') + 1 }

// indent is what stands before a statement on its line.
func (b *block) indent(s statement) string { return b.text[b.lineStart(s.from):s.from] }

// lines are all lines of a forward, and the empty one before it.
func (b *block) lines(s statement) (from, to int) {
	from, to = b.lineStart(s.from), b.lineEnd(s.to)
	if from > 0 {
		if before := b.lineStart(from - 1); strings.TrimSpace(b.text[before:from]) == "" {
			from = before
		}
	}
	return from, to
}

// paragraph is lines as they are added at the end of the block: with the text's kind of line
// ends, below an empty line.
func (b *block) paragraph(indent string, lines []string) string {
	newline := "\n"
	if strings.Contains(b.text, "\r\n") {
		newline = "\r\n"
	}
	var out strings.Builder
	if before := b.text[:b.end]; before != "" {
		if !strings.HasSuffix(before, "\n") {
			out.WriteString(newline)
		}
		if strings.TrimSpace(before[b.lineStart(max(0, b.end-1)):]) != "" {
			out.WriteString(newline)
		}
	}
	for _, line := range lines {
		out.WriteString(indent + line + newline)
	}
	return out.String()
}
