package install

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Uninstall gives the scripts in dir back exactly as they were. It refuses, and
// changes nothing, where something stands in the place of what we put there.
func Uninstall(dir string) (report string, err error) {
	m, err := readManifest(dir)
	if err != nil {
		return "", err
	}
	if m == nil {
		return "", fmt.Errorf("%s holds no installation of vifctl: nothing was changed", dir)
	}
	for _, name := range m.Names {
		if err := givable(dir, name); err != nil {
			return "", err
		}
	}
	var files []string
	for _, program := range m.Programs {
		at := filepath.Join(dir, program)
		if info, err := os.Lstat(at); err == nil && info.IsDir() {
			return "", fmt.Errorf("%s is a folder, which vifctl did not put there: nothing was changed; move it away", at)
		}
		files = append(files, at)
	}
	if err := removable(m.Units); err != nil {
		return "", err
	}
	var restored, removed []string
	for _, name := range m.Names {
		had, err := giveBack(dir, name)
		if err != nil {
			return "", err
		}
		if had {
			restored = append(restored, name)
		} else {
			removed = append(removed, name)
		}
	}
	if m.Protocols {
		files = append(files, protocols)
	}
	files = append(files, m.Units...)
	// What is beside the backups and not ours stays, and so does the folder.
	if err := os.Remove(filepath.Join(dir, backupDir)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		report += fmt.Sprintf("%s stays, because something is in it that vifctl did not put there.\n", filepath.Join(dir, backupDir))
	}
	// The manifest goes last: until then the call can be made again.
	for _, f := range append(files, filepath.Join(dir, manifestName)) {
		if err := os.Remove(f); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("uninstall: %w", err)
		}
	}
	if len(restored) > 0 {
		report += fmt.Sprintf("Given back: %s.\n", strings.Join(restored, ", "))
	}
	if len(removed) > 0 {
		report += fmt.Sprintf("Removed, because they had not been there: %s.\n", strings.Join(removed, ", "))
	}
	report += afterUnits(m.Units)
	return report, nil
}
