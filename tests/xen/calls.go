package xen

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// Call is one call of a script by xl, as recorded in dom0 while Debian's own script answered it.
type Call struct {
	// Name is the file's name without its ending: what was going on, the guest's NIC, the command and the type of
	// interface, such as "pv-bridge-create.nic0.online.vif".
	Name string `json:"-"`
	// Script is the absolute path by which the script was run, and Args what followed it.
	Script string   `json:"script"`
	Args   []string `json:"args"`
	// Cwd and Stdin are the caller's working directory and what file descriptor 0 was.
	Cwd   string `json:"cwd"`
	Stdin string `json:"stdin"`
	// Environment is all of it.
	Environment map[string]string `json:"environment"`
	// Xenstore holds, by absolute path, what concerned the NIC at the moment of the call: its backend, its frontend,
	// the guest's name and UUID, its device model's state, and libxl's own notes.
	Xenstore map[string]string `json:"xenstore"`
	// Links are those of the NIC's interfaces that were there at the moment of the call, sorted: its vif and its tap,
	// by whatever name they went. Of one that is going down some may have gone.
	Links []string `json:"links"`
	// Status is the exit code of Debian's script, and After the backend as the script left it.
	Status int               `json:"status"`
	After  map[string]string `json:"after"`
}

//go:embed testdata/calls
var recorded embed.FS

// Up says whether the call brings an interface up.
func (c Call) Up() bool { return c.Args[0] == "online" || c.Args[0] == "add" }

// Backend is where the NIC's backend is in the xenstore.
func (c Call) Backend() string { return "/local/domain/0/" + c.Environment["XENBUS_PATH"] }

// own says whether an interface is the NIC's.
func (c Call) own(link string) bool {
	names := []string{c.Environment["vif"], c.Xenstore[c.Backend()+"/vifname"]}
	return link != "" && slices.Contains(names, strings.TrimSuffix(link, "-emu"))
}

// Calls returns every recorded call, by name.
func Calls() ([]Call, error) {
	names, err := fs.Glob(recorded, "testdata/calls/*.json")
	if err != nil {
		return nil, err
	}
	calls := make([]Call, 0, len(names))
	for _, name := range names {
		text, err := recorded.ReadFile(name)
		if err != nil {
			return nil, err
		}
		call, err := decodeCall(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		call.Name = strings.TrimSuffix(path.Base(name), ".json")
		calls = append(calls, call)
	}
	return calls, nil
}

func decodeCall(text []byte) (Call, error) {
	var call Call
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(&call)
	return call, err
}

// encode renders the call in the files' stable form: keys sorted, one a line.
func (c Call) encode() ([]byte, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	err := encoder.Encode(c)
	return text.Bytes(), err
}
