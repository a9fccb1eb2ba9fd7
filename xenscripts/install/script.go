package install

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/google/renameio/v2"

	"vifctl/xenscripts"
)

// isOurs reports whether a script is a link to one of the programs beside it: an
// earlier vifctl may have made it, and then another than today.
func isOurs(dir, name string) bool {
	to, err := os.Readlink(filepath.Join(dir, name))
	return err == nil && slices.Contains(programs(), to)
}

// takeable: what stands in the script's place can be kept in the backup.
func takeable(dir, name string) error {
	info, err := os.Lstat(filepath.Join(dir, name))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("install: %w", err)
	case info.IsDir():
		return fmt.Errorf("%s is a folder: it is left alone, and nothing was changed", filepath.Join(dir, name))
	case isOurs(dir, name):
		return nil
	}
	if _, err := os.Lstat(filepath.Join(dir, backupDir, name)); err == nil && !sameFile(dir, name) {
		return fmt.Errorf("%s is not ours any more (a package's upgrade?), and %s still holds the one before: move one of them away", filepath.Join(dir, name), backupDir)
	}
	return nil
}

// take makes a script a link to its program; had tells whether there was one
// before we came. It never leaves a moment without a script.
func take(dir, name string) (had bool, err error) {
	at, backup := filepath.Join(dir, name), filepath.Join(dir, backupDir, name)
	if isOurs(dir, name) {
		_, err := os.Lstat(backup)
		had = err == nil
	} else if _, err := os.Lstat(at); err == nil {
		if err := os.MkdirAll(filepath.Join(dir, backupDir), 0o755); err != nil {
			return false, fmt.Errorf("install: %w", err)
		}
		// A second name keeps owner, mode, times and all.
		if err := os.Link(at, backup); err != nil && !errors.Is(err, fs.ErrExist) {
			return false, fmt.Errorf("keep a backup: %w", err)
		}
		had = true
	}
	program := xenscripts.ProgramOf(name)
	if to, err := os.Readlink(at); err == nil && to == program {
		return had, nil
	}
	if err := renameio.Symlink(program, at); err != nil {
		return had, fmt.Errorf("install: %w", err)
	}
	return had, nil
}

// givable: the script is still what we put there, or what it was before we did
// or after it was given back, in which case there is no backup of it.
func givable(dir, name string) error {
	_, err := os.Lstat(filepath.Join(dir, name))
	if isOurs(dir, name) || errors.Is(err, fs.ErrNotExist) || sameFile(dir, name) {
		return nil
	}
	if _, err := os.Lstat(filepath.Join(dir, backupDir, name)); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return fmt.Errorf("%s is not what vifctl put there: nothing was changed; compare it with %s and move it away", filepath.Join(dir, name), filepath.Join(dir, backupDir, name))
}

// giveBack puts the backup in the script's place, or removes the script where
// there had been none.
func giveBack(dir, name string) (had bool, err error) {
	at, backup := filepath.Join(dir, name), filepath.Join(dir, backupDir, name)
	if sameFile(dir, name) {
		// Never taken: the rename below would do nothing.
		return true, os.Remove(backup)
	}
	err = os.Rename(backup, at)
	if errors.Is(err, fs.ErrNotExist) {
		if !isOurs(dir, name) {
			_, err := os.Lstat(at)
			return err == nil, nil
		}
		if err := os.Remove(at); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return false, fmt.Errorf("uninstall: %w", err)
		}
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("uninstall: %w", err)
	}
	return true, nil
}

func sameFile(dir, name string) bool {
	a, errA := os.Lstat(filepath.Join(dir, name))
	b, errB := os.Lstat(filepath.Join(dir, backupDir, name))
	return errA == nil && errB == nil && os.SameFile(a, b)
}
