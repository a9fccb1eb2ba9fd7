package install

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/renameio/v2"

	"vifctl/configs"
	"vifctl/xenscripts"
)

// programs are what the scripts' names lead to.
func programs() []string { return []string{xenscripts.HookProgram, xenscripts.Program} }

// beside is where a program of ours lies, seen from the vifctl that is running.
func beside(self, program string) string {
	if program == xenscripts.Program {
		return self
	}
	return filepath.Join(filepath.Dir(self), program)
}

// absent refuses what is in dir and was not put there by an installation of ours.
func absent(dir, name string) error {
	if _, err := os.Lstat(filepath.Join(dir, name)); err == nil {
		return fmt.Errorf("%s is there, and not by an installation of ours: move it away first", filepath.Join(dir, name))
	}
	return nil
}

// place puts a program beside the scripts: as a link where a package installed it,
// so that the package's upgrades reach it, else as a copy.
func place(dir, self, program string) error {
	from, at := beside(self, program), filepath.Join(dir, program)
	if from == at {
		return nil
	}
	if strings.HasPrefix(from, "/usr/") && configs.Trusted(from) == nil {
		if err := renameio.Symlink(from, at); err != nil {
			return fmt.Errorf("install: %w", err)
		}
		return nil
	}
	file, err := os.Open(from)
	if err != nil {
		return fmt.Errorf("install: %w", err)
	}
	defer file.Close()
	to, err := renameio.NewPendingFile(at, renameio.WithStaticPermissions(0o755), renameio.WithTempDir(dir))
	if err != nil {
		return fmt.Errorf("install: %w", err)
	}
	defer to.Cleanup()
	if _, err := io.Copy(to, file); err != nil {
		return fmt.Errorf("install: %w", err)
	}
	if err := to.CloseAtomicallyReplace(); err != nil {
		return fmt.Errorf("install: %w", err)
	}
	return nil
}
