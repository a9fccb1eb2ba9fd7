package units_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"vifctl/configs/units"
	"vifctl/tests/dom0"
)

// exposure is what systemd finds the unit to be exposed to, in tenths; a unit
// without any protection has 96.
const exposure = "25"

func TestSandbox(t *testing.T) {
	t.Parallel()
	dom0.Need(t, "systemd-analyze")
	unit := filepath.Join(t.TempDir(), "vifctl-watch.service")
	require.NoError(t, os.WriteFile(unit, units.Systemd[0].Text(), 0o644))
	out, err := exec.Command("systemd-analyze", "security", "--no-pager", "--offline=true", "--threshold="+exposure, unit).CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.NotContains(t, string(out), "Unknown", "%s", out)
}

// Every key is one that systemd knows, in the section that it belongs to.
func TestUnitIsUnderstood(t *testing.T) {
	t.Parallel()
	dom0.Need(t, "systemd-analyze")
	unit := filepath.Join(t.TempDir(), "vifctl-watch.service")
	require.NoError(t, os.WriteFile(unit, units.Systemd[0].Text(), 0o644))
	out, _ := exec.Command("systemd-analyze", "verify", "--recursive-errors=no", "--man=no", unit).CombinedOutput()
	for _, complaint := range []string{"Unknown key", "Unknown section", "Failed to parse", "Invalid"} {
		require.NotContains(t, string(out), complaint)
	}
}

func TestOpenRC(t *testing.T) {
	t.Parallel()
	script := filepath.Join(t.TempDir(), "vifctl-watch")
	require.NoError(t, os.WriteFile(script, units.OpenRC[0].Text(), 0o755))
	out, err := exec.Command("sh", "-n", script).CombinedOutput()
	require.NoError(t, err, "%s", out)
}
