package install

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/renameio/v2"

	"vifctl/xenscripts"
)

const manifestName = ".vifctl-installed.json"

// manifest is what an installation did, so that uninstalling undoes just that.
type manifest struct {
	// Programs were put beside the scripts. One that an earlier vifctl wrote names
	// none: that put vifctl alone there.
	Programs []string `json:"programs"`
	// Names are the scripts taken over, sorted; those that had been there
	// before are in the backup folder under the same name.
	Names []string `json:"names"`
	// Protocols: the name of our routes' protocol was written.
	Protocols bool `json:"protocols"`
	// Units are what can run by itself, by their paths.
	Units []string `json:"units,omitempty"`
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
	if m.Programs == nil {
		m.Programs = []string{xenscripts.Program}
	}
	for _, name := range m.Programs {
		if !slices.Contains(programs(), name) {
			return nil, fmt.Errorf("%s is damaged: %q is no program of ours", path, name)
		}
	}
	for _, name := range m.Names {
		script := strings.HasPrefix(name, "vif-") || strings.HasPrefix(name, "network-") || name == "qemu-ifup"
		if !script || slices.Contains(programs(), name) || strings.Contains(name, "/") {
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
