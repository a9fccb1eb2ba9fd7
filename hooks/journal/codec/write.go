package codec

import (
	"encoding"
	"encoding/base64"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"unicode/utf8"
)

// Append writes v behind dst.
func (c Codec) Append(dst []byte, v any) ([]byte, error) { return c.append(dst, reflect.ValueOf(v)) }

func (c Codec) append(dst []byte, v reflect.Value) ([]byte, error) {
	switch v.Kind() {
	case reflect.String:
		return appendString(dst, v.String()), nil
	case reflect.Bool:
		return strconv.AppendBool(dst, v.Bool()), nil
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return strconv.AppendInt(dst, v.Int(), 10), nil
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return strconv.AppendUint(dst, v.Uint(), 10), nil
	case reflect.Pointer:
		if !v.IsNil() {
			return c.append(dst, v.Elem())
		}
	case reflect.Interface:
		if !v.IsNil() {
			return c.appendUnion(dst, v.Elem())
		}
	case reflect.Struct:
		if text, ok := v.Interface().(encoding.TextMarshaler); ok {
			words, err := text.MarshalText()
			return appendString(dst, string(words)), err
		}
		dst, err := c.appendFields(append(dst, '{'), v)
		return append(dst, '}'), err
	case reflect.Slice:
		return c.appendList(dst, v)
	case reflect.Map:
		if m, ok := v.Interface().(map[string]string); ok {
			return appendMap(dst, m), nil
		}
	}
	return dst, fmt.Errorf("a %s has no place in a record", v.Type())
}

// appendFields writes the fields of a struct, each with a comma in front but the
// first of its object.
func (c Codec) appendFields(dst []byte, v reflect.Value) ([]byte, error) {
	for _, f := range fieldsOf(v.Type()) {
		value := v.Field(f.index)
		var err error
		if f.flat {
			dst, err = c.appendFields(dst, value)
		} else if (!f.omitEmpty || !empty(value)) && (!f.omitZero || !value.IsZero()) {
			dst, err = c.append(appendName(dst, f.name), value)
		}
		if err != nil {
			return dst, err
		}
	}
	return dst, nil
}

func (c Codec) appendUnion(dst []byte, v reflect.Value) ([]byte, error) {
	dst = appendString(appendName(append(dst, '{'), kindField), c.Union.Name(v.Interface()))
	dst, err := c.appendFields(dst, v)
	return append(dst, '}'), err
}

func (c Codec) appendList(dst []byte, v reflect.Value) ([]byte, error) {
	if v.IsNil() {
		return append(dst, "null"...), nil
	}
	if v.Type().Elem().Kind() == reflect.Uint8 {
		dst = base64.StdEncoding.AppendEncode(append(dst, '"'), v.Bytes())
		return append(dst, '"'), nil
	}
	dst = append(dst, '[')
	for i := range v.Len() {
		if i > 0 {
			dst = append(dst, ',')
		}
		var err error
		if dst, err = c.append(dst, v.Index(i)); err != nil {
			return dst, err
		}
	}
	return append(dst, ']'), nil
}

func appendMap(dst []byte, m map[string]string) []byte {
	if m == nil {
		return append(dst, "null"...)
	}
	dst = append(dst, '{')
	for _, name := range slices.Sorted(maps.Keys(m)) {
		dst = appendString(appendName(dst, name), m[name])
	}
	return append(dst, '}')
}

// appendName begins a field.
func appendName(dst []byte, name string) []byte {
	if dst[len(dst)-1] != '{' {
		dst = append(dst, ',')
	}
	return append(appendString(dst, name), ':')
}

// empty is what omitempty leaves out.
func empty(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Slice, reflect.Map:
		return v.Len() == 0
	case reflect.Struct:
		return false
	}
	return v.IsZero()
}

// appendString quotes s. What is no UTF-8 becomes U+FFFD, as in encoding/json.
func appendString(dst []byte, s string) []byte {
	const hex = "0123456789abcdef"
	dst = append(dst, '"')
	for i := 0; i < len(s); {
		b := s[i]
		if b >= utf8.RuneSelf {
			r, size := utf8.DecodeRuneInString(s[i:])
			dst = utf8.AppendRune(dst, r)
			i += size
			continue
		}
		switch {
		case b == '"' || b == '\\':
			dst = append(dst, '\\', b)
		case b < ' ':
			dst = append(dst, '\\', 'u', '0', '0', hex[b>>4], hex[b&15])
		default:
			dst = append(dst, b)
		}
		i++
	}
	return append(dst, '"')
}
