// Package script tells what the programs do where no kernel is needed, as txtar
// scripts: the programs under all their names, a xenstore of their own, a folder
// for the journal, and none of the caller's environment.
package script

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"vifctl/hooks/xenstore/embedded"
	"vifctl/tests/dom0"
	"vifctl/xenscripts"
)

// Run runs the scripts of testdata/script. Beside the names of ours there is
// vif-plumber, to which vif-hook does not answer.
func Run(t *testing.T) {
	t.Helper()
	bin := filepath.Join(t.TempDir(), "bin")
	if err := link(bin); err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			dir, err := os.MkdirTemp("", "xs") //nolint:usetesting // a socket's path has to be short
			if err != nil {
				return err
			}
			env.Defer(func() { _ = os.RemoveAll(dir) })
			server, err := embedded.Start(filepath.Join(dir, "socket"))
			if err != nil {
				return err
			}
			env.Defer(func() { _ = server.Close() })
			// No folder on the way may be one that others can write to.
			if err := os.Chmod(env.WorkDir, 0o755); err != nil {
				return err
			}
			env.Setenv("PATH", bin+string(os.PathListSeparator)+env.Getenv("PATH"))
			env.Setenv("XENSTORED_PATH", server.Path())
			env.Setenv("VIFCTL_RUN_DIR", filepath.Join(env.WorkDir, "run"))
			env.Setenv("VIFCTL_CONFIG", filepath.Join(env.WorkDir, "vifctl.toml"))
			return nil
		},
	})
}

// link makes the programs' names in bin.
func link(bin string) error {
	names, err := dom0.Vifctl()
	if err != nil {
		return err
	}
	names["vif-plumber"] = names[xenscripts.HookProgram]
	if err := os.Mkdir(bin, 0o755); err != nil {
		return err
	}
	for name, program := range names {
		if err := os.Symlink(program, filepath.Join(bin, name)); err != nil {
			return err
		}
	}
	return nil
}
