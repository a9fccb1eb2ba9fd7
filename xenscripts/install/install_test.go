package install_test

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"vifctl/xenscripts"
	"vifctl/xenscripts/install"
)

// What an installation leaves in the scripts' folder, beside the scripts.
const (
	binary   = "vifctl"
	hook     = "vif-hook"
	backup   = "vifctl-backup"
	manifest = ".vifctl-installed.json"
)

// xenFolder is a folder of scripts as a distribution and an administrator have
// left it: some of the names we take are there, as files of different owners and
// modes, as a link, as a dangling link, and some are not.
func xenFolder(t testing.TB) (dir string) {
	t.Helper()
	dir = t.TempDir()
	write := func(name, text string, mode os.FileMode) {
		path := filepath.Join(dir, name)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		require.NoError(t, os.Chmod(path, mode))
	}
	write("vif-bridge", "#!/bin/bash\n# Debian's\n", 0o755)
	write("vif-route", "#!/bin/bash\n# the administrator's own\n", 0o700|os.ModeSetuid)
	write("vif-nat", "#!/bin/bash\n# Debian's, too\n", 0o755)
	write("vif-openvswitch", "#!/bin/bash\n# Debian's as well\n", 0o755)
	write("vif-common.sh", "# shared\n", 0o644)
	write("block", "#!/bin/sh\n", 0o755)
	write("vif-post.d/10-vlan.hook", "log debug x\n", 0o755)
	write("vif-post.d/notes", "\n", 0o600)
	require.NoError(t, os.Symlink("vif-bridge", filepath.Join(dir, "vif-setup")))
	require.NoError(t, os.Symlink("/nowhere/ifup", filepath.Join(dir, "vif-route-ifup")))
	if os.Geteuid() == 0 {
		require.NoError(t, os.Lchown(filepath.Join(dir, "vif-route"), 1234, 4321))
		require.NoError(t, os.Chmod(filepath.Join(dir, "vif-route"), 0o700|os.ModeSetuid))
		require.NoError(t, os.Lchown(filepath.Join(dir, "vif-setup"), 1234, 4321))
	}
	old := time.Date(2019, 4, 1, 12, 0, 0, 123456789, time.UTC)
	require.NoError(t, os.Chtimes(filepath.Join(dir, "vif-bridge"), old, old))
	require.NoError(t, os.Chtimes(filepath.Join(dir, "vif-route"), old.Add(time.Hour), old.Add(time.Hour)))
	return dir
}

// listing is all there is below dir, a line a path, with all that an ls would
// tell of it.
func listing(t testing.TB, dir string) string {
	t.Helper()
	var lines []string
	require.NoError(t, filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		info, err := os.Lstat(path)
		if err != nil {
			return err
		}
		st := info.Sys().(*syscall.Stat_t)
		rel, _ := filepath.Rel(dir, path)
		line := fmt.Sprintf("%s %s %d:%d", rel, info.Mode(), st.Uid, st.Gid)
		switch {
		case info.Mode()&fs.ModeSymlink != 0:
			to, err := os.Readlink(path)
			if err != nil {
				return err
			}
			line += " " + info.ModTime().Format(time.RFC3339Nano) + " -> " + to
		case !info.IsDir():
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			line += fmt.Sprintf(" %s %d links %x", info.ModTime().Format(time.RFC3339Nano), st.Nlink, sha256.Sum256(data))
		}
		lines = append(lines, line)
		return nil
	}))
	return strings.Join(lines, "\n")
}

// program is a file that stands for the vifctl that is running, with vif-hook
// beside it.
func program(t testing.TB, text string) (path string) {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{binary, hook} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(name+" "+text), 0o700))
	}
	return filepath.Join(dir, binary)
}

func installed(t testing.TB, dir, self string) (report string) {
	t.Helper()
	report, err := install.Install(dir, self, false)
	require.NoError(t, err)
	return report
}

func uninstalled(t testing.TB, dir string) (report string) {
	t.Helper()
	report, err := install.Uninstall(dir)
	require.NoError(t, err)
	return report
}

// requireInstalled: every name leads to its program, of that version.
func requireInstalled(t testing.TB, dir, version string) {
	t.Helper()
	for program, names := range map[string][]string{binary: xenscripts.NetworkNames, hook: xenscripts.PortNames()} {
		for _, name := range names {
			to, err := os.Readlink(filepath.Join(dir, name))
			require.NoError(t, err)
			require.Equal(t, program, to)
		}
		data, err := os.ReadFile(filepath.Join(dir, program))
		require.NoError(t, err)
		require.Equal(t, program+" "+version, string(data))
		info, err := os.Stat(filepath.Join(dir, program))
		require.NoError(t, err)
		require.NotZero(t, info.Mode()&0o100)
		require.Zero(t, info.Mode()&0o022)
	}
}

func TestInstallAndGiveBack(t *testing.T) {
	t.Parallel()
	dir := xenFolder(t)
	before := listing(t, dir)

	report := installed(t, dir, program(t, "v1"))
	requireInstalled(t, dir, "v1")
	for _, want := range append(xenscripts.Names(), dir, backup, "vifctl uninstall --dir "+dir, "Antispoofing") {
		require.Contains(t, report, want)
	}
	for _, name := range []string{"block", "vif-common.sh", "vif-post.d/10-vlan.hook"} {
		require.Contains(t, listing(t, dir), lineOf(before, name), "it is not ours to touch")
	}

	report = uninstalled(t, dir)
	require.Equal(t, before, listing(t, dir))
	require.Contains(t, report, "Given back: vif-bridge, vif-nat, vif-openvswitch, vif-route, vif-route-ifup, vif-setup.")
	require.Contains(t, report, "not been there: network-bridge, network-nat, network-route, qemu-ifup.")
}

func lineOf(listing, name string) string {
	for line := range strings.Lines(listing) {
		if strings.HasPrefix(line, name+" ") {
			return strings.TrimSpace(line)
		}
	}
	return "no " + name
}

func TestInstallIntoAnEmptyFolder(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	report := installed(t, dir, program(t, "v1"))
	requireInstalled(t, dir, "v1")
	require.NotContains(t, report, backup)
	uninstalled(t, dir)
	require.Empty(t, listing(t, dir))
}

func TestInstallTwice(t *testing.T) {
	t.Parallel()
	dir := xenFolder(t)
	before := listing(t, dir)
	self := program(t, "v1")
	first := installed(t, dir, self)
	there := withoutTimes(listing(t, dir))
	require.Equal(t, first, installed(t, dir, self))
	require.Equal(t, there, withoutTimes(listing(t, dir)))
	uninstalled(t, dir)
	require.Equal(t, before, listing(t, dir))

	_, err := install.Uninstall(dir)
	require.ErrorContains(t, err, dir+" holds no installation of vifctl")
	require.Equal(t, before, listing(t, dir))

	installed(t, dir, self)
	uninstalled(t, dir)
	require.Equal(t, before, listing(t, dir), "a second round")
}

// withoutTimes drops the lines of what an installation renews.
func withoutTimes(listing string) string {
	var kept []string
	for line := range strings.Lines(listing) {
		if !strings.HasPrefix(line, binary+" ") && !strings.HasPrefix(line, hook+" ") && !strings.HasPrefix(line, manifest+" ") {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "")
}

func TestUpgrade(t *testing.T) {
	t.Parallel()
	dir := xenFolder(t)
	before := listing(t, dir)
	installed(t, dir, program(t, "v1"))
	installed(t, dir, program(t, "v2"))
	requireInstalled(t, dir, "v2")
	// By the installed program itself: nothing to renew.
	installed(t, dir, filepath.Join(dir, binary))
	requireInstalled(t, dir, "v2")
	uninstalled(t, dir)
	require.Equal(t, before, listing(t, dir))
}

// An installation by a vifctl that was one program, whose manifest names none:
// it is renewed, and it is given back.
func TestUpgradeFromOneProgram(t *testing.T) {
	t.Parallel()
	old := func(t *testing.T) (dir, before string) {
		dir = xenFolder(t)
		before = listing(t, dir)
		installed(t, dir, program(t, "v1"))
		require.NoError(t, os.Remove(filepath.Join(dir, hook)))
		text, err := os.ReadFile(filepath.Join(dir, manifest))
		require.NoError(t, err)
		without := regexp.MustCompile(`(?s)"programs": \[.*?\],`).ReplaceAll(text, nil)
		require.NotEqual(t, text, without)
		require.NoError(t, os.WriteFile(filepath.Join(dir, manifest), without, 0o644))
		for _, name := range xenscripts.PortNames() {
			require.NoError(t, os.Remove(filepath.Join(dir, name)))
			require.NoError(t, os.Symlink(binary, filepath.Join(dir, name)))
		}
		return dir, before
	}
	t.Run("given back", func(t *testing.T) {
		t.Parallel()
		dir, before := old(t)
		uninstalled(t, dir)
		require.Equal(t, before, listing(t, dir))
	})
	t.Run("renewed", func(t *testing.T) {
		t.Parallel()
		dir, before := old(t)
		installed(t, dir, program(t, "v2"))
		requireInstalled(t, dir, "v2")
		uninstalled(t, dir)
		require.Equal(t, before, listing(t, dir))
	})
	t.Run("beside another program's vif-hook", func(t *testing.T) {
		t.Parallel()
		dir, _ := old(t)
		require.NoError(t, os.WriteFile(filepath.Join(dir, hook), []byte("mine"), 0o755))
		there := listing(t, dir)
		_, err := install.Install(dir, program(t, "v2"), false)
		require.ErrorContains(t, err, "/vif-hook is there, and not by an installation of ours")
		require.Equal(t, there, listing(t, dir))
	})
}

// Without vif-hook beside it vifctl would leave guests without a script.
func TestInstallWithoutTheHookProgram(t *testing.T) {
	t.Parallel()
	dir := xenFolder(t)
	before := listing(t, dir)
	self := program(t, "v1")
	require.NoError(t, os.Remove(filepath.Join(filepath.Dir(self), hook)))
	_, err := install.Install(dir, self, false)
	require.ErrorContains(t, err, "vif-hook has to lie beside "+self)
	require.Equal(t, before, listing(t, dir))
}

func TestInstallIsRefused(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		prepare func(t *testing.T, dir string)
		says    string
	}{
		"a vifctl of another program's": {func(t *testing.T, dir string) {
			require.NoError(t, os.WriteFile(filepath.Join(dir, binary), []byte("another"), 0o755))
		}, "/vifctl is there, and not by an installation of ours"},
		"a vif-hook of another program's": {func(t *testing.T, dir string) {
			require.NoError(t, os.WriteFile(filepath.Join(dir, hook), []byte("another"), 0o755))
		}, "/vif-hook is there, and not by an installation of ours"},
		"a dangling link called vifctl": {func(t *testing.T, dir string) {
			require.NoError(t, os.Symlink("/nowhere", filepath.Join(dir, binary)))
		}, "/vifctl is there, and not by an installation of ours"},
		"a folder in a script's place": {func(t *testing.T, dir string) {
			require.NoError(t, os.Mkdir(filepath.Join(dir, "qemu-ifup"), 0o755))
		}, "/qemu-ifup is a folder"},
		"a damaged manifest": {func(t *testing.T, dir string) {
			require.NoError(t, os.WriteFile(filepath.Join(dir, manifest), []byte("{"), 0o644))
		}, manifest + " is damaged"},
		"a manifest that leads away": {func(t *testing.T, dir string) {
			require.NoError(t, os.WriteFile(filepath.Join(dir, manifest), []byte(`{"names":["../../bin/sh"]}`), 0o644))
		}, manifest + " is damaged"},
		"a backup that is not ours": {func(t *testing.T, dir string) {
			require.NoError(t, os.Mkdir(filepath.Join(dir, backup), 0o755))
			require.NoError(t, os.WriteFile(filepath.Join(dir, backup, "vif-bridge"), []byte("mine"), 0o755))
		}, backup},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := xenFolder(t)
			tc.prepare(t, dir)
			before := listing(t, dir)
			_, err := install.Install(dir, program(t, "v1"), false)
			require.ErrorContains(t, err, tc.says)
			require.NotContains(t, err.Error(), "\n")
			require.Equal(t, before, listing(t, dir))
			_, err = install.Uninstall(dir)
			require.Error(t, err)
			require.Equal(t, before, listing(t, dir))
		})
	}
	_, err := install.Install(filepath.Join(t.TempDir(), "none"), "/proc/self/exe", false)
	require.ErrorContains(t, err, "is not a folder")
}

// A folder that happens to have our backup's name is not ours: its files must
// not become scripts that had never been there.
func TestInstallBesideAForeignBackup(t *testing.T) {
	t.Parallel()
	dir := xenFolder(t)
	require.NoError(t, os.Mkdir(filepath.Join(dir, backup), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, backup, "qemu-ifup"), []byte("mine"), 0o755))
	before := listing(t, dir)
	if _, err := install.Install(dir, program(t, "v1"), false); err == nil {
		uninstalled(t, dir)
	}
	require.Equal(t, before, listing(t, dir))
}

// A manifest's names are names of scripts in this folder, and nothing else.
func TestManifestNames(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"", ".", "..", "/", "a/b", binary, hook, backup, manifest} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := xenFolder(t)
			require.NoError(t, os.WriteFile(filepath.Join(dir, manifest), fmt.Appendf(nil, `{"names":[%q]}`, name), 0o644))
			before := listing(t, dir)
			_, err := install.Uninstall(dir)
			require.ErrorContains(t, err, "is damaged")
			require.Equal(t, before, listing(t, dir))
		})
	}
}

// Between installing and uninstalling, others may have been there.
func TestUninstallIsRefused(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(t *testing.T, dir string){
		"a package's upgrade put a new script there": func(t *testing.T, dir string) {
			require.NoError(t, os.Remove(filepath.Join(dir, "vif-bridge")))
			require.NoError(t, os.WriteFile(filepath.Join(dir, "vif-bridge"), []byte("newer"), 0o755))
		},
		"the last of the names": func(t *testing.T, dir string) {
			require.NoError(t, os.Remove(filepath.Join(dir, "vif-setup")))
			require.NoError(t, os.Symlink("vif-route", filepath.Join(dir, "vif-setup")))
		},
		"a folder in place of our program": func(t *testing.T, dir string) {
			require.NoError(t, os.Remove(filepath.Join(dir, binary)))
			require.NoError(t, os.Mkdir(filepath.Join(dir, binary), 0o755))
			require.NoError(t, os.WriteFile(filepath.Join(dir, binary, "file"), nil, 0o644))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := xenFolder(t)
			installed(t, dir, program(t, "v1"))
			change(t, dir)
			before := listing(t, dir)
			_, err := install.Uninstall(dir)
			require.ErrorContains(t, err, dir)
			require.Equal(t, before, listing(t, dir))
		})
	}
}

// A package's upgrade that put a newer script in the place of ours: which of the
// two is to be kept is not ours to say.
func TestInstallOverAPackagesUpgrade(t *testing.T) {
	t.Parallel()
	dir := xenFolder(t)
	installed(t, dir, program(t, "v1"))
	require.NoError(t, os.Remove(filepath.Join(dir, "vif-bridge")))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "vif-bridge"), []byte("newer"), 0o755))
	before := listing(t, dir)
	_, err := install.Install(dir, program(t, "v2"), false)
	require.ErrorContains(t, err, "vif-bridge is not ours any more")
	require.Equal(t, before, listing(t, dir))
}

// What is in the backup and not from us stays, and keeps nothing from being
// given back.
func TestUninstallWithMoreInTheBackup(t *testing.T) {
	t.Parallel()
	dir := xenFolder(t)
	before := listing(t, dir)
	installed(t, dir, program(t, "v1"))
	note := filepath.Join(dir, backup, "README.admin")
	require.NoError(t, os.WriteFile(note, []byte("do not touch"), 0o644))
	there := listing(t, dir)
	if _, err := install.Uninstall(dir); err != nil {
		require.Equal(t, there, listing(t, dir), "refused, and yet something was changed: %v", err)
		return
	}
	require.FileExists(t, note)
	for line := range strings.Lines(before) {
		require.Contains(t, listing(t, dir), strings.TrimSpace(line))
	}
}

// A script we took and an administrator removed since comes back.
func TestUninstallAfterARemoval(t *testing.T) {
	t.Parallel()
	dir := xenFolder(t)
	before := listing(t, dir)
	installed(t, dir, program(t, "v1"))
	for _, name := range []string{"vif-bridge", "qemu-ifup", binary} {
		require.NoError(t, os.Remove(filepath.Join(dir, name)))
	}
	uninstalled(t, dir)
	require.Equal(t, before, listing(t, dir))
}

// giveBack does for one script what uninstalling does: from an installation it
// makes one that was interrupted before that script's turn, or an uninstallation
// interrupted behind it.
func giveBack(t *testing.T, dir, name string) {
	t.Helper()
	at, kept := filepath.Join(dir, name), filepath.Join(dir, backup, name)
	if _, err := os.Lstat(kept); err != nil {
		require.NoError(t, os.Remove(at))
		return
	}
	require.NoError(t, os.Rename(kept, at))
}

// Wherever an installation was killed, what it did can be undone, and it can be
// made again.
func TestInterruptedInstallation(t *testing.T) {
	t.Parallel()
	type state struct {
		name string
		make func(t *testing.T, dir string)
	}
	names := slices.Sorted(slices.Values(xenscripts.Names()))
	var states []state
	for i := range names {
		states = append(states, state{"before " + names[i], func(t *testing.T, dir string) {
			for _, name := range names[i:] {
				giveBack(t, dir, name)
			}
		}}, state{"with the backup of " + names[i], func(t *testing.T, dir string) {
			for _, name := range names[i:] {
				giveBack(t, dir, name)
			}
			at := filepath.Join(dir, names[i])
			if _, err := os.Lstat(at); err == nil {
				require.NoError(t, os.Link(at, filepath.Join(dir, backup, names[i])))
			}
		}})
	}
	all := func(t *testing.T, dir string) {
		for _, name := range names {
			giveBack(t, dir, name)
		}
		require.NoError(t, os.Remove(filepath.Join(dir, backup)))
	}
	states = append(states,
		state{"before the backup's folder", all},
		state{"before the program", func(t *testing.T, dir string) {
			all(t, dir)
			require.NoError(t, os.Remove(filepath.Join(dir, binary)))
		}},
	)
	interrupted(t, states, func(s state) string { return s.name }, func(t *testing.T, s state, dir string) { s.make(t, dir) })
}

// Wherever uninstalling was killed, it can be made again.
func TestInterruptedUninstallation(t *testing.T) {
	t.Parallel()
	names := slices.Sorted(slices.Values(xenscripts.Names()))
	var counts []int
	for i := range len(names) + 3 {
		counts = append(counts, i)
	}
	interrupted(t, counts, func(n int) string { return fmt.Sprint(n, " done") }, func(t *testing.T, n int, dir string) {
		for i := range n {
			switch {
			case i < len(names):
				giveBack(t, dir, names[i])
			case i == len(names):
				require.NoError(t, os.Remove(filepath.Join(dir, binary)))
			default:
				require.NoError(t, os.Remove(filepath.Join(dir, backup)))
			}
		}
	})
}

func interrupted[S any](t *testing.T, states []S, name func(S) string, reach func(*testing.T, S, string)) {
	t.Helper()
	for _, s := range states {
		t.Run(name(s)+", uninstalled", func(t *testing.T) {
			t.Parallel()
			dir := xenFolder(t)
			before := listing(t, dir)
			installed(t, dir, program(t, "v1"))
			reach(t, s, dir)
			uninstalled(t, dir)
			require.Equal(t, before, listing(t, dir))
		})
		t.Run(name(s)+", installed again", func(t *testing.T) {
			t.Parallel()
			dir := xenFolder(t)
			before := listing(t, dir)
			installed(t, dir, program(t, "v1"))
			reach(t, s, dir)
			installed(t, dir, program(t, "v2"))
			requireInstalled(t, dir, "v2")
			uninstalled(t, dir)
			require.Equal(t, before, listing(t, dir))
		})
	}
}
