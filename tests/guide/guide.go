// Package guide walks the guides that are in READMEs: what a person is told to write and to type is written and typed in a
// pretend dom0, and has to print what the guide says.
package guide

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"vifctl/configs/xlcfg"
	"vifctl/tests/dom0"
)

// Walk walks a README: every section with a dom0 is carried out in one of its own, every command is run where it says, and
// prints what is printed there; … stands for anything. sections is how many of those there are.
func Walk(t *testing.T, file string, sections int) {
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	walked := 0
	for _, section := range strings.Split(string(text), "\n## ")[1:] {
		title, rest, _ := strings.Cut(section, "\n")
		head, body, found := strings.Cut(rest, " -->\n")
		words, isDom0 := strings.CutPrefix(head, "<!-- dom0")
		if !found || !isDom0 {
			continue
		}
		walked++
		t.Run(title, func(t *testing.T) {
			t.Parallel()
			newWalk(t, strings.Fields(words)).section(body)
		})
	}
	require.Equal(t, sections, walked)
}

type walk struct {
	t      *testing.T
	dom0   *dom0.Dom0
	places map[string]*dom0.Namespace
	domid  int
}

func newWalk(t *testing.T, words []string) *walk {
	o := dom0.Options{}
	switch {
	case len(words) == 2 && words[0] == "bridge":
		o.Bridges = []dom0.Bridge{{Name: words[1], Ports: []string{dom0.Uplink}}}
	case len(words) == 2 && words[0] == "switch":
		o.Switch = words[1]
	}
	d := dom0.New(t, o)
	return &walk{t: t, dom0: d, places: map[string]*dom0.Namespace{"dom0": d.Namespace, "world": d.Client}}
}

var (
	block  = regexp.MustCompile("(?ms)^(?:`(/[^`\n]+)`\n\n)?```(\\w*)\n(.*?)^```$")
	prompt = regexp.MustCompile(`^(\w+)[#$] (.*)$`)
)

// section writes the files and runs the console blocks, in their order.
func (w *walk) section(body string) {
	for _, b := range block.FindAllStringSubmatch(body, -1) {
		path, kind, content := b[1], b[2], b[3]
		switch {
		case path != "":
			require.NoError(w.t, w.dom0.WriteFile(path, content, 0o600))
		case kind == "console":
			w.console(content)
		}
	}
}

// console runs each command and holds what it prints against the lines behind
// it.
func (w *walk) console(content string) {
	var place, command string
	var expected []string
	step := func() {
		if command != "" {
			w.step(place, command, expected)
		}
		expected = nil
	}
	for line := range strings.Lines(content) {
		line = strings.TrimSuffix(line, "\n")
		if m := prompt.FindStringSubmatch(line); m != nil {
			step()
			place, command = m[1], m[2]
			continue
		}
		expected = append(expected, line)
	}
	step()
}

func (w *walk) step(place, command string, expected []string) {
	w.t.Helper()
	if path, ok := strings.CutPrefix(command, "xl create "); ok {
		w.create(path)
		return
	}
	if strings.HasPrefix(command, "ping ") {
		w.dom0.Settle()
	}
	require.NotNil(w.t, w.places[place], "%s is nowhere: %s", place, command)
	r := w.places[place].Run("sh", "-c", "PATH=$PATH:"+dom0.ScriptsDir+"; "+command)
	printed := strings.TrimSuffix(r.Stdout, "\n")
	var pattern strings.Builder
	for _, line := range expected {
		if line == "…" {
			pattern.WriteString(`(?:.*\n)*?`)
			continue
		}
		parts := strings.Split(line, "…")
		for i := range parts {
			parts[i] = regexp.QuoteMeta(parts[i])
		}
		pattern.WriteString(strings.Join(parts, ".*") + `\n`)
	}
	if len(expected) == 0 {
		require.Empty(w.t, r.Stderr, command)
		require.Empty(w.t, printed, command)
		return
	}
	require.Regexp(w.t, "^"+pattern.String()+"$", printed+"\n", "%s# %s\n%s", place, command, r.Stderr)
}

// create does what xl does with a guest's file: the keys, the interfaces, and
// the calls of the script; the guest's driver connects.
func (w *walk) create(path string) {
	text, err := w.dom0.ReadFile(path)
	require.NoError(w.t, err)
	file, err := xlcfg.Parse(filepath.Base(path), text)
	require.NoError(w.t, err)
	guest, err := file.Guest()
	require.NoError(w.t, err)
	w.domid++
	for _, n := range guest.NICs {
		script := n.Get("script")
		if script == "" {
			script = "vif-bridge"
		}
		port, err := w.dom0.Attach(dom0.NIC{
			Domid: w.domid, Devid: n.Devid, Guest: guest.Name, Script: script, MAC: n.Get("mac"), IP: n.Get("ip"), Bridge: n.Get("bridge"), Vifname: n.Get("vifname"),
		})
		require.NoError(w.t, err)
		r := port.Call(script, "online", "type_if=vif")
		require.Zero(w.t, r.Exit, r.Stderr)
		require.Zero(w.t, w.dom0.Run("xenstore-write", port.Backend+"/state", "4").Exit)
	}
	w.places[guest.Name], err = w.dom0.Guest(w.domid)
	require.NoError(w.t, err)
}
