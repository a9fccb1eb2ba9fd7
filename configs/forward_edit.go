package configs

import (
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// ForwardWords are a forward as a person types it: what stands behind the keys of a
// [[guest.forward]]. "" and nil are what was not said.
type ForwardWords struct {
	Listen, To, Proto string
	From              []string
}

// forward reads the words as a file's would be. Its error has no place.
func (w ForwardWords) forward() (Forward, error) {
	given := map[string]any{"listen": w.Listen}
	if w.To != "" {
		given["to"] = w.To
	}
	if w.Proto != "" {
		given["proto"] = w.Proto
	}
	if w.From != nil {
		var from []any
		for _, p := range w.From {
			from = append(from, p)
		}
		given["from"] = from
	}
	r := newReader()
	var e entry
	readForwards(r, []map[string]any{given}, place{table: "guest"}.at("forward"), &e)
	if len(r.mistakes) > 0 {
		return Forward{}, errors.New(OneLine(r.mistakes[0].text))
	}
	return e.forwards[0].Forward, nil
}

// lines are the forward in TOML.
func (w ForwardWords) lines() []string {
	lines := []string{"[[guest.forward]]", "listen = " + strconv.Quote(w.Listen)}
	if _, err := strconv.Atoi(w.To); err == nil {
		lines = append(lines, "to = "+w.To)
	} else if w.To != "" {
		lines = append(lines, "to = "+strconv.Quote(w.To))
	}
	if w.Proto != "" {
		lines = append(lines, "proto = "+strconv.Quote(w.Proto))
	}
	if len(w.From) > 0 {
		var from []string
		for _, p := range w.From {
			from = append(from, strconv.Quote(p))
		}
		lines = append(lines, "from = ["+strings.Join(from, ", ")+"]")
	}
	return lines
}

// Edit is a configuration with a change that is not in its file yet.
type Edit struct {
	// File is the one that changes; New where it is not there yet.
	File string
	New  bool
	// Before and After are the whole of it.
	Before, After string
	// Config is what the files say with the change.
	Config Config
	// Guest is the entry that changes, as it will be.
	Guest Guest
}

// editor is all files of a configuration, read for a change.
type editor struct {
	path    string
	sources []source
	reader  *reader
}

// edit reads the files. One with a mistake is not changed: the error tells it.
func edit(path string) (*editor, error) {
	sources, err := read(path)
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	if _, err := build(sources); err != nil {
		return nil, err
	}
	e := &editor{path: path, sources: sources, reader: newReader()}
	for i, s := range sources {
		e.reader.file(i, s.text)
	}
	return e, nil
}

// find is the entry that a person means: by name, uuid or mac, and by nic where the guest has
// several entries; nil where there is none.
func (e *editor) find(guest string, nic int) (*entry, error) {
	var found []*entry
	for _, g := range e.reader.entries {
		if g.called(guest, nic) {
			found = append(found, g)
		}
	}
	if len(found) > 1 {
		var nics []string
		for _, g := range found {
			nics = append(nics, g.String())
		}
		return nil, fmt.Errorf("%q could be %s: say nic=N, or the entry's mac or uuid", guest, strings.Join(nics, " or "))
	}
	if len(found) == 0 {
		return nil, nil
	}
	return found[0], nil
}

// called reports whether a person may mean the entry by a name, uuid or mac and a nic.
func (e *entry) called(guest string, nic int) bool {
	return (e.Name == guest || e.UUID == strings.ToLower(guest) || e.MAC == strings.ToLower(guest)) && (nic == AnyNIC || e.NIC == nic)
}

// lookUp reads the words, and the files at path for the guest's entry, nil where it has none.
func (w ForwardWords) lookUp(path, guest string, nic int) (f Forward, files *editor, at *entry, err error) {
	if f, err = w.forward(); err != nil {
		return f, nil, nil, err
	}
	if files, err = edit(path); err != nil {
		return f, nil, nil, err
	}
	at, err = files.find(guest, nic)
	return f, files, at, err
}

// AddForward gives a guest one more forward, behind all that its entry says, or makes an entry
// for a guest that has none, by that name, at the end of the file at path.
func AddForward(path, guest string, nic int, w ForwardWords) (*Edit, error) {
	f, e, at, err := w.lookUp(path, guest, nic)
	if err != nil {
		return nil, err
	}
	if at == nil {
		return e.newEntry(guest, nic, w)
	}
	for _, other := range at.forwards {
		if other.Listen == f.Listen && other.First == f.First && other.Last == f.Last && slices.Equal(other.From, f.From) && overlap(other.Protocols, f.Protocols) {
			return nil, fmt.Errorf("%s has that forward already, at %s", at.Guest, e.where(other.at))
		}
	}
	text := e.sources[at.at.file].text
	b, ok := blockOf(text, at.at)
	if _, given := at.given["forward"]; !ok || given && len(b.forwards) == 0 {
		return nil, fmt.Errorf("%s is written in one line with its list of forwards, at %s: add {%s} there by hand", at.Guest, e.where(at.at), strings.Join(w.lines()[1:], ", "))
	}
	indent := "  "
	if len(b.forwards) > 0 {
		indent = b.indent(b.forwards[len(b.forwards)-1])
	} else if own := b.indent(b.header); own != "" {
		indent += own
	}
	return e.changed(at.at, text[:b.end]+b.paragraph(indent, w.lines())+text[b.end:])
}

// DropForward takes a guest's forward out of its file: its lines, and the empty one before
// them. What stands above it in a comment stays.
func DropForward(path, guest string, nic int, w ForwardWords) (*Edit, error) {
	f, e, at, err := w.lookUp(path, guest, nic)
	if err != nil {
		return nil, err
	}
	if at == nil {
		return nil, fmt.Errorf("no entry of the configuration is about %q", guest)
	}
	var found []int
	for i, other := range at.forwards {
		if other.Listen == f.Listen && other.First == f.First && other.Last == f.Last &&
			(w.Proto == "" || slices.Equal(other.Protocols, f.Protocols)) && (w.From == nil || slices.Equal(other.From, f.From)) {
			found = append(found, i)
		}
	}
	switch len(found) {
	case 0:
		return nil, fmt.Errorf("%s has no forward that listens on %s: `vifctl forward list` shows those it has", at.Guest, w.Listen)
	case 1:
	default:
		return nil, fmt.Errorf("%s has %d forwards that listen on %s: say which, by proto= or from=", at.Guest, len(found), w.Listen)
	}
	text := e.sources[at.at.file].text
	b, ok := blockOf(text, at.at)
	if !ok || len(b.forwards) == 0 {
		return nil, fmt.Errorf("%s is written in one line with its list of forwards, at %s: take it out there by hand", at.Guest, e.where(at.at))
	}
	from, to := b.lines(b.forwards[found[0]])
	return e.changed(at.at, text[:from]+text[to:])
}

// newEntry is the change that makes one for a guest without any.
func (e *editor) newEntry(guest string, nic int, w ForwardWords) (*Edit, error) {
	if e.reader.name(guest, place{}); len(e.reader.mistakes) > 0 {
		return nil, errors.New(OneLine(e.reader.mistakes[0].text))
	}
	lines := []string{"[[guest]]", "name = " + strconv.Quote(guest)}
	if nic != AnyNIC {
		lines = append(lines, "nic = "+strconv.Itoa(nic))
	}
	isNew := len(e.sources) == 0 || e.sources[0].name != e.path
	before := 0
	if isNew {
		e.sources = append([]source{{e.path, ""}}, e.sources...)
	} else {
		before = e.countIn(0)
	}
	text := e.sources[0].text
	b := block{text: text, end: len(text)}
	entry := b.paragraph("", lines)
	b.text, b.end = text+entry, len(text+entry)
	edited, err := e.replaced(0, b.text+b.paragraph("  ", w.lines()))
	if err != nil {
		return nil, err
	}
	edited.New, edited.Guest = isNew, edited.Config.guests[before]
	return edited, nil
}

// countIn is how many entries a file has.
func (e *editor) countIn(file int) (n int) {
	for _, g := range e.reader.entries {
		if g.at.file == file {
			n++
		}
	}
	return n
}

func (e *editor) changed(at place, text string) (*Edit, error) {
	edited, err := e.replaced(at.file, text)
	if err != nil {
		return nil, err
	}
	i := slices.IndexFunc(e.reader.entries, func(g *entry) bool { return g.at.file == at.file && g.at.guest == at.guest })
	edited.Guest = edited.Config.guests[i]
	return edited, nil
}

// replaced reads everything again with one file's new text.
func (e *editor) replaced(file int, text string) (*Edit, error) {
	old := e.sources[file]
	sources := slices.Clone(e.sources)
	sources[file].text = text
	c, err := build(sources)
	var m *Mistake
	if errors.As(err, &m) {
		// Its place is in a text that no file has; all were in order before.
		return nil, errors.New(m.Text)
	}
	if err != nil {
		return nil, err
	}
	return &Edit{File: old.name, Before: old.text, After: text, Config: c}, nil
}

// where is a place as a person reads it.
func (e *editor) where(at place) string {
	s := e.sources[at.file]
	return fmt.Sprintf("%s:%d", OneLine(s.name), at.find(locate(s.text)).line)
}

func overlap(a, b []string) bool {
	return slices.ContainsFunc(a, func(s string) bool { return slices.Contains(b, s) })
}

// Listed is a forward of the configuration and where it stands.
type Listed struct {
	Guest   Guest
	Forward Forward
	File    string
	Line    int
}

// Forwards lists the forwards of all guests, or of one, in the order of the files.
func Forwards(path, guest string, nic int) (all []Listed, err error) {
	e, err := edit(path)
	if err != nil {
		return nil, err
	}
	for _, g := range e.reader.entries {
		if guest != "" && !g.called(guest, nic) {
			continue
		}
		for _, f := range g.forwards {
			s := e.sources[f.at.file]
			all = append(all, Listed{g.Guest, f.Forward, filepath.Clean(s.name), f.at.find(locate(s.text)).line})
		}
	}
	return all, nil
}

// ListenText is where the forward listens, as in the configuration.
func (f Forward) ListenText() string {
	s := ":" + f.PortsText()
	switch {
	case f.Listen.Is6():
		return "[" + f.Listen.String() + "]" + s
	case f.Listen != netip.Addr{}:
		return f.Listen.String() + s
	}
	return s
}

// PortsText are the ports that it listens on, as in the configuration.
func (f Forward) PortsText() string { return portsText(f.First, f.Last) }

// ToText are the ports at the guest, as in the configuration.
func (f Forward) ToText() string { return portsText(f.To, f.To+(f.Last-f.First)) }

func portsText(first, last uint16) string {
	if first == last {
		return strconv.Itoa(int(first))
	}
	return fmt.Sprintf("%d-%d", first, last)
}
