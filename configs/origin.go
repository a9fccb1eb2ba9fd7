package configs

import (
	"fmt"
	"strings"
)

// Origin is a setting that holds for a NIC and the place where it was made.
type Origin struct {
	Key string
	// Value as it was written; of a list, the items with spaces between them.
	Value string
	File  string
	// Line and Column count from 1; a column is a byte.
	Line, Column int
	// Host: it was made for all guests.
	Host bool
}

// Origins tells where the settings were made that hold for a NIC, in the order
// in which the example explains them. Settings that no file makes are left out.
func Origins(path string, m Match) ([]Origin, error) {
	sources, err := read(path)
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	r := newReader()
	for i, s := range sources {
		r.file(i, s.text)
	}
	host := r.host.orStandard()
	guests := make([]Guest, len(r.entries))
	for i, e := range r.entries {
		e.complete(host)
		guests[i] = e.Guest
	}
	r.check(host)
	if err := r.mistakes.err(sources); err != nil {
		return nil, err
	}
	best, _ := Config{Host: host, guests: guests}.best(m)
	spots := make([]map[string]spot, len(sources))
	origin := func(key string, v any, at place, host bool) Origin {
		if spots[at.file] == nil {
			spots[at.file] = locate(sources[at.file].text)
		}
		pos := at.at(key).find(spots[at.file])
		return Origin{Key: key, Value: written(v), File: sources[at.file].name, Line: pos.line, Column: pos.column, Host: host}
	}
	var all []Origin
	for _, s := range r.guestSettings {
		if best >= 0 {
			e := r.entries[best]
			if v, ok := e.given[s.key]; ok {
				all = append(all, origin(s.key, v, e.at, false))
				continue
			}
		}
		if at, ok := r.hostAt[s.key]; ok {
			all = append(all, origin(s.key, r.hostGiven[s.key], at.at(""), true))
		}
	}
	return all, nil
}

// written shows a value of TOML's.
func written(v any) string {
	switch v := v.(type) {
	case []any:
		words := make([]string, len(v))
		for i, item := range v {
			words[i] = written(item)
		}
		return strings.Join(words, " ")
	case []map[string]any:
		words := make([]string, len(v))
		for i, table := range v {
			words[i] = written(table)
		}
		return strings.Join(words, ", ")
	case map[string]any: // a forward
		to := ""
		if t, ok := v["to"]; ok {
			to = " to " + written(t)
		}
		return written(v["listen"]) + to
	}
	return fmt.Sprint(v)
}
