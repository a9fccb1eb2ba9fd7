package openvswitch

import "encoding/json"

// OVSDB writes a set of one as that one, any other as ["set", [...]], a map as
// ["map", [[key, value], ...]] and a row's name as ["uuid", "..."] (RFC 7047,
// section 5.1). What is not of the type asked for reads as nothing.

// set returns the members of a set.
func (r row) set(column string) []json.RawMessage {
	raw := r[column]
	if items, ok := tagged(raw, "set"); ok {
		var members []json.RawMessage
		_ = json.Unmarshal(items, &members)
		return members
	}
	if len(raw) == 0 {
		return nil
	}
	return []json.RawMessage{raw}
}

func (r row) numbers(column string) (list []int) {
	for _, m := range r.set(column) {
		var n int
		if json.Unmarshal(m, &n) == nil {
			list = append(list, n)
		}
	}
	return list
}

// number is 0 where there is none.
func (r row) number(column string) int {
	if list := r.numbers(column); len(list) > 0 {
		return list[0]
	}
	return 0
}

// text is "" where there is none.
func (r row) text(column string) (s string) {
	for _, m := range r.set(column) {
		_ = json.Unmarshal(m, &s)
	}
	return s
}

func (r row) truth(column string) (b bool) {
	_ = json.Unmarshal(r[column], &b)
	return b
}

func (r row) texts(column string) map[string]string {
	all := map[string]string{}
	items, _ := tagged(r[column], "map")
	var pairs [][2]string
	_ = json.Unmarshal(items, &pairs)
	for _, p := range pairs {
		all[p[0]] = p[1]
	}
	return all
}

// tagged takes the second member of a pair whose first is tag.
func tagged(raw json.RawMessage, tag string) (json.RawMessage, bool) {
	var pair []json.RawMessage
	var first string
	if json.Unmarshal(raw, &pair) != nil || len(pair) != 2 || json.Unmarshal(pair[0], &first) != nil || first != tag {
		return nil, false
	}
	return pair[1], true
}
