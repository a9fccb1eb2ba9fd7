package configs

import (
	"slices"
	"strings"

	"vifctl/modes"
)

// Networks are what the host starts before its guests, in their order: the words
// that stand behind `vifctl network start`, a line each. (It is no list, so that
// two settings of a host can be compared.)
type Networks string

// All returns the words of each.
func (n Networks) All() (all [][]string) {
	for line := range strings.Lines(string(n)) {
		all = append(all, strings.Fields(line))
	}
	return all
}

// mostGuests is more than a host can have: a domid has 15 bits.
const mostGuests = 32752

func (r *reader) guests(n int64, at place) int {
	if n < 1 || n > mostGuests {
		r.mistakes.add(at, "guests cannot be %d: it is a number from 1 to %d", n, mostGuests)
		return 0
	}
	return int(n)
}

// network reads one of the list: a mode and KEY=VALUE words. What the keys may
// say is decided when it is started.
func (r *reader) network(s string, at place, into *Networks) {
	words := strings.Fields(s)
	var names []string
	for _, m := range modes.Table() {
		names = append(names, m.Name)
	}
	switch {
	case len(words) == 0 || !slices.Contains(names, words[0]):
		first := ""
		if len(words) > 0 {
			first = words[0]
		}
		r.mistakes.add(at, "network cannot begin with %s: a mode stands first, as in %s: %s", show(first), r.example, choose(first, names))
		return
	case slices.ContainsFunc(words[1:], func(w string) bool { return !strings.Contains(w, "=") }):
		r.mistakes.add(at, "network cannot be %s: behind the mode stand words with a = in them, as in %s", show(s), r.example)
		return
	}
	line := strings.Join(words, " ")
	if slices.Contains(strings.Split(string(*into), "\n"), line) {
		r.mistakes.add(at, "network has %s twice: keep one of the two", show(s))
		return
	}
	if *into != "" {
		*into += "\n"
	}
	*into += Networks(line)
}
