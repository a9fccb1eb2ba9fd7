package configs

import (
	"fmt"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"
)

// elsewhere is the setting for which Xen, or another program, has the word, ""
// for none.
func elsewhere(word string) string {
	switch word {
	case "ip", "ips":
		return "address"
	case "netdev", "gatewaydev":
		return "uplink"
	case "gw":
		return "gateway"
	case "devid":
		return "nic"
	case "protocol":
		return "proto"
	case "port":
		return "listen"
	case "source":
		return "from"
	case "fwmark":
		return "mark"
	case "hwaddr":
		return "mac"
	}
	return ""
}

// unknown says what to write instead of a key that table does not have.
func (r *reader) unknown(table, key string) string {
	return spell(table, key) + " is not a setting" + r.instead(table, key)
}

// unknownTop says the same of a key outside of any table, which may be the
// heading of one.
func (r *reader) unknownTop(key string, v any) string {
	switch v.(type) {
	case map[string]any, []map[string]any:
		switch right := meant(key); {
		case right == "[[guest.forward]]":
			return "forward is not a heading: write [[guest.forward]] below the guest it is for"
		case tableOf(right) != "":
			return key + " is not a heading: write " + right
		}
		return spell("", key) + " is not a heading: write [host], or [[guest]] and below it name = " + show(key)
	}
	return r.unknown("", key)
}

// wrongHost says how the host's table is written.
func wrongHost(v any) string {
	if _, ok := v.([]map[string]any); ok {
		return "[[host]] has two brackets on each side: write [host], with one"
	}
	return "host cannot be " + kindOf(v) + ": write [host] on a line of its own and the settings below it"
}

// wrongList says how the [[tables]] of a list are written.
func wrongList(v any, name string) string {
	tables, isTable := v.(map[string]any)
	if isTable && name == "guest" && len(tables) > 0 {
		// Only tables below it: the guest's own heading is missing, or has the guest's name.
		var last string
		for key, below := range tables {
			if kind := kindOf(below); kind != "a table" && kind != "a list" {
				last = ""
				break
			}
			last = max(last, key)
		}
		switch _, isList := tables[last].([]any); {
		case last == "" || isList:
		case meant(last) == "[[guest.forward]]":
			return "no [[guest]] is above this [[guest.forward]]: write [[guest]] and the guest's name above it"
		default:
			return "a guest's name stands below its heading: write [[guest]] and below it name = " + show(last)
		}
	}
	if isTable {
		return "[" + name + "] has one bracket on each side: write [[" + name + "]], with two"
	}
	return fmt.Sprintf("%s cannot be %s: write [[%s]] on a line of its own and the settings below it", name, kindOf(v), name)
}

// retyped is a setting as it should have been written, where its value is of
// another type: the same value where the setting takes it in its own type.
func (r *reader) retyped(table, key string, v any) string {
	b := broken{r: r, table: table}
	switch v := v.(type) {
	case bool:
		return b.fixed(key, fmt.Sprint(v))
	case string:
		return b.fixed(key, v)
	case []any:
		if len(v) == 1 {
			if s, ok := v[0].(string); ok {
				return b.fixed(key, s)
			}
		}
	case int64:
		if key == "name" {
			return b.fixed(key, fmt.Sprint(v))
		}
	}
	return r.example
}

func (r *reader) instead(table, key string) string {
	keys := r.keys(table)
	if other := elsewhere(key); other != "" && slices.Contains(keys, other) {
		return ": it is called " + other + " here"
	}
	for _, t := range []string{"host", "guest", "forward"} {
		if key != "forward" && slices.Contains(r.keys(t), key) {
			return ": it belongs below " + heading(t)
		}
	}
	switch key {
	case "forward":
		return ": write [[guest.forward]] below the guest it is for"
	case "host":
		return ": [host] stands on a line of its own"
	case "guest":
		return ": [[guest]] stands on a line of its own"
	}
	if table == "" {
		return ": settings stand below [host] or [[guest]]"
	}
	return ": " + choose(key, keys)
}

// keys lists a table's settings.
func (r *reader) keys(table string) []string {
	switch table {
	case "host":
		return keysOf(r.hostSettings)
	case "guest":
		return keysOf(r.guestSettings)
	case "forward":
		return keysOf(r.forwardSettings)
	}
	return nil
}

func keysOf[T any](settings []setting[T]) (keys []string) {
	for _, s := range settings {
		keys = append(keys, s.key)
	}
	return keys
}

func heading(table string) string {
	switch table {
	case "host":
		return "[host]"
	case "forward":
		return "[[guest.forward]]"
	}
	return "[[guest]]"
}

// spell writes a key with the table it was found in.
func spell(table, key string) string {
	switch table {
	case "":
		return toml.Key{key}.String()
	case "forward":
		return toml.Key{"guest", "forward", key}.String()
	}
	return toml.Key{table, key}.String()
}

// DidYouMean says which of some words a mistyped one may have meant: " (did you
// mean bridge?)", or "" where none is near.
func DidYouMean(word string, known []string) string {
	if best := nearest(word, known); best != "" {
		return " (did you mean " + best + "?)"
	}
	return ""
}

// nearest finds the known word that was meant, "" where none is near.
func nearest(word string, known []string) string {
	best, least := "", 3 // two letters may be wrong, and no more than half of them
	for _, k := range known {
		if d := distance(strings.ToLower(word), k); d < least && 2*d <= len(k) {
			best, least = k, d
		}
	}
	return best
}

// choose asks whether the nearest of some words was meant, or lists them.
func choose(word string, known []string) string {
	if best := nearest(word, known); best != "" {
		return "did you mean " + best + "?"
	}
	if len(known) == 1 {
		return "there is " + known[0]
	}
	last := len(known) - 1
	return "there are " + strings.Join(known[:last], ", ") + " and " + known[last]
}

// chooseWord is choose for words that stand in quotes.
func chooseWord(word string, known []string) string {
	if yes, is := truthWord(word); is && !yes && slices.Contains(known, "off") {
		return `write "off"`
	}
	if best := nearest(strings.TrimPrefix(word, "vif-"), known); best != "" {
		return "did you mean " + best + "?"
	}
	last := len(known) - 1
	return `write "` + strings.Join(known[:last], `", "`) + `" or "` + known[last] + `"`
}

// distance counts the letters to insert, delete or exchange between two words
// (Levenshtein). Two words whose lengths are far apart are far apart.
func distance(a, b string) int {
	if d := len(a) - len(b); d > 3 || d < -3 {
		return 4
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
