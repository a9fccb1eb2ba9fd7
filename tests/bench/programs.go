package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"vifctl/tests/dom0"
	"vifctl/tests/realxenstore"
)

// A mode is one of the scripts that are compared.
type mode struct{ name, script string }

var modes = []mode{{"bridge", "vif-bridge"}, {"route", "vif-route"}}

// Whose calls are timed.
const (
	vifctl    = "vifctl"
	debian    = "Debian"
	empty     = "an empty Go program"
	prototype = "the bare prototype"
)

// ours is where vifctl lies in the dom0, under the scripts' names; Debian's scripts are in dom0.ScriptsDir.
const ours = "/run/bench"

// programs are those that the bench builds.
type programs struct {
	dir, vifctl, empty, prototype string
}

// build builds what is compared, each without cgo and without symbols, as vifctl is.
func build(ctx context.Context) (*programs, error) {
	progress("building")
	binary, err := dom0.Binary()
	if err != nil {
		return nil, err
	}
	root, err := dom0.Root()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return nil, err
	}
	p := &programs{dir: dir, vifctl: binary, empty: filepath.Join(dir, "empty"), prototype: filepath.Join(dir, "prototype")}
	for _, program := range []string{p.empty, p.prototype} {
		cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", program, "./tests/bench/"+filepath.Base(program))
		cmd.Dir, cmd.Env = root, append(os.Environ(), "CGO_ENABLED=0")
		if words, err := cmd.CombinedOutput(); err != nil {
			p.remove()
			return nil, fmt.Errorf("build %s: %w\n%s", filepath.Base(program), err, words)
		}
	}
	return p, nil
}

func (p *programs) remove() { _ = os.RemoveAll(p.dir) }

// need says in one sentence what is missing.
func need() error {
	if os.Geteuid() != 0 {
		return errors.New("the benchmark makes network namespaces: run it as root")
	}
	scripts := filepath.Join(realxenstore.DebianRoot(), "etc/xen/scripts/vif-bridge")
	if _, err := os.Stat(scripts); err != nil {
		return fmt.Errorf("the scripts to compare with are missing (make deps-test fetches them): %w", err)
	}
	for _, program := range []string{"awk", "bash", "go", "ifconfig", "ip", "which", "xenstore-read", "xenstore-write"} {
		if _, err := exec.LookPath(program); err != nil {
			return fmt.Errorf("%w (make deps-test installs it)", err)
		}
	}
	return nil
}
