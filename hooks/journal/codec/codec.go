// Package codec writes and reads plain records as JSON, the same that
// encoding/json writes and reads. A program that lives for some milliseconds
// writes one record: encoding/json first makes tables of every type in it, which
// takes a tenth of that life. This makes a short list of the fields of each type that
// a record has.
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
	"sync"
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

// field is one of a struct, as its tag says.
type field struct {
	index               int
	name                string
	omitEmpty, omitZero bool
	// flat: the fields of this embedded struct are its outer one's.
	flat bool
}

// known are the fields of the types that were met, in their order: a record has many
// entries, of few types.
var known sync.Map // of reflect.Type: []field

func fieldsOf(t reflect.Type) []field {
	if fields, ok := known.Load(t); ok {
		return fields.([]field)
	}
	fields := make([]field, 0, t.NumField())
	for i := range t.NumField() {
		if d, ok := fieldOf(t.Field(i)); ok {
			d.index = i
			fields = append(fields, d)
		}
	}
	known.Store(t, fields)
	return fields
}

// fieldOf reads a field's tag; ok is false for one that is left out.
func fieldOf(f reflect.StructField) (d field, ok bool) {
	tag, tagged := f.Tag.Lookup("json")
	switch {
	case f.Anonymous && f.Type.Kind() == reflect.Struct && f.Tag == "":
		return field{flat: true}, true
	case !f.IsExported() || tag == "-":
		return d, false
	case !tagged:
		return field{name: f.Name}, true
	}
	var options string
	d.name, options, _ = strings.Cut(tag, ",")
	d.omitEmpty, d.omitZero = options == "omitempty", options == "omitzero"
	return d, true
}
