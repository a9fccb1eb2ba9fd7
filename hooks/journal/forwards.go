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

	"vifctl/hooks/plan"
)

// Whose the host's ports are is found without reading every record: for each forward of a
// record there is a link, called
//
//	forwards/ADDRESS PROTOCOL FIRST LAST PORT
//
// that leads to PORT (5.0.vif). It is there before the record is. One whose record has no
// such forward means nothing. An address as which guests are masqueraded has links, too, with
// the protocol "masquerade" and the ports 0.

// Masquerade is what Forwarders is asked for, in place of a protocol, with the ports 0, for
// the records whose guests are masqueraded as an address.
const Masquerade = "masquerade"

func (j *Journal) forwardsDir() string { return filepath.Join(j.dir, "forwards") }

// Forwarders returns the records that a port of an address, of some, leads to by what the
// calls for them did.
func (j *Journal) Forwarders(a netip.Addr, protocol string, first, last uint16) (found []*Record, err error) {
	names, err := j.forwardNames()
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		words := strings.Fields(name)
		if len(words) != 5 || words[0] != a.String() || words[1] != protocol {
			continue
		}
		theirs, err1 := strconv.ParseUint(words[2], 10, 16)
		theirsLast, err2 := strconv.ParseUint(words[3], 10, 16)
		nic, kind, ok := PortOf(words[4] + ".json")
		if err1 != nil || err2 != nil || !ok || theirs > uint64(last) || theirsLast < uint64(first) {
			continue
		}
		r, err := j.Read(nic, kind)
		if err != nil {
			continue // the next call for its port sets it aside
		}
		if r != nil && slices.Contains(forwardsOf(r), name) {
			found = append(found, r)
		}
	}
	return found, nil
}

// forwardsOf are the names of a record's links.
func forwardsOf(r *Record) (names []string) {
	for _, e := range r.Entries {
		f, ok := e.Step.(plan.Rule)
		switch {
		case !ok:
			continue
		case f.Kind == plan.RuleMasquerade && f.Public.IsValid():
			f.Protocol, f.First, f.Last = Masquerade, 0, 0
		case f.Kind != plan.RuleForward:
			continue
		}
		name := fmt.Sprintf("%s %s %d %d %s", f.Public, f.Protocol, f.First, f.Last, portName(r.NIC, r.Kind))
		if !strings.Contains(name, "/") && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

func (j *Journal) forwardNames() ([]string, error) {
	entries, err := os.ReadDir(j.forwardsDir())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("journal: %w", err)
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = e.Name()
	}
	return names, nil
}

// putForwards makes a record's links.
func (j *Journal) putForwards(r *Record) error {
	names := forwardsOf(r)
	if len(names) == 0 {
		return nil
	}
	if err := os.MkdirAll(j.forwardsDir(), 0o700); err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	for _, name := range names {
		err := os.Symlink(portName(r.NIC, r.Kind), filepath.Join(j.forwardsDir(), name))
		if err != nil && !errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("journal: %w", err)
		}
	}
	return nil
}

// forwardsNow are the links of the record that a port has, which another is about to replace.
func (j *Journal) forwardsNow(nic plan.NIC, kind plan.Kind) []string {
	if _, err := os.Lstat(j.forwardsDir()); err != nil {
		return nil
	}
	r, err := j.Read(nic, kind)
	if err != nil || r == nil {
		return nil // a damaged record's links are found to lead nowhere
	}
	return forwardsOf(r)
}

// removeForwards removes links, but those to be kept.
func (j *Journal) removeForwards(names, keep []string) error {
	var failed []error
	for _, name := range names {
		if !slices.Contains(keep, name) {
			failed = append(failed, j.remove(filepath.Join(j.forwardsDir(), name)))
		}
	}
	return errors.Join(failed...)
}

// tidyForwards removes the links whose record has no such forward.
func (j *Journal) tidyForwards(removed *[]string) error {
	names, err := j.forwardNames()
	if err != nil {
		return err
	}
	var failed []error
	for _, name := range names {
		var has []string
		if nic, kind, ok := PortOf(name[strings.LastIndexByte(name, ' ')+1:] + ".json"); ok {
			r, err := j.Read(nic, kind)
			if err != nil {
				continue
			}
			if r != nil {
				has = forwardsOf(r)
			}
		}
		if !slices.Contains(has, name) && old(filepath.Join(j.forwardsDir(), name)) {
			failed = append(failed, j.discard(removed, filepath.Join("forwards", name)))
		}
	}
	return errors.Join(failed...)
}
