// Package configs holds the configuration: where it is looked for, what it may
// say, and how a mistake in it is told. It reads files and nothing else: it
// knows no kernel, no xenstore and no mode, and changes nothing but its own
// index. No file at all is a valid configuration: then vifctl does what Xen's
// own scripts do.
//
// A configuration is used as a whole or not at all: with one mistake anywhere,
// none of it is returned.
package configs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Default is where the configuration is looked for.
const Default = "/etc/xen/vifctl.toml"

// Folder is where the files that go on from path are: vifctl.d beside
// vifctl.toml. Every *.toml in it counts, in the order of their names, but for
// those whose names begin with a dot.
func Folder(path string) string { return strings.TrimSuffix(path, ".toml") + ".d" }

// source is one file of the configuration: what its errors call it, and its
// text.
type source struct{ name, text string }

// Load reads the file at path and those in Folder(path). That there are none is
// no error. Every mistake in them is one, a *Mistake; errors.Join holds them
// together, in the order of the files and the lines.
func Load(path string) (Config, error) {
	sources, err := read(path)
	switch {
	case err != nil:
		return Config{}, fmt.Errorf("configuration: %w", err)
	case len(sources) == 0:
		return Standard(), nil
	}
	return build(sources)
}

// Parse reads the text of one file; name is what its errors call it.
func Parse(name, text string) (Config, error) {
	return build([]source{{name, text}})
}

func read(path string) (sources []source, err error) {
	paths, err := Files(path)
	if err != nil {
		return nil, err
	}
	for _, p := range paths {
		data, err := os.ReadFile(p)
		if p == path && errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		sources = append(sources, source{p, string(data)})
	}
	return sources, nil
}

// Files lists path, whether it exists or not, and what is in its folder.
func Files(path string) ([]string, error) {
	paths := []string{path}
	entries, err := os.ReadDir(Folder(path))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, e := range entries {
		if name := e.Name(); filepath.Ext(name) == ".toml" && !strings.HasPrefix(name, ".") {
			paths = append(paths, filepath.Join(Folder(path), name))
		}
	}
	return paths, nil
}

// build reads all the files, then looks at them together.
func build(sources []source) (Config, error) {
	r := newReader()
	for i, s := range sources {
		r.file(i, s.text)
	}
	host := r.host.orStandard()
	var guests []Guest
	for _, e := range r.entries {
		e.complete(host)
		guests = append(guests, e.Guest)
	}
	r.check(host)
	if err := r.mistakes.err(sources); err != nil {
		return Config{}, err
	}
	return Config{Host: host, guests: guests}, nil
}
