package configs

import (
	"fmt"

	"github.com/BurntSushi/toml"
)

// reader turns TOML into entries and notes what is wrong.
type reader struct {
	hostSettings    []setting[Host]
	guestSettings   []setting[entry]
	forwardSettings []setting[forward]

	mistakes mistakes
	host     Host
	// hostAt is where each of the host's settings was made.
	hostAt map[string]place
	// hostGiven is what was written there.
	hostGiven map[string]any
	entries   []*entry
	// example of the setting that is being read.
	example string
}

func newReader() *reader {
	return &reader{
		hostSettings: hostSettings(), guestSettings: guestSettings(), forwardSettings: forwardSettings(),
		hostAt: map[string]place{}, hostGiven: map[string]any{},
	}
}

// file reads one file's text.
func (r *reader) file(i int, text string) {
	top := place{file: i, item: -1}
	var document any
	if _, err := toml.Decode(text, &document); err != nil {
		r.mistakes = append(r.mistakes, r.syntax(top, text, err))
		return
	}
	tables, _ := document.(map[string]any)
	for key, v := range tables {
		switch key {
		case "host":
			r.readHost(v, top)
		case "guest":
			r.readGuests(v, top)
		default:
			r.mistakes.add(top.named(key), "%s", r.unknownTop(key, v))
		}
	}
}

func (r *reader) readHost(v any, top place) {
	table, ok := v.(map[string]any)
	if !ok {
		r.mistakes.add(top.at("host"), "%s", wrongHost(v))
		return
	}
	at := place{file: top.file, table: "host", item: -1}
	for key := range table {
		if !hasKey(r.hostSettings, key) {
			continue
		}
		if first, twice := r.hostAt[key]; twice {
			r.mistakes.clash(at.named(key), first, "host.%s is set already, at {other}: keep one of the two", key)
		} else {
			r.hostAt[key] = at.named(key)
			r.hostGiven[key] = table[key]
		}
	}
	readTable(r, r.hostSettings, table, at, &r.host)
}

func (r *reader) readGuests(v any, top place) {
	for i, table := range r.tables(v, top.at("guest"), "guest") {
		at := place{file: top.file, table: "guest", guest: i, item: -1}
		e := &entry{at: at, given: table, Guest: Guest{NIC: AnyNIC}}
		readTable(r, r.guestSettings, table, at, e)
		r.entries = append(r.entries, e)
	}
}

// tables returns the tables of a [[list]]; nil stands for what is none.
func (r *reader) tables(v any, at place, name string) (all []map[string]any) {
	switch v := v.(type) {
	case []map[string]any:
		return v
	case []any: // inline: guest = [{…}]
		for i, item := range v {
			table, ok := item.(map[string]any)
			if !ok {
				r.mistakes.add(at.nth(i), "%s cannot hold %s: write [[%s]] on a line of its own and the settings below it", name, kindOf(item), name)
			}
			all = append(all, table)
		}
		return all
	}
	r.mistakes.add(at, "%s", wrongList(v, name))
	return nil
}

// readTable takes over all the settings of one table.
func readTable[T any](r *reader, settings []setting[T], table map[string]any, at place, into *T) {
	for _, s := range settings {
		v, ok := table[s.key]
		if !ok {
			continue
		}
		r.example = fmt.Sprintf("%s = %s", s.key, s.example)
		if !s.read(r, v, at.at(s.key), into) {
			r.mistakes.add(at.at(s.key), "%s cannot be %s: write %s", s.key, kindOf(v), r.retyped(at.table, s.key, v))
		}
	}
	if len(table) > 0 {
		unknownKeys(r, settings, table, at)
	}
}

func unknownKeys[T any](r *reader, settings []setting[T], table map[string]any, at place) {
	known := 0
	for _, s := range settings {
		if _, ok := table[s.key]; ok {
			known++
		}
	}
	if known == len(table) {
		return
	}
	for key := range table {
		if !hasKey(settings, key) {
			r.mistakes.add(at.named(key), "%s", r.unknown(at.table, key))
		}
	}
}

func hasKey[T any](settings []setting[T], key string) bool {
	for _, s := range settings {
		if s.key == key {
			return true
		}
	}
	return false
}
