// Package codec writes and reads plain records as JSON, the same that
// encoding/json writes and reads. A program that lives for some milliseconds
// writes one record: encoding/json first makes tables of every type in it, which
// takes a tenth of that life. This goes through the fields as they come.
//
// A record is made of structs (one inside another is flattened, as there),
// slices, maps from string to string, strings, numbers without a point,
// booleans, bytes, and what writes itself as text; a tag names a field and may
// say omitempty or omitzero. Other types are an error. An interface is a union:
// an object whose first field, "step", names its type.
//
// Reading is strict: an unknown field, a value of another type and anything
// behind the record is an error, since a record of another version must not be
// half understood.
package codec

import (
	"reflect"
	"strings"
)

// A Union names the types that an interface may hold.
type Union struct {
	// Name of a value's type.
	Name func(v any) string
	// New returns a zero value of the type of that name.
	New func(name string) (zero any, ok bool)
}

// kindField is the first field of a union's object.
const kindField = "step"

// Codec writes and reads records.
type Codec struct{ Union Union }

// field is what a struct's tag says of a field.
type field struct {
	name                string
	omitEmpty, omitZero bool
}

// fieldOf reads a field's tag; ok is false for one that is left out.
func fieldOf(f reflect.StructField) (d field, ok bool) {
	tag, tagged := f.Tag.Lookup("json")
	if !f.IsExported() || tag == "-" {
		return d, false
	}
	if !tagged {
		return field{name: f.Name}, true
	}
	var options string
	d.name, options, _ = strings.Cut(tag, ",")
	d.omitEmpty, d.omitZero = options == "omitempty", options == "omitzero"
	return d, true
}

// flattened reports whether the fields of an embedded struct are its outer one's.
func flattened(f reflect.StructField) bool {
	return f.Anonymous && f.Type.Kind() == reflect.Struct && f.Tag == ""
}
