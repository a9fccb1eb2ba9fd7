package codec_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"vifctl/hooks/journal/codec"
)

// What a record is made of.
type (
	inner struct {
		A netip.Addr   `json:"a"`
		P netip.Prefix `json:"p,omitzero"`
	}
	record struct {
		inner
		Text    string            `json:"text"`
		Some    string            `json:"some,omitempty"`
		Number  int               `json:"number"`
		Small   uint8             `json:"small,omitempty"`
		Large   uint64            `json:"large"`
		Signed  int64             `json:"signed,omitempty"`
		Yes     bool              `json:"yes"`
		Perhaps bool              `json:"perhaps,omitempty"`
		Raw     []byte            `json:"raw"`
		Words   []string          `json:"words"`
		More    []int             `json:"more,omitempty"`
		Nested  inner             `json:"nested,omitzero"`
		List    []inner           `json:"list,omitempty"`
		Map     map[string]string `json:"map"`
		Maybe   map[string]string `json:"maybe,omitempty"`
		Hidden  string            `json:"-"`
	}
)

var plain codec.Codec

func draw(t *rapid.T) record {
	text := rapid.String()
	texts := rapid.MapOfN(text, text, 0, 3)
	in := rapid.Custom(func(t *rapid.T) inner {
		var i inner
		if b := rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(t, "address"); b[0] != 0 {
			i.A = netip.AddrFrom4([4]byte(b))
			i.P = netip.PrefixFrom(i.A, int(b[1])%33)
		}
		return i
	})
	r := record{
		inner: in.Draw(t, "embedded"), Text: text.Draw(t, "text"), Some: text.Draw(t, "some"),
		Number: rapid.Int().Draw(t, "number"), Small: rapid.Uint8().Draw(t, "small"), Large: rapid.Uint64().Draw(t, "large"),
		Signed: rapid.Int64().Draw(t, "signed"), Yes: rapid.Bool().Draw(t, "yes"), Perhaps: rapid.Bool().Draw(t, "perhaps"),
		Raw: rapid.SliceOf(rapid.Byte()).Draw(t, "raw"), Nested: in.Draw(t, "nested"),
	}
	if rapid.Bool().Draw(t, "full") {
		r.Words, r.More = rapid.SliceOf(text).Draw(t, "words"), rapid.SliceOfN(rapid.Int(), 1, 3).Draw(t, "more")
		r.List, r.Map, r.Maybe = rapid.SliceOfN(in, 1, 3).Draw(t, "list"), texts.Draw(t, "map"), rapid.MapOfN(text, text, 1, 3).Draw(t, "maybe")
	}
	return r
}

// What this writes encoding/json writes, and each reads what the other wrote.
func TestAsEncodingJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := draw(t)
		ours, err := plain.Append(nil, &r)
		require.NoError(t, err)
		var theirs bytes.Buffer
		e := json.NewEncoder(&theirs)
		e.SetEscapeHTML(false)
		require.NoError(t, e.Encode(r))

		var back record
		require.NoError(t, plain.Read(theirs.Bytes(), &back))
		require.Equal(t, r, back)
		back = record{}
		require.NoError(t, json.Unmarshal(ours, &back), "%s", ours)
		require.Equal(t, r, back)
		back = record{}
		require.NoError(t, plain.Read(ours, &back))
		require.Equal(t, r, back)

		var indented bytes.Buffer
		require.NoError(t, json.Indent(&indented, ours, " ", "\t"))
		back = record{}
		require.NoError(t, plain.Read(indented.Bytes(), &back))
		require.Equal(t, r, back)
	})
}

// A shape is one type of a union.
type (
	shape  interface{ area() int }
	square struct {
		Side int `json:"side"`
	}
	point struct{}
)

func (s square) area() int { return s.Side * s.Side }
func (point) area() int    { return 0 }

var shapes = codec.Codec{Union: codec.Union{
	Name: func(v any) string {
		switch v.(type) {
		case square:
			return "square"
		case point:
			return "point"
		}
		panic(fmt.Sprintf("%T", v))
	},
	New: func(name string) (any, bool) {
		zero, ok := map[string]any{"square": square{}, "point": point{}}[name]
		return zero, ok
	},
}}

type drawing struct {
	One shape   `json:"one"`
	All []shape `json:"all,omitempty"`
}

func TestUnion(t *testing.T) {
	want := drawing{One: square{3}, All: []shape{point{}, square{4}}}
	data, err := shapes.Append(nil, want)
	require.NoError(t, err)
	require.Equal(t, `{"one":{"step":"square","side":3},"all":[{"step":"point"},{"step":"square","side":4}]}`, string(data))
	var got drawing
	require.NoError(t, shapes.Read(data, &got))
	require.Equal(t, want, got)
}

func TestRefused(t *testing.T) {
	for text, want := range map[string]string{
		``:                                      "cut off",
		`{"one":`:                               "cut off",
		`{"one":{"step":"squ`:                   "cut off",
		`{"one":{"step":"square"`:               "cut off",
		`null`:                                  "a '{' was expected",
		`{"two":1}`:                             `unknown field "two"`,
		`{"one":{}}`:                            `the field "step" is missing`,
		`{"one":{"side":3}}`:                    `"step" is not the first field`,
		`{"one":{"step":"blob"}}`:               `unknown step "blob"`,
		`{"one":{"step":"point","a":1}}`:        `unknown field "a"`,
		`{"one":{"step":"square","side":"3"}}`:  "a number, true or false was expected",
		`{"one":{"step":"square","side":3.5}}`:  "a ',' was expected",
		`{"one":{"step":"square","side":true}}`: `"true" is no int`,
		`{"one":{"step":"square","side":99999999999999999999}}`: "is no int",
		`{"one":{"step":"point"}} {}`:                           "something follows",
		`{"one":{"step":"point"},}`:                             "a string was expected",
		`{"one":{"step":"po\qint"}}`:                            "unknown escape",
		`{"one":{"step":"\ud83d"}}`:                             "is no character",
		`{"one":{"step":"point"},"all":[{"step":"point"} {}]}`:  "a ',' was expected",
		`{"one":{"step":"point"},"all":{}}`:                     "a '[' was expected",
		"{\"one\":{\"step\":\"point\"}}\x00":                    "something follows",
	} {
		var d drawing
		require.ErrorContains(t, shapes.Read([]byte(text), &d), want, "%s", text)
	}
}

// A type that has no place in a record is told, not guessed at.
func TestStrangeTypes(t *testing.T) {
	for _, strange := range []any{struct{ F float64 }{}, struct{ M map[int]int }{}, struct{ P *int }{}, struct{ C chan int }{}} {
		_, err := plain.Append(nil, strange)
		require.ErrorContains(t, err, "has no place in a record", "%T", strange)
	}
}

// Whatever is read, reading ends, and what it takes for a record is one.
func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"text":"\u0041","words":["a",null],"map":{"b":"c"},"raw":"aGk=","a":"192.0.2.1"}`))
	f.Add([]byte(`{"list":[{},{"a":"::1"}],"number":-1}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var r, again record
		if plain.Read(data, &r) != nil {
			return
		}
		written, err := plain.Append(nil, r)
		require.NoError(t, err)
		require.NoError(t, plain.Read(written, &again))
		rewritten, err := plain.Append(nil, again)
		require.NoError(t, err)
		require.Equal(t, string(written), string(rewritten))
	})
}
