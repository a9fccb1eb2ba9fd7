// Package journal remembers what was done to each port, so that taking it down
// undoes just that, whatever the configuration says by then and whoever was
// killed in between. An entry is written before the kernel is touched.
package journal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"vifctl/hooks/journal/codec"
	"vifctl/hooks/plan"
)

// Port is the identity of one port: a recycled domid, devid, name or ifindex
// finds nothing of its predecessor.
type Port struct {
	NIC  plan.NIC  `json:"nic"`
	Kind plan.Kind `json:"kind"`
	// UUID of the guest, "" where it could not be read.
	UUID string `json:"uuid,omitempty"`
	// Index is the interface's ifindex.
	Index int `json:"ifindex"`
	// Boot is the kernel's boot id: an ifindex means nothing after a reboot.
	Boot string `json:"boot"`
	// Name and Device: what the port is called, and what the toolstack calls
	// it.
	Name   string `json:"name"`
	Device string `json:"device"`
}

// Entry is one step that the port's plan wanted, and what undoes it: nothing
// where it was so already.
type Entry struct {
	Step plan.Step   `json:"step"`
	Undo []plan.Step `json:"undo,omitempty"`
}

// Record is what the journal holds of one port.
type Record struct {
	Port
	Mode   string `json:"mode"`
	Guest  string `json:"guest,omitempty"`
	Bridge string `json:"bridge,omitempty"`
	// Script, Backend and Params are the call's own, so that it can be made
	// again: the name it was called by, the xenstore path of its backend, and
	// what its arguments and environment said.
	Script  string            `json:"script,omitempty"`
	Backend string            `json:"backend,omitempty"`
	Params  map[string]string `json:"params,omitempty"`
	// Entries in the order they were done.
	Entries []Entry `json:"entries"`
}

// records writes records, and reads them.
var records = codec.Codec{Union: codec.Union{
	Name: func(v any) string { return v.(plan.Step).Traits().Kind },
	New:  func(name string) (any, bool) { return plan.OfKind(name) },
}}

// Journal is a folder of records, one file a port.
type Journal struct{ dir string }

// Open returns the journal in dir, which is made when it is first written to.
func Open(dir string) *Journal { return &Journal{dir: dir} }

func (j *Journal) path(nic plan.NIC, kind plan.Kind) string {
	return filepath.Join(j.dir, nic.String()+"."+string(kind)+".json")
}

// Read returns the record of a port, nil where there is none.
func (j *Journal) Read(nic plan.NIC, kind plan.Kind) (*Record, error) {
	path := j.path(nic, kind)
	var r Record
	if there, err := j.get(path, &r); !there || err != nil {
		return nil, err
	}
	switch {
	case r.NIC != nic || r.Kind != kind || r.Index <= 0:
		return nil, fmt.Errorf("journal %s is damaged: it does not speak of %s %s", path, kind, nic)
	case len(r.Entries) == 0:
		// Every port wants something: what it was is lost.
		return nil, fmt.Errorf("journal %s is damaged: it has no entries", path)
	}
	return &r, nil
}

// Write puts a record in place, whole or not at all.
func (j *Journal) Write(r *Record) error {
	if err := errors.Join(j.putName(r.Port), j.putForwards(r)); err != nil {
		return err
	}
	before := j.forwardsNow(r.NIC, r.Kind)
	if err := j.put(j.path(r.NIC, r.Kind), r); err != nil {
		return err
	}
	return j.removeForwards(before, forwardsOf(r))
}

// Delete forgets a port. Forgetting what was never written is no error.
func (j *Journal) Delete(nic plan.NIC, kind plan.Kind) error {
	forwards := j.forwardsNow(nic, kind)
	return errors.Join(j.removeName(nic, kind), j.remove(j.path(nic, kind)), j.removeForwards(forwards, nil))
}

// SetAside moves a record that cannot be read out of the way and returns where
// it is now: a damaged file must not keep a guest from the network.
func (j *Journal) SetAside(nic plan.NIC, kind plan.Kind) (string, error) {
	from := j.path(nic, kind)
	to := strings.TrimSuffix(from, ".json") + ".damaged"
	if err := os.Rename(from, to); err != nil {
		return "", fmt.Errorf("journal: %w", err)
	}
	return to, nil
}
