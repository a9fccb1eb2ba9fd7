//go:build xen

package xen

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// hostPackages are Debian's packages that the laboratory uses on this machine.
var hostPackages = []string{
	"qemu-system-x86", "mmdebstrap", "busybox-static", "cpio", "e2fsprogs", "kmod", "xz-utils",
}

// need installs what the laboratory lacks, or says what to install.
func need(t *testing.T) {
	t.Helper()
	lacking := lackingPackages()
	if len(lacking) == 0 {
		return
	}
	words := strings.Join(lacking, " ")
	if os.Geteuid() != 0 {
		t.Fatalf("the Xen laboratory needs packages that only root can install: apt-get install %s", words)
	}
	t.Logf("installing %s", words)
	args := append([]string{"install", "-y", "-q", "--no-install-recommends"}, lacking...)
	if aptGet(t, args...) == nil {
		return
	}
	_ = aptGet(t, "update", "-q")
	if err := aptGet(t, args...); err != nil {
		t.Fatalf("apt-get install %s: %v", words, err)
	}
}

func lackingPackages() []string {
	var lacking []string
	for _, name := range hostPackages {
		out, err := exec.Command("dpkg-query", "-W", "-f", "${db:Status-Status}", name).Output()
		if err != nil || string(out) != "installed" {
			lacking = append(lacking, name)
		}
	}
	return lacking
}

func aptGet(t *testing.T, args ...string) error {
	t.Helper()
	cmd := exec.Command("apt-get", args...)
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Logf("apt-get %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return err
}
