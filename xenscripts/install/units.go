package install

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/renameio/v2"

	"vifctl/configs/units"
)

// supervisor is who may run what is to run by itself.
type supervisor struct {
	// sign is there while it does, or where it is installed.
	sign  string
	units []units.Unit
	// enabled is what is there once a service is to be run, with a * for its name.
	enabled string
	// start is how that is brought about, enable so only for the next boot, and
	// stop is how it is undone, with a % for the service's name. before is said
	// once, and after when all is gone.
	before, start, enable, stop, after string
}

var supervisors = []supervisor{
	{
		"/run/systemd/system", units.Systemd, "/etc/systemd/system/*.wants/%.service",
		"systemctl daemon-reload", "systemctl enable --now %", "systemctl enable %", "systemctl disable --now %", "systemctl daemon-reload",
	},
	{
		"/sbin/openrc-run", units.OpenRC, "/etc/runlevels/*/%",
		"", "rc-update add % && rc-service % start", "rc-update add %", "rc-service % stop; rc-update del %", "",
	},
}

// wantUnits are what can run by itself on this host, but for what another program
// has put there.
func wantUnits() (wanted []units.Unit) {
	for _, s := range supervisors {
		if _, err := os.Stat(s.sign); err != nil {
			continue
		}
		for _, u := range s.units {
			if _, err := os.Lstat(u.Path); errors.Is(err, fs.ErrNotExist) {
				wanted = append(wanted, u)
			}
		}
		break
	}
	return wanted
}

// aboutUnits says what was put there, and how each is started.
func aboutUnits(paths []string) string {
	var b strings.Builder
	for _, s := range supervisors {
		for _, u := range s.units {
			if u.Service == "" || !slices.Contains(paths, u.Path) {
				continue
			}
			if b.Len() == 0 {
				b.WriteString("What can run by itself was put beside, and is not started by that:\n")
				if s.before != "" {
					fmt.Fprintf(&b, "  %s\n", s.before)
				}
			}
			how := s.start
			if !u.Now {
				how = s.enable
			}
			fmt.Fprintf(&b, "  %-41s # %s\n", strings.ReplaceAll(how, "%", u.Service), u.About)
		}
	}
	return b.String()
}

// afterUnits is what is left to do once units are gone.
func afterUnits(paths []string) string {
	for _, s := range supervisors {
		if s.after != "" && slices.ContainsFunc(s.units, func(u units.Unit) bool { return slices.Contains(paths, u.Path) }) {
			return fmt.Sprintf("The units are gone, too: `%s` has that noticed.\n", s.after)
		}
	}
	return ""
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

// removable: no service runs by what was put there.
func removable(paths []string) error {
	for _, s := range supervisors {
		for _, u := range s.units {
			if u.Service == "" || !slices.Contains(paths, u.Path) {
				continue
			}
			if enabled, _ := filepath.Glob(strings.ReplaceAll(s.enabled, "%", u.Service)); len(enabled) > 0 {
				return fmt.Errorf("%s is still run (%s): nothing was changed; `%s` first", u.Service, enabled[0], strings.ReplaceAll(s.stop, "%", u.Service))
			}
		}
	}
	return nil
}
