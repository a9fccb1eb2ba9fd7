package codec

import (
	"bytes"
	"encoding"
	"encoding/base64"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// Read reads the record in data into what into points at.
func (c Codec) Read(data []byte, into any) error {
	r := reader{codec: c, data: data}
	if err := r.value(reflect.ValueOf(into).Elem()); err != nil {
		return fmt.Errorf("at byte %d: %w", r.at, err)
	}
	if r.next() != 0 || r.at < len(r.data) {
		return fmt.Errorf("at byte %d: something follows the record", r.at)
	}
	return nil
}

type reader struct {
	codec Codec
	data  []byte
	at    int
}

// next is the byte that begins what comes next, 0 at the end.
func (r *reader) next() byte {
	for r.at < len(r.data) {
		switch b := r.data[r.at]; b {
		case ' ', '\t', '\r', '\n':
			r.at++
		default:
			return b
		}
	}
	return 0
}

// expect takes one byte.
func (r *reader) expect(b byte) error {
	if r.next() != b {
		return r.unexpected("a " + strconv.QuoteRune(rune(b)))
	}
	r.at++
	return nil
}

var errCut = errors.New("it is cut off")

func (r *reader) unexpected(want string) error {
	if r.next() == 0 && r.at >= len(r.data) {
		return errCut
	}
	return fmt.Errorf("%s was expected, not %q", want, r.data[r.at])
}

func (r *reader) value(v reflect.Value) error {
	switch v.Kind() {
	case reflect.String:
		s, err := r.text()
		v.SetString(s)
		return err
	case reflect.Bool, reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return r.word(v)
	case reflect.Interface:
		return r.union(v)
	case reflect.Struct:
		if text, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
			s, err := r.text()
			if err != nil {
				return err
			}
			return text.UnmarshalText([]byte(s))
		}
		return r.object(func(name string) error { return r.field(v, name) })
	case reflect.Slice:
		return r.list(v)
	case reflect.Map:
		return r.textMap(v)
	}
	return fmt.Errorf("a %s has no place in a record", v.Type())
}

// object takes an object; each takes the value of the field of that name.
func (r *reader) object(each func(name string) error) error {
	if err := r.expect('{'); err != nil {
		return err
	}
	for first := true; r.next() != '}'; first = false {
		if !first {
			if err := r.expect(','); err != nil {
				return err
			}
		}
		name, err := r.text()
		if err == nil {
			err = r.expect(':')
		}
		if err == nil {
			err = each(name)
		}
		if err != nil {
			return err
		}
	}
	r.at++
	return nil
}

func (r *reader) field(v reflect.Value, name string) error {
	f, ok := find(v, name)
	if !ok {
		return fmt.Errorf("unknown field %q", name)
	}
	if err := r.value(f); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// find is the field of that name, also of an embedded struct.
func find(v reflect.Value, name string) (reflect.Value, bool) {
	for _, f := range fieldsOf(v.Type()) {
		if f.flat {
			if inner, ok := find(v.Field(f.index), name); ok {
				return inner, true
			}
		} else if f.name == name {
			return v.Field(f.index), true
		}
	}
	return reflect.Value{}, false
}

func (r *reader) union(v reflect.Value) error {
	var made reflect.Value
	err := r.object(func(name string) error {
		if made.IsValid() {
			return r.field(made, name)
		}
		if name != kindField {
			return fmt.Errorf("%q is not the first field", kindField)
		}
		kind, err := r.text()
		if err != nil {
			return err
		}
		zero, ok := r.codec.Union.New(kind)
		if !ok {
			return fmt.Errorf("unknown %s %q", kindField, kind)
		}
		made = reflect.New(reflect.TypeOf(zero)).Elem()
		return nil
	})
	if err == nil && !made.IsValid() {
		err = fmt.Errorf("the field %q is missing", kindField)
	}
	if err != nil {
		return err
	}
	v.Set(made)
	return nil
}

func (r *reader) list(v reflect.Value) error {
	if r.null() {
		v.SetZero()
		return nil
	}
	if v.Type().Elem().Kind() == reflect.Uint8 {
		s, err := r.text()
		if err != nil {
			return err
		}
		b, err := base64.StdEncoding.DecodeString(s)
		v.SetBytes(b)
		return err
	}
	if err := r.expect('['); err != nil {
		return err
	}
	v.Set(reflect.MakeSlice(v.Type(), 0, 4))
	for r.next() != ']' {
		if v.Len() > 0 {
			if err := r.expect(','); err != nil {
				return err
			}
		}
		v.Grow(1)
		v.SetLen(v.Len() + 1)
		element := v.Index(v.Len() - 1)
		element.SetZero()
		if err := r.value(element); err != nil {
			return err
		}
	}
	r.at++
	return nil
}

func (r *reader) textMap(v reflect.Value) error {
	if _, ok := v.Interface().(map[string]string); !ok {
		return fmt.Errorf("a %s has no place in a record", v.Type())
	}
	if r.null() {
		v.SetZero()
		return nil
	}
	m := map[string]string{}
	err := r.object(func(name string) (err error) {
		m[name], err = r.text()
		return err
	})
	v.Set(reflect.ValueOf(m).Convert(v.Type()))
	return err
}

// null takes a null, where there is one.
func (r *reader) null() bool {
	r.next()
	there := bytes.HasPrefix(r.data[r.at:], []byte("null"))
	if there {
		r.at += len("null")
	}
	return there
}

// word takes a number or a boolean.
func (r *reader) word(v reflect.Value) error {
	r.next()
	from := r.at
	for r.at < len(r.data) && (r.data[r.at] == '-' || '0' <= r.data[r.at] && r.data[r.at] <= '9' || 'a' <= r.data[r.at] && r.data[r.at] <= 'z') {
		r.at++
	}
	word := string(r.data[from:r.at])
	if word == "" {
		return r.unexpected("a number, true or false")
	}
	var err error
	switch {
	case v.Kind() == reflect.Bool && (word == "true" || word == "false"):
		v.SetBool(word == "true")
	case v.CanInt():
		var n int64
		n, err = strconv.ParseInt(word, 10, v.Type().Bits())
		v.SetInt(n)
	case v.CanUint():
		var n uint64
		n, err = strconv.ParseUint(word, 10, v.Type().Bits())
		v.SetUint(n)
	default:
		err = errors.New("no boolean")
	}
	if err != nil {
		return fmt.Errorf("%q is no %s", word, v.Kind())
	}
	return nil
}

// text takes a string.
func (r *reader) text() (string, error) {
	if r.next() != '"' {
		return "", r.unexpected("a string")
	}
	r.at++
	// Most strings are what stands there.
	rest := r.data[r.at:]
	if end := bytes.IndexByte(rest, '"'); end >= 0 && bytes.IndexByte(rest[:end], '\\') < 0 {
		r.at += end + 1
		return string(rest[:end]), nil
	}
	var s []byte
	for r.at < len(r.data) {
		b := r.data[r.at]
		r.at++
		switch b {
		case '"':
			return string(s), nil
		case '\\':
			char, err := r.escaped()
			if err != nil {
				return "", err
			}
			s = utf8.AppendRune(s, char)
		default:
			s = append(s, b)
		}
	}
	return "", errCut
}

// escapes are JSON's short ones.
const escapes, escaped = `"\/bfnrt`, "\"\\/\b\f\n\r\t"

// escaped takes what follows a backslash. A character that takes two escapes is
// never written.
func (r *reader) escaped() (rune, error) {
	if r.at >= len(r.data) {
		return 0, errCut
	}
	b := r.data[r.at]
	r.at++
	if i := strings.IndexByte(escapes, b); i >= 0 {
		return rune(escaped[i]), nil
	}
	if b != 'u' {
		return 0, fmt.Errorf("unknown escape \\%c", b)
	}
	if len(r.data)-r.at < 4 {
		return 0, errCut
	}
	digits := string(r.data[r.at : r.at+4])
	r.at += 4
	n, err := strconv.ParseUint(digits, 16, 16)
	if err != nil || utf16.IsSurrogate(rune(n)) {
		return 0, fmt.Errorf("\\u%s is no character", digits)
	}
	return rune(n), nil
}
