package xenscripts

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/google/renameio/v2"

	"vifctl/configs/units"
)

// supervisors are who may run the watcher, each known by what is there while it
// does, or where it is installed.
var supervisors = []struct {
	sign    string
	units   []units.Unit
	enabled string // what is there once the watcher is to be run
	enable  string // how that is brought about, and undone
	disable string
}{
	{
		"/run/systemd/system", units.Systemd, "/etc/systemd/system/*.wants/vifctl-watch.service",
		"systemctl daemon-reload && systemctl enable --now vifctl-watch", "systemctl disable --now vifctl-watch",
	},
	{
		"/sbin/openrc-run", units.OpenRC, "/etc/runlevels/*/vifctl-watch",
		"rc-update add vifctl-watch && rc-service vifctl-watch start", "rc-service vifctl-watch stop; rc-update del vifctl-watch",
	},
}

// wantUnits are what makes the watcher run on this host, but for what somebody
// else has put there. enable is what a person types then.
func wantUnits() (wanted []units.Unit, enable string) {
	for _, s := range supervisors {
		if _, err := os.Stat(s.sign); err != nil {
			continue
		}
		for _, u := range s.units {
			if _, err := os.Lstat(u.Path); errors.Is(err, fs.ErrNotExist) {
				wanted = append(wanted, u)
			}
		}
		return wanted, s.enable
	}
	return nil, ""
}

// unitAt is the unit that belongs at a path.
func unitAt(path string) (u units.Unit, ok bool) {
	for _, s := range supervisors {
		for _, u := range s.units {
			if u.Path == path {
				return u, true
			}
		}
	}
	return u, false
}

// placeUnits writes what a manifest lists.
func placeUnits(paths []string) error {
	for _, path := range paths {
		u, _ := unitAt(path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return fmt.Errorf("install: %w", err)
		}
		if err := renameio.WriteFile(path, u.Text(), u.Mode, renameio.WithStaticPermissions(u.Mode), renameio.WithTempDir(filepath.Dir(path))); err != nil {
			return fmt.Errorf("install: %w", err)
		}
	}
	return nil
}

// removable: nobody runs the watcher by what was put there.
func removable(paths []string) error {
	for _, s := range supervisors {
		if !slices.ContainsFunc(s.units, func(u units.Unit) bool { return slices.Contains(paths, u.Path) }) {
			continue
		}
		if enabled, _ := filepath.Glob(s.enabled); len(enabled) > 0 {
			return fmt.Errorf("the watcher is still run (%s): nothing was changed; `%s` first", enabled[0], s.disable)
		}
	}
	return nil
}
