package dom0

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"vifctl/xenscripts"
)

// Scripts says what is in a dom0's scripts directory: names, and the files they are links to.
type Scripts func() (map[string]string, error)

// Vifctl is the programs under test under every name they answer to.
func Vifctl() (map[string]string, error) {
	vifctl, err := Binary()
	if err != nil {
		return nil, err
	}
	return Built(vifctl)()
}

// Built is a vifctl that was built before, and the vif-hook beside it, under every name they answer to.
func Built(vifctl string) Scripts {
	return func() (map[string]string, error) {
		links := map[string]string{xenscripts.Program: vifctl, xenscripts.HookProgram: Hook(vifctl)}
		for _, name := range xenscripts.Names() {
			links[name] = links[xenscripts.ProgramOf(name)]
		}
		return links, nil
	}
}

// Debian is the scripts of Debian's package xen-utils-common, unpacked at root.
func Debian(root string) Scripts {
	return func() (map[string]string, error) {
		stock := filepath.Join(root, "etc/xen/scripts")
		entries, err := os.ReadDir(stock)
		if err != nil {
			return nil, err
		}
		links := map[string]string{}
		for _, e := range entries {
			links[e.Name()] = filepath.Join(stock, e.Name())
		}
		return links, nil
	}
}

// install makes the links, on a thread that has the dom0's view.
func install(links map[string]string) error {
	for name, target := range links {
		if err := os.Symlink(target, filepath.Join(ScriptsDir, name)); err != nil {
			return err
		}
	}
	return os.MkdirAll(filepath.Join(ScriptsDir, "vif-post.d"), 0o755)
}

// Binary builds vifctl, with vif-hook beside it, and returns its path. Tests always run what the tree says, built as the
// Makefile builds it; VIFCTL_TEST_BINARY names another vifctl (a package's, or one built for coverage).
var Binary = sync.OnceValues(func() (string, error) {
	if given := os.Getenv("VIFCTL_TEST_BINARY"); given != "" {
		return filepath.Abs(given)
	}
	root, err := Root()
	if err != nil {
		return "", err
	}
	built := filepath.Join(root, "bin", "tests")
	if err := os.MkdirAll(built, 0o755); err != nil {
		return "", err
	}
	// Test packages run beside each other and share the result; an unchanged tree links nothing. Not in .cache, which
	// several working trees may share.
	lock, err := os.Create(filepath.Join(built, "lock"))
	if err != nil {
		return "", err
	}
	defer lock.Close()
	if err := unix.Flock(int(lock.Fd()), unix.LOCK_EX); err != nil {
		return "", err
	}
	build := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", built+"/", "./cmd/vifctl", "./cmd/vif-hook")
	build.Dir, build.Env = root, append(os.Environ(), "CGO_ENABLED=0")
	if strings.HasPrefix(runtime.Version(), "go1.26") {
		build.Env = append(build.Env, "GOEXPERIMENT=nogreenteagc")
	}
	if words, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build vifctl: %w\n%s", err, words)
	}
	return filepath.Join(built, xenscripts.Program), nil
})

// Hook is the vif-hook beside a vifctl.
func Hook(vifctl string) string { return filepath.Join(filepath.Dir(vifctl), xenscripts.HookProgram) }

// Root is the top of the source tree that the test was started in.
func Root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("not inside vifctl's source tree")
		}
		dir = parent
	}
}
