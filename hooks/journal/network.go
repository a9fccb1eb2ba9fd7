package journal

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"vifctl/hooks/plan"
)

// State is how far a network's start or stop has come.
type State string

// The states. One that a dead process left at Starting or Stopping is undone.
const (
	Starting State = "starting"
	Started  State = "started"
	Stopping State = "stopping"
)

// Network is what the journal holds of one network: what the host's side of a
// mode did. Like a port's record it is gone with a reboot, as is what it speaks
// of.
type Network struct {
	Mode string `json:"mode"`
	// Name is the bridge's, or the uplink's where there is no bridge; plan.NoUplink without either.
	Name string `json:"name"`
	// Uplink as it was called before, zero for none.
	Uplink plan.Dev `json:"uplink,omitzero"`
	// Boot is the kernel's boot id.
	Boot  string `json:"boot"`
	State State  `json:"state"`
	// Token tells one start from another of the same name.
	Token string `json:"token"`
	// ConfirmBy is until when, in nanoseconds since boot, the administrator
	// has to confirm it; 0 for never.
	ConfirmBy int64 `json:"confirm_by,omitempty"`
	// ForGuests is what the network's guests get where the configuration does
	// not say.
	ForGuests plan.ForGuests `json:"for_guests,omitzero"`
	// Settings were made first, then what there is was made and moved: each in
	// the order it was done.
	Settings []Entry `json:"settings,omitempty"`
	Topology []Entry `json:"topology,omitempty"`
}

const networkPrefix, networkSuffix = "network.", ".json"

func (j *Journal) networkPath(mode, name string) string {
	return filepath.Join(j.dir, networkPrefix+mode+"."+name+networkSuffix)
}

// IsNetwork tells a network's record among the folder's files.
func IsNetwork(file string) bool {
	return strings.HasPrefix(file, networkPrefix) && strings.HasSuffix(file, networkSuffix)
}

// ReadNetwork returns a network's record, nil where there is none.
func (j *Journal) ReadNetwork(mode, name string) (*Network, error) {
	path := j.networkPath(mode, name)
	var n Network
	switch there, err := j.get(path, &n); {
	case err != nil:
		return nil, fmt.Errorf("%w (what it spoke of is not undone any more once it is moved away)", err)
	case !there:
		return nil, nil
	}
	if n.Mode != mode || n.Name != name {
		return nil, fmt.Errorf("journal %s is damaged: it does not speak of the network %s %s", path, mode, name)
	}
	return &n, nil
}

// NetworkGuests is what a network asks for its guests in this run of the kernel,
// zero where there is no such network. A port's call asks it, so it is not read
// any further than that takes.
func (j *Journal) NetworkGuests(mode, name, boot string) (plan.ForGuests, error) {
	data, err := os.ReadFile(j.networkPath(mode, name))
	whole := bytes.HasSuffix(data, []byte("}\n"))
	if errors.Is(err, fs.ErrNotExist) || err == nil && whole && !bytes.Contains(data, []byte(`"for_guests":`)) {
		return plan.ForGuests{}, nil
	}
	if err != nil {
		return plan.ForGuests{}, fmt.Errorf("journal: %w", err)
	}
	n, err := j.ReadNetwork(mode, name)
	if n == nil || err != nil || n.Boot != boot {
		return plan.ForGuests{}, err
	}
	return n.ForGuests, nil
}

// Networks returns the records of every network, in the order of their names.
func (j *Journal) Networks() ([]*Network, error) {
	names, err := j.names()
	if err != nil {
		return nil, err
	}
	var all []*Network
	var failed []error
	for _, file := range names {
		rest, ok := strings.CutPrefix(file, networkPrefix)
		rest, ok2 := strings.CutSuffix(rest, networkSuffix)
		mode, name, ok3 := strings.Cut(rest, ".")
		if !ok || !ok2 || !ok3 {
			continue
		}
		n, err := j.ReadNetwork(mode, name)
		if n != nil {
			all = append(all, n)
		}
		failed = append(failed, err)
	}
	return all, errors.Join(failed...)
}

// WriteNetwork puts a record in place, whole or not at all.
func (j *Journal) WriteNetwork(n *Network) error {
	return j.put(j.networkPath(n.Mode, n.Name), n)
}

// DeleteNetwork forgets a network. Forgetting what was never written is no
// error.
func (j *Journal) DeleteNetwork(mode, name string) error { return j.remove(j.networkPath(mode, name)) }

// Undone is the file that says what vifctl undid by itself, for the next call to show.
type Undone string

// Of which changes there are such words.
const (
	OfNetworks Undone = "network.last"
	OfForwards Undone = "forward.last"
)

// SetLastWords leaves a sentence for the next call to show, "" takes it away.
func (j *Journal) SetLastWords(of Undone, sentence string) error {
	path := filepath.Join(j.dir, string(of))
	if sentence == "" {
		return j.remove(path)
	}
	return j.write(path, []byte(sentence+"\n"))
}

// LastWords is the sentence that was left, "" for none.
func (j *Journal) LastWords(of Undone) string {
	data, _ := os.ReadFile(filepath.Join(j.dir, string(of)))
	return strings.TrimSpace(string(data))
}
