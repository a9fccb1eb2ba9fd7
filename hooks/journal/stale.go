package journal

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"vifctl/hooks/plan"
)

const (
	// staleWait is how long the lock of a NIC is waited for: one that a call
	// holds is left for the next time.
	staleWait = 50 * time.Millisecond
	// writing is longer than it takes to write a file that no lock is for.
	writing = time.Minute
)

// Tidy removes from the folder what no call needs any more, and says what it was:
// files of writes that were cut short, records of an earlier boot, records that
// were set aside and locks that were left, of a guest that is gone, and names and
// forwards of ports that have no record. gone says whether Xen knows nothing of a NIC any
// more. What a call is at work on is left alone.
func (j *Journal) Tidy(ctx context.Context, boot string, gone func(plan.NIC) bool) (removed []string, err error) {
	names, err := j.names()
	if err != nil {
		return nil, err
	}
	byNIC := map[plan.NIC][]string{}
	var failed []error
	for _, name := range names {
		if nic, ok := nicOf(name); ok {
			byNIC[nic] = append(byNIC[nic], name)
		} else if cutShort(name, "config.index") && old(filepath.Join(j.dir, name)) {
			failed = append(failed, j.discard(&removed, name))
		}
	}
	for nic, files := range byNIC {
		failed = append(failed, j.tidyNIC(ctx, nic, files, boot, gone, &removed))
	}
	failed = append(failed, j.tidyGuests(ctx, &removed), j.tidyNames(&removed), j.tidyForwards(&removed))
	slices.Sort(removed)
	return removed, errors.Join(failed...)
}

// tidyNIC is about the files of one NIC, of which a record that is in force and
// a lock that is held are none of its business.
func (j *Journal) tidyNIC(ctx context.Context, nic plan.NIC, files []string, boot string, gone func(plan.NIC) bool, removed *[]string) error {
	stale := func(name string) bool {
		switch {
		case strings.HasPrefix(name, "."):
			return true
		case strings.HasSuffix(name, ".damaged"), strings.HasSuffix(name, ".lock"):
			return gone(nic)
		}
		_, kind, _ := PortOf(name)
		r, err := j.Read(nic, kind)
		return err == nil && r != nil && r.Boot != boot
	}
	if !slices.ContainsFunc(files, stale) {
		return nil
	}
	brief, cancel := context.WithTimeout(ctx, staleWait)
	defer cancel()
	lock, err := j.LockNIC(brief, nic)
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		return nil
	}
	if err != nil {
		return err
	}
	defer lock.Release() // and with it goes the lock's file
	var failed []error
	for _, name := range files {
		if stale(name) {
			failed = append(failed, j.discard(removed, name))
		}
	}
	return errors.Join(failed...)
}

// tidyGuests is about the lists of guests' ports: a port is put down there before
// its record is written, under the lock that is held here.
func (j *Journal) tidyGuests(ctx context.Context, removed *[]string) error {
	entries, err := os.ReadDir(filepath.Join(j.dir, "guests"))
	if errors.Is(err, fs.ErrNotExist) || len(entries) == 0 && err == nil {
		return nil
	}
	if err != nil {
		return err
	}
	lock, err := j.LockHost(ctx)
	if err != nil {
		return err
	}
	defer lock.Release()
	var failed []error
	for _, e := range entries {
		name := filepath.Join("guests", e.Name())
		if strings.HasPrefix(e.Name(), ".") {
			failed = append(failed, j.discard(removed, name))
			continue
		}
		g := Guest{journal: j, path: filepath.Join(j.dir, name)}
		ports, err := g.ports()
		failed = append(failed, err)
		stale := func(port string) bool {
			_, err := os.Stat(filepath.Join(j.dir, port+".json"))
			return errors.Is(err, fs.ErrNotExist)
		}
		for _, port := range ports {
			if stale(port) {
				*removed = append(*removed, name+" "+port)
			}
		}
		if slices.ContainsFunc(ports, stale) || len(ports) == 0 && err == nil {
			failed = append(failed, g.write(slices.DeleteFunc(ports, stale)))
		}
	}
	return errors.Join(failed...)
}

func (j *Journal) discard(removed *[]string, name string) error {
	err := os.Remove(filepath.Join(j.dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil && !strings.HasSuffix(name, ".lock") {
		*removed = append(*removed, name)
	}
	return err
}

// nicOf tells which NIC a file of the folder is for: a record, one that was set aside, a
// lock, or what a write that was cut short left beside a record.
func nicOf(file string) (nic plan.NIC, ok bool) {
	if words := strings.SplitN(strings.TrimPrefix(file, "."), ".", 4); len(words) > 2 {
		nic, ok = parseNIC(words[0] + "." + words[1])
	}
	if !ok || !strings.HasPrefix(file, ".") {
		return nic, ok
	}
	return nic, cutShort(file, nic.String()+".vif.json") || cutShort(file, nic.String()+".tap.json")
}

// cutShort reports whether a file is what renameio writes before it is
// another's: the other's name between a dot and a number.
func cutShort(file, of string) bool {
	number, ok := strings.CutPrefix(file, "."+of)
	return ok && number != "" && strings.Trim(number, "0123456789") == ""
}

// old reports whether a file was written so long ago that no call writes it any
// more, or in the future, by a clock that has been set back since.
func old(path string) bool {
	info, err := os.Stat(path)
	return err == nil && time.Since(info.ModTime()).Abs() > writing
}
