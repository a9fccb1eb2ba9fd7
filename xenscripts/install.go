package xenscripts

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/renameio/v2"

	"vifctl/configs"
)

const (
	binaryName   = "vifctl"
	manifestName = ".vifctl-installed.json"
	backupDir    = "vifctl-backup"
	// protocols is where ip(8) learns the name of our routes' protocol.
	protocols     = "/etc/iproute2/rt_protos.d/vifctl.conf"
	protocolsText = "118\tvifctl\n"
)

// manifest is what an installation did, so that uninstalling undoes just that.
type manifest struct {
	// Names are the scripts taken over, sorted; those that had been there
	// before are in the backup folder under the same name.
	Names []string `json:"names"`
	// Protocols: the name of our routes' protocol was written.
	Protocols bool `json:"protocols"`
	// Units are what can run by itself, by their paths.
	Units []string `json:"units,omitempty"`
}

// Install takes over the scripts in dir: each becomes a link to vifctl, which
// is put beside them, and what was there is kept in a folder of its own. self
// is the program that is running. Installing again renews the program. The
// report is for a person. alone: no units are put anywhere.
func Install(dir, self string, alone bool) (report string, err error) {
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return "", fmt.Errorf("%s is not a folder: is Xen installed? (--dir names another)", dir)
	}
	m, err := readManifest(dir)
	if err != nil {
		return "", err
	}
	if m == nil {
		if _, err := os.Lstat(filepath.Join(dir, binaryName)); err == nil {
			return "", fmt.Errorf("%s is there, and not by an installation of ours: move it away first", filepath.Join(dir, binaryName))
		}
		if _, err := os.Lstat(filepath.Join(dir, backupDir)); err == nil {
			return "", fmt.Errorf("%s is there, and not by an installation of ours: move it away first", filepath.Join(dir, backupDir))
		}
		m = &manifest{}
	}
	for _, name := range Names {
		if err := takeable(dir, name); err != nil {
			return "", err
		}
		if !slices.Contains(m.Names, name) {
			m.Names = append(m.Names, name)
		}
	}
	slices.Sort(m.Names)
	m.Protocols = m.Protocols || dir == Dir && wantProtocols()
	if dir == Dir && !alone {
		for _, u := range wantUnits() {
			if !slices.Contains(m.Units, u.Path) {
				m.Units = append(m.Units, u.Path)
			}
		}
	}

	if err := writeManifest(dir, m); err != nil {
		return "", err
	}
	if err := placeBinary(dir, self); err != nil {
		return "", err
	}
	var kept []string
	for _, name := range m.Names {
		had, err := take(dir, name)
		if err != nil {
			return "", err
		}
		if had {
			kept = append(kept, name)
		}
	}
	if m.Protocols {
		if err := renameio.WriteFile(protocols, []byte(protocolsText), 0o644, renameio.WithTempDir(filepath.Dir(protocols))); err != nil {
			return "", fmt.Errorf("name the routes' protocol: %w", err)
		}
	}
	if err := placeUnits(m.Units); err != nil {
		return "", err
	}
	report = fmt.Sprintf("%s now answers as %s.\n", filepath.Join(dir, binaryName), strings.Join(m.Names, ", "))
	if len(kept) > 0 {
		report += fmt.Sprintf("What was there is kept in %s: %s.\n", filepath.Join(dir, backupDir), strings.Join(kept, ", "))
	}
	report += "Antispoofing is off, as it is with Xen's own scripts.\n"
	report += aboutUnits(m.Units)
	back := filepath.Join(dir, binaryName) + " uninstall"
	if dir != Dir {
		back += " --dir " + dir
	}
	return report + fmt.Sprintf("`%s` gives everything back.\n", back), nil
}

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
	if info, err := os.Lstat(filepath.Join(dir, binaryName)); err == nil && info.IsDir() {
		return "", fmt.Errorf("%s is a folder, which vifctl did not put there: nothing was changed; move it away", filepath.Join(dir, binaryName))
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
	files := []string{filepath.Join(dir, binaryName)}
	if m.Protocols {
		files = append(files, protocols)
	}
	files = append(files, m.Units...)
	// What somebody else put beside the backups stays, and so does the folder.
	if err := os.Remove(filepath.Join(dir, backupDir)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		report += fmt.Sprintf("%s stays, because something of somebody else's is in it.\n", filepath.Join(dir, backupDir))
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

// isOurs reports whether a script is a link to the program beside it.
func isOurs(dir, name string) bool {
	to, err := os.Readlink(filepath.Join(dir, name))
	return err == nil && to == binaryName
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

// take makes a script a link to the program; had tells whether there was one
// before. It never leaves a moment without a script.
func take(dir, name string) (had bool, err error) {
	at, backup := filepath.Join(dir, name), filepath.Join(dir, backupDir, name)
	if isOurs(dir, name) {
		_, err := os.Lstat(backup)
		return err == nil, nil
	}
	if _, err := os.Lstat(at); err == nil {
		if err := os.MkdirAll(filepath.Join(dir, backupDir), 0o755); err != nil {
			return false, fmt.Errorf("install: %w", err)
		}
		// A second name keeps owner, mode, times and all.
		if err := os.Link(at, backup); err != nil && !errors.Is(err, fs.ErrExist) {
			return false, fmt.Errorf("keep a backup: %w", err)
		}
		had = true
	}
	if err := renameio.Symlink(binaryName, at); err != nil {
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

// placeBinary puts the program beside the scripts: as a link where a package
// installed it, so that the package's upgrades reach it, else as a copy.
func placeBinary(dir, self string) error {
	at := filepath.Join(dir, binaryName)
	if self == at {
		return nil
	}
	if strings.HasPrefix(self, "/usr/") && configs.Trusted(self) == nil {
		if err := renameio.Symlink(self, at); err != nil {
			return fmt.Errorf("install: %w", err)
		}
		return nil
	}
	from, err := os.Open(self)
	if err != nil {
		return fmt.Errorf("install: %w", err)
	}
	defer from.Close()
	to, err := renameio.NewPendingFile(at, renameio.WithStaticPermissions(0o755), renameio.WithTempDir(dir))
	if err != nil {
		return fmt.Errorf("install: %w", err)
	}
	defer to.Cleanup()
	if _, err := io.Copy(to, from); err != nil {
		return fmt.Errorf("install: %w", err)
	}
	if err := to.CloseAtomicallyReplace(); err != nil {
		return fmt.Errorf("install: %w", err)
	}
	return nil
}

func wantProtocols() bool {
	if _, err := os.Stat(filepath.Dir(protocols)); err != nil {
		return false
	}
	_, err := os.Lstat(protocols)
	return errors.Is(err, fs.ErrNotExist)
}

func readManifest(dir string) (*manifest, error) {
	path := filepath.Join(dir, manifestName)
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read what was installed: %w", err)
	}
	var m manifest
	if err := json.Unmarshal(data, &m); err != nil {
		return nil, fmt.Errorf("%s is damaged: %w", path, err)
	}
	for _, name := range m.Names {
		if !strings.HasPrefix(name, "vif-") && !strings.HasPrefix(name, "network-") && name != "qemu-ifup" || strings.Contains(name, "/") {
			return nil, fmt.Errorf("%s is damaged: %q is no script's name", path, name)
		}
	}
	for _, path := range m.Units {
		if _, ok := unitAt(path); !ok {
			return nil, fmt.Errorf("%s is damaged: %q is no unit of ours", filepath.Join(dir, manifestName), path)
		}
	}
	return &m, nil
}

func writeManifest(dir string, m *manifest) error {
	data, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return err
	}
	if err := renameio.WriteFile(filepath.Join(dir, manifestName), append(data, '\n'), 0o644, renameio.WithTempDir(dir)); err != nil {
		return fmt.Errorf("write down what is installed: %w", err)
	}
	return nil
}
