// Package xlcfg reads the files in which xl's guests are described: xl.cfg(5),
// as far as a guest's identity and its network interfaces go, and the files of
// xm's days as far as they are only assignments. It follows the grammar of
// libxlu (tools/libs/util/libxlu_cfg_l.l and _y.y) and vif entries as xl's
// parse_nic_config reads them. It reads text, and nothing else.
//
// Everything keeps its position, so that an answer can say where it came from.
package xlcfg

import (
	"fmt"

	"vifctl/configs"
)

// Position in a text. Both count from 1; a column is a byte.
type Position struct{ Line, Column int }

// Value is a text, a number (as it was written) or a list.
type Value struct {
	Position
	// Text of what is no list.
	Text   string
	IsList bool
	List   []Value

	// columns of the bytes of Text, where they do not simply follow each other.
	columns []int
	number  bool
}

// at is the position of the byte i of a text's own.
func (v Value) at(i int) Position {
	switch {
	case v.columns != nil && i < len(v.columns):
		return Position{v.Line, v.columns[i]}
	case v.number:
		return Position{v.Line, v.Column + i}
	}
	return Position{v.Line, v.Column + 1 + i}
}

// Setting is one assignment.
type Setting struct {
	Position
	Name  string
	Value Value
}

// File is a guest's file.
type File struct {
	// Name is what the file's mistakes call it.
	Name string
	// Settings in the order of the file, without those that a later one
	// replaces.
	Settings []Setting
	// Odd is what xm took and xl does not: the file can be read, but xl will
	// refuse it.
	Odd []configs.Mistake
}

// Parse reads a file's text. Its error is a *configs.Mistake, the first one.
func Parse(name, text string) (*File, error) {
	f := &File{Name: name}
	s := &scanner{file: name, text: text, line: 1}
	if err := s.statements(f); err != nil {
		return nil, err
	}
	f.Odd = s.odd
	return f, nil
}

// Get returns the last value that a name was given.
func (f *File) Get(name string) (Value, bool) {
	for _, s := range f.Settings {
		if s.Name == name {
			return s.Value, true
		}
	}
	return Value{}, false
}

// text is the value of what has to be a text, "" where there is none.
func (f *File) text(name string) (Value, error) {
	v, ok := f.Get(name)
	if ok && v.IsList {
		return Value{}, f.mistake(v.Position, "%s is a list and should be one value: write %s = \"…\"", name, name)
	}
	return v, nil
}

// set is an assignment, or an addition to an earlier one.
func (f *File) set(s Setting, add bool) error {
	i := 0
	for i < len(f.Settings) && f.Settings[i].Name != s.Name {
		i++
	}
	if i == len(f.Settings) {
		f.Settings = append(f.Settings, s)
		return nil
	}
	if add {
		old := f.Settings[i].Value
		switch {
		case old.IsList != s.Value.IsList:
			return f.mistake(s.Value.Position, "%s is a list in one place and one value in the other: += takes two of a kind", s.Name)
		case old.IsList:
			s.Value.List = append(append([]Value{}, old.List...), s.Value.List...)
		default:
			s.Value.Text = old.Text + s.Value.Text
			s.Value.columns = nil
		}
	}
	f.Settings[i] = s
	return nil
}

func (f *File) mistake(at Position, format string, args ...any) error {
	return &configs.Mistake{File: f.Name, Line: at.Line, Column: at.Column, Text: configs.OneLine(fmt.Sprintf(format, args...))}
}
