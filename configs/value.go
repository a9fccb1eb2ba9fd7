package configs

import (
	"fmt"
	"time"
)

// text makes a setting's reader of one that takes a text.
func text[T any](read func(r *reader, s string, at place, into *T)) func(*reader, any, place, *T) bool {
	return func(r *reader, v any, at place, into *T) bool {
		s, ok := v.(string)
		if ok {
			read(r, s, at, into)
		}
		return ok
	}
}

// number makes a setting's reader of one that takes a whole number.
func number[T any](read func(r *reader, n int64, at place, into *T)) func(*reader, any, place, *T) bool {
	return func(r *reader, v any, at place, into *T) bool {
		n, ok := v.(int64)
		if ok {
			read(r, n, at, into)
		}
		return ok
	}
}

func truth[T any](read func(b bool, into *T)) func(*reader, any, place, *T) bool {
	return func(_ *reader, v any, _ place, into *T) bool {
		b, ok := v.(bool)
		if ok {
			read(b, into)
		}
		return ok
	}
}

// list makes a setting's reader of one that takes the texts of a list, one by
// one. A list of one may be written without brackets.
func list[T any](read func(r *reader, s string, at place, into *T)) func(*reader, any, place, *T) bool {
	return func(r *reader, v any, at place, into *T) bool {
		switch v := v.(type) {
		case string:
			read(r, v, at.nth(0), into)
			return true
		case []any:
			r.items(v, at, func(s string, at place) { read(r, s, at, into) })
			return true
		}
		return false
	}
}

// items goes through a list of texts. A list of nothing could mean all or none.
func (r *reader) items(v []any, at place, read func(s string, at place)) {
	if len(v) == 0 {
		r.mistakes.add(at, "%s is an empty list: fill it, as in %s, or leave %s out", at.key, r.example, at.key)
	}
	for i, item := range v {
		s, ok := item.(string)
		if !ok {
			r.mistakes.add(at.nth(i), "%s cannot hold %s: write %s", at.key, kindOf(item), r.example)
		}
		told := len(r.mistakes)
		read(s, at.nth(i))
		if !ok {
			// It was read for its place alone: those behind it keep theirs.
			r.mistakes = r.mistakes[:told]
		}
	}
}

// kindOf says what a value is in the words of a person.
func kindOf(v any) string {
	switch v := v.(type) {
	case string:
		return "a text"
	case int64:
		return "a number"
	case float64:
		return "a number with a point"
	case bool:
		return fmt.Sprint(v)
	case time.Time:
		return "a date or a time"
	case []any, []map[string]any:
		return "a list"
	case map[string]any:
		return "a table"
	}
	return fmt.Sprintf("a %T", v)
}

// oneOf takes one of a few words.
func oneOf[S ~string](r *reader, s string, at place, words ...S) S {
	known := make([]string, len(words))
	for i, w := range words {
		if string(w) == s {
			return w
		}
		known[i] = string(w)
	}
	r.mistakes.add(at, "%s cannot be %s: %s", at.key, show(s), chooseWord(s, known))
	return ""
}
