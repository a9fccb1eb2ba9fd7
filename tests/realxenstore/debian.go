package realxenstore

import (
	"crypto/sha256"
	_ "embed"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
)

//go:embed testdata/nohypervisor.c
var nohypervisorSource []byte

// DebianRoot is the folder into which Debian's packages are unpacked, without being installed: .cache/debian beside
// go.mod. It need not exist. Outside the repository it is empty.
func DebianRoot() string {
	if root := repository(); root != "" {
		return filepath.Join(root, ".cache", "debian")
	}
	return ""
}

// repository is the folder that holds go.mod, at or above the working directory.
var repository = sync.OnceValue(func() string {
	dir, err := os.Getwd()
	if err != nil {
		return ""
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return ""
		}
		dir = parent
	}
})

// Command is one of libxenstore's command line tools (xenstore-read, xenstore-ls, …), to be run against the daemon at
// socket.
func Command(t testing.TB, socket, tool string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(find(t, "/usr/bin/"+tool, "xenstore-utils"), args...)
	cmd.Env = append(environment(), "XENSTORED_PATH="+socket)
	return cmd
}

// Tool runs one of libxenstore's tools and returns what it printed, without the last newline.
func Tool(t testing.TB, socket, tool string, args ...string) (string, error) {
	t.Helper()
	out, err := Command(t, socket, tool, args...).CombinedOutput()
	text := strings.TrimSuffix(string(out), "\n")
	if err != nil {
		return text, fmt.Errorf("%s %s: %w: %s", tool, strings.Join(args, " "), err, text)
	}
	return text, nil
}

// find returns an installed program, or the one below DebianRoot.
func find(t testing.TB, path, debianPackage string) string {
	t.Helper()
	unpacked := filepath.Join(DebianRoot(), path)
	for _, candidate := range []string{path, unpacked} {
		if st, err := os.Stat(candidate); err == nil && st.Mode().IsRegular() {
			return candidate
		}
	}
	t.Fatalf("Debian's package %s is missing: there is neither %s nor %s", debianPackage, path, unpacked)
	return ""
}

// environment is a minimal one, with the unpacked libraries. What the test process was started with stays out of it.
func environment() []string {
	return []string{
		"PATH=/usr/sbin:/usr/bin:/sbin:/bin",
		"LC_ALL=C",
		"LD_LIBRARY_PATH=" + filepath.Join(DebianRoot(), "usr/lib/x86_64-linux-gnu"),
	}
}

// nohypervisor returns the preloaded library, compiled once and kept, under its source's hash, beside DebianRoot.
func nohypervisor(t testing.TB) string {
	t.Helper()
	cache := filepath.Join(repository(), ".cache")
	library := filepath.Join(cache, fmt.Sprintf("nohypervisor-%.8x.so", sha256.Sum256(nohypervisorSource)))
	if _, err := os.Stat(library); err == nil {
		return library
	}
	cc, err := exec.LookPath("cc")
	if err != nil {
		t.Fatalf("Debian's package gcc is missing: there is no C compiler named cc (%v)", err)
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		t.Fatalf("make %s: %v", cache, err)
	}
	// Several test processes may do this at once: each builds its own and the last rename wins.
	draft := library + "." + strconv.Itoa(os.Getpid())
	build := exec.Command(cc, "-shared", "-fPIC", "-O1", "-o", draft, "-x", "c", "-", "-ldl")
	build.Stdin = strings.NewReader(string(nohypervisorSource))
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("compile nohypervisor.c (Debian's package libc6-dev is needed): %v: %s", err, out)
	}
	if err := os.Rename(draft, library); err != nil {
		t.Fatalf("keep %s: %v", library, err)
	}
	return library
}
