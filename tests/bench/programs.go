package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"golang.org/x/sys/unix"

	"vifctl/tests/dom0"
	"vifctl/tests/realxenstore"
	"vifctl/xenscripts"
)

// A mode is one of the scripts that are called.
type mode struct {
	name, script string
	// strict: a configuration asks for strict antispoofing, and gives each guest a public address. Debian's scripts, which
	// can do neither, are not called then.
	strict bool
}

var modes = []mode{
	{name: "bridge", script: "vif-bridge"},
	{name: "route", script: "vif-route"},
	{name: "nat", script: "vif-nat", strict: true},
}

// Commands of the toolstack about a vif, and about a tap.
const (
	online  = "online"
	offline = "offline"
	add     = "add"
	remove  = "remove"
)

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
	dir, vifctl, hook, empty, prototype string
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
	p := &programs{
		dir: dir, vifctl: filepath.Join(dir, xenscripts.Program), hook: filepath.Join(dir, xenscripts.HookProgram),
		empty: filepath.Join(dir, "empty"), prototype: filepath.Join(dir, "prototype"),
	}
	if err := errors.Join(install(binary, p.vifctl), install(dom0.Hook(binary), p.hook)); err != nil {
		p.remove()
		return nil, err
	}
	for _, program := range []string{p.empty, p.prototype} {
		linked := program + ".linked"
		cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", linked, "./tests/bench/"+filepath.Base(program))
		cmd.Dir, cmd.Env = root, append(os.Environ(), "CGO_ENABLED=0")
		if words, err := cmd.CombinedOutput(); err != nil {
			p.remove()
			return nil, fmt.Errorf("build %s: %w\n%s", filepath.Base(program), err, words)
		}
		if err := install(linked, program); err != nil {
			p.remove()
			return nil, err
		}
	}
	return p, nil
}

// install puts a program where it is called, as `vifctl install` does: a file that is written and read from end to end,
// not the one that the linker wrote here and there. The page cache holds that one in small pieces, which costs a tenth of
// a call.
func install(from, to string) error {
	program, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o755)
	if err != nil {
		return err
	}
	_, err = f.Write(program)
	// As after a boot: out of the cache, and in again.
	err = errors.Join(err, f.Sync(), unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED), f.Close())
	if err == nil {
		_, err = os.ReadFile(to)
	}
	return err
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
