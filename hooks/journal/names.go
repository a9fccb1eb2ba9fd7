package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/renameio/v2"
	"golang.org/x/sys/unix"

	"vifctl/hooks/plan"
)

// Ports that are not called as Xen calls them (vifname=) are found by their names, too: a
// link names/NAME leads to 5.0.vif, whose record has the name. A link that leads to another
// record, or to none, means nothing.

func (j *Journal) namePath(name string) string { return filepath.Join(j.dir, "names", name) }

// Named returns the record of the port that was given a name last, nil where there is none.
func (j *Journal) Named(name string) (*Record, error) {
	to, err := os.Readlink(j.namePath(name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	nic, kind, ok := PortOf(to + ".json")
	if !ok {
		return nil, nil
	}
	r, err := j.Read(nic, kind)
	if err != nil || r == nil || r.Name != name {
		return nil, err
	}
	return r, nil
}

// NICOf tells whose port an interface is, by its name: Xen's own, or one that a port was
// given.
func (j *Journal) NICOf(name string) (nic plan.NIC, ok bool) {
	rest, vif := strings.CutPrefix(name, "vif")
	if vif {
		rest = strings.TrimSuffix(rest, "-emu")
	} else {
		rest, _ = strings.CutPrefix(name, "tap")
	}
	if nic, ok = parseNIC(rest); ok && rest != name {
		return nic, true
	}
	r, err := j.Named(name)
	if err != nil || r == nil {
		return plan.NIC{}, false
	}
	return r.NIC, true
}

// putName lets a port be found by its name.
func (j *Journal) putName(p Port) error {
	if p.Name == p.Device || !isName(p.Name) {
		return nil
	}
	to := portName(p.NIC, p.Kind)
	if was, err := os.Readlink(j.namePath(p.Name)); err == nil && was == to {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(j.namePath(p.Name)), 0o700); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	if err := renameio.Symlink(to, j.namePath(p.Name)); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	return nil
}

// isName reports whether the kernel would let an interface be called so (dev_valid_name in
// net/core/dev.c).
func isName(name string) bool {
	return name != "" && len(name) < unix.IFNAMSIZ && name != "." && name != ".." && !strings.ContainsAny(name, "/: \t\n\v\f\r\x00")
}

// removeName ends that, where the name leads to no other port by now.
func (j *Journal) removeName(nic plan.NIC, kind plan.Kind) error {
	names, err := os.ReadDir(filepath.Join(j.dir, "names"))
	if errors.Is(err, fs.ErrNotExist) || len(names) == 0 && err == nil {
		return nil
	}
	r, err := j.Read(nic, kind)
	if err != nil || r == nil || r.Name == r.Device {
		return nil //nolint:nilerr // a damaged record's name is found to lead nowhere
	}
	if to, err := os.Readlink(j.namePath(r.Name)); err != nil || to != portName(nic, kind) {
		return nil //nolint:nilerr // it leads to another port
	}
	return j.remove(j.namePath(r.Name))
}

// tidyNames removes the names that lead to no record which has them.
func (j *Journal) tidyNames(removed *[]string) error {
	entries, err := os.ReadDir(filepath.Join(j.dir, "names"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("journal: %w", err)
	}
	var failed []error
	for _, e := range entries {
		if r, err := j.Named(e.Name()); r == nil && err == nil && old(j.namePath(e.Name())) {
			failed = append(failed, j.discard(removed, filepath.Join("names", e.Name())))
		}
	}
	return errors.Join(failed...)
}
