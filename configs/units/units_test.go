package units_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"vifctl/configs/units"
	"vifctl/tests/dom0"
)

// exposure is what systemd finds the watcher to be exposed to, in tenths; a unit
// without any protection has 96.
const exposure = "25"

// written is a unit as a file of its own name.
func written(t *testing.T, u units.Unit) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), filepath.Base(u.Path))
	require.NoError(t, os.WriteFile(path, u.Text(), u.Mode))
	return path
}

func TestSandbox(t *testing.T) {
	t.Parallel()
	dom0.Need(t, "systemd-analyze")
	i := slices.IndexFunc(units.Systemd, func(u units.Unit) bool { return u.Service == "vifctl-watch" })
	out, err := exec.Command("systemd-analyze", "security", "--no-pager", "--offline=true", "--threshold="+exposure, written(t, units.Systemd[i])).CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.NotContains(t, string(out), "Unknown", "%s", out)
}

// Every key is one that systemd knows, in the section that it belongs to.
func TestUnitsAreUnderstood(t *testing.T) {
	t.Parallel()
	dom0.Need(t, "systemd-analyze")
	found := 0
	for _, u := range units.Systemd {
		if u.Service == "" {
			continue
		}
		found++
		require.Equal(t, u.Service+".service", filepath.Base(u.Path))
		out, _ := exec.Command("systemd-analyze", "verify", "--recursive-errors=no", "--man=no", written(t, u)).CombinedOutput()
		for _, complaint := range []string{"Unknown key", "Unknown section", "Failed to parse", "Invalid", "ordering cycle"} {
			require.NotContains(t, string(out), complaint, u.Path)
		}
	}
	require.Equal(t, 3, found)
}

func TestOpenRC(t *testing.T) {
	t.Parallel()
	for _, u := range units.OpenRC {
		out, err := exec.Command("sh", "-n", written(t, u)).CombinedOutput()
		require.NoError(t, err, "%s", out)
	}
}
