package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gofrs/flock"

	"vifctl/hooks/plan"
)

// Stored is what the watcher needs to know of a record.
type Stored struct {
	Port
	Mode, Guest, Bridge string
	// Devs are the other interfaces that something was done to, Addresses those
	// that a rule or another interface has for the port.
	Devs      []int
	Addresses []netip.Addr
	// Neighbours are those addresses whose hardware address the port was told.
	Neighbours []netip.Addr
	// Quiet are the steps whose loss the kernel does not report: settings and
	// proxy entries.
	Quiet []plan.Step
	// Written is when the record was last put in place, by the clock on the
	// wall.
	Written time.Time
}

// Dir is the folder of the records. It need not be there yet.
func (j *Journal) Dir() string { return j.dir }

// Stored reads one port's record, nil where there is none.
func (j *Journal) Stored(nic plan.NIC, kind plan.Kind) (*Stored, error) {
	r, err := j.Read(nic, kind)
	if r == nil || err != nil {
		return nil, err
	}
	s := &Stored{Port: r.Port, Mode: r.Mode, Guest: r.Guest, Bridge: r.Bridge}
	for _, e := range r.Entries {
		s.involve(e.Step)
	}
	if info, err := os.Stat(j.path(nic, kind)); err == nil {
		s.Written = info.ModTime()
	}
	return s, nil
}

// involve takes in what else a step is about.
func (s *Stored) involve(step plan.Step) {
	t := step.Traits()
	if t.Unannounced {
		s.Quiet = append(s.Quiet, step)
	}
	if n, ok := step.(plan.Neighbour); ok {
		s.Neighbours = append(s.Neighbours, n.IP)
	}
	for _, dev := range []int{t.Dev.Index, t.Beside.Index} {
		if dev != 0 && dev != s.Index && !slices.Contains(s.Devs, dev) {
			s.Devs = append(s.Devs, dev)
		}
	}
	for _, a := range t.Addresses {
		if a.IsValid() && !slices.Contains(s.Addresses, a) {
			s.Addresses = append(s.Addresses, a)
		}
	}
}

// All reads every record. Those that cannot be read are in the error, and the
// others are returned all the same.
func (j *Journal) All() ([]*Stored, error) {
	names, err := j.names()
	if err != nil {
		return nil, err
	}
	var all []*Stored
	var failed []error
	for _, name := range names {
		nic, kind, ok := PortOf(name)
		if !ok {
			continue
		}
		s, err := j.Stored(nic, kind)
		if s != nil {
			all = append(all, s)
		}
		failed = append(failed, err)
	}
	return all, errors.Join(failed...)
}

// Records reads every record of a boot. Those that cannot be read are in the error, and the
// others are returned all the same.
func (j *Journal) Records(boot string) ([]*Record, error) {
	names, err := j.names()
	if err != nil {
		return nil, err
	}
	var all []*Record
	var failed []error
	for _, name := range names {
		nic, kind, ok := PortOf(name)
		if !ok {
			continue
		}
		r, err := j.Read(nic, kind)
		if r != nil && r.Boot == boot {
			all = append(all, r)
		}
		failed = append(failed, err)
	}
	return all, errors.Join(failed...)
}

// Rules are the firewall's rules that the records of a boot have, those of ports and of
// networks. Where one
// cannot be read, they are not known, which is the error.
func (j *Journal) Rules(boot string) ([]plan.Rule, error) {
	records, err := j.Records(boot)
	if err != nil {
		return nil, err
	}
	networks, err := j.Networks()
	if err != nil {
		return nil, err
	}
	var rules []plan.Rule
	take := func(entries []Entry) {
		for _, e := range entries {
			for _, s := range append([]plan.Step{e.Step}, e.Undo...) {
				if rule, ok := s.(plan.Rule); ok {
					rule.Absent = false
					rules = append(rules, rule)
				}
			}
		}
	}
	for _, r := range records {
		take(r.Entries)
	}
	for _, n := range networks {
		if n.Boot == boot {
			take(n.Settings)
		}
	}
	return rules, nil
}

// PortOf tells which port a file of the folder records; ok is false for what is
// no record.
func PortOf(file string) (nic plan.NIC, kind plan.Kind, ok bool) {
	for _, kind := range []plan.Kind{plan.Vif, plan.Tap} {
		if name, found := strings.CutSuffix(file, "."+string(kind)+".json"); found {
			nic, ok := parseNIC(name)
			return nic, kind, ok
		}
	}
	return nic, "", false
}

// parseNIC reads what plan.NIC's String wrote.
func parseNIC(s string) (nic plan.NIC, ok bool) {
	domid, devid, _ := strings.Cut(s, ".")
	nic.Domid, _ = strconv.Atoi(domid)
	nic.Devid, _ = strconv.Atoi(devid)
	return nic, nic.String() == s && nic.Domid >= 0 && nic.Devid >= 0
}

// lockOpening is longer than it takes from opening a lock's file to holding
// the lock, also for one who finds it held for a moment.
const lockOpening = 5 * lockRetry

// Interrupted lists the NICs of which a call was killed before its end: it
// removes its lock's file when it ends, so a file that no process holds was
// left by a dead call.
func (j *Journal) Interrupted() ([]plan.NIC, error) {
	names, err := j.names()
	if err != nil {
		return nil, err
	}
	var left []plan.NIC
	for _, name := range names {
		lock, found := strings.CutSuffix(name, ".lock")
		if nic, ok := parseNIC(lock); found && ok && j.ownerless(name) {
			left = append(left, nic)
		}
	}
	if len(left) == 0 {
		return nil, nil
	}
	// A call may just have made the file, and not hold it yet.
	time.Sleep(lockOpening)
	var dead []plan.NIC
	for _, nic := range left {
		if j.ownerless(nic.String() + ".lock") {
			dead = append(dead, nic)
		}
	}
	return dead, nil
}

// ownerless reports whether the lock's file is there and no process holds it.
func (j *Journal) ownerless(name string) bool {
	path := filepath.Join(j.dir, name)
	f := flock.New(path, flock.SetFlag(os.O_RDONLY)) // not made where it is missing
	defer f.Close()                                  //nolint:errcheck // nothing was written
	got, err := f.TryLock()
	return err == nil && got && same(f, path)
}

// names lists the files of the folder.
func (j *Journal) names() ([]string, error) {
	entries, err := os.ReadDir(j.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("journal: %w", err)
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return names, nil
}
