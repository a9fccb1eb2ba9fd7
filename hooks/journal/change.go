package journal

import (
	"fmt"
	"path/filepath"
)

// Change is a change of the configuration that may yet be undone: it is being made, or waits to
// be confirmed.
type Change struct {
	// Boot is the kernel's boot id.
	Boot  string `json:"boot"`
	State State  `json:"state"`
	// Token tells one change from another.
	Token string `json:"token"`
	// ConfirmBy is until when, in nanoseconds since boot, the administrator has to confirm it.
	ConfirmBy int64 `json:"confirm_by,omitempty"`
	// Asked is the guest as the administrator called it; Name, UUID, MAC and NIC are its entry's.
	Asked string `json:"asked"`
	Name  string `json:"name,omitempty"`
	UUID  string `json:"uuid,omitempty"`
	MAC   string `json:"mac,omitempty"`
	NIC   int    `json:"nic"`
	// File is the one that changed; New where it was not there before.
	File string `json:"file"`
	New  bool   `json:"new,omitempty"`
	// Before and After are the whole of it.
	Before string `json:"before"`
	After  string `json:"after"`
}

func (j *Journal) changePath() string { return filepath.Join(j.dir, "forward.change.json") }

// ReadChange returns the change that is not over yet, nil where there is none.
func (j *Journal) ReadChange() (*Change, error) {
	var c Change
	if there, err := j.get(j.changePath(), &c); !there || err != nil {
		return nil, err
	}
	if c.File == "" || c.Token == "" {
		return nil, fmt.Errorf("journal %s is damaged: it does not speak of a change", j.changePath())
	}
	return &c, nil
}

// WriteChange puts it in place, whole or not at all.
func (j *Journal) WriteChange(c *Change) error { return j.put(j.changePath(), c) }

// DeleteChange forgets it. Forgetting what was never written is no error.
func (j *Journal) DeleteChange() error { return j.remove(j.changePath()) }
