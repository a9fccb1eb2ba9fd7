//go:build xen

package xen

import (
	"os/exec"
	"testing"
)

// need installs what the laboratory lacks, or says what to install.
func need(t *testing.T) {
	t.Helper()
	if out, err := exec.Command("../deps", "xen").CombinedOutput(); err != nil {
		t.Fatalf("tests/deps xen: %v\n%s", err, out)
	}
}
