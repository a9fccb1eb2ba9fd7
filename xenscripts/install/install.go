// Package install takes over the scripts in /etc/xen/scripts and gives them back:
// our programs, the links to them, and the units of what can run by itself. It
// changes nothing that it did not put there.
package install

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/renameio/v2"

	"vifctl/xenscripts"
)

const backupDir = "vifctl-backup"

// Install takes over the scripts in dir: each becomes a link to vif-hook or to
// vifctl, which are put beside them, and what was there is kept in a folder of its
// own. self is the vifctl that is running; vif-hook lies beside it. Installing
// again renews the programs. The report is for a person. alone: no units are put
// anywhere.
func Install(dir, self string, alone bool) (report string, err error) {
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return "", fmt.Errorf("%s is not a folder: is Xen installed? (--dir names another)", dir)
	}
	m, err := readManifest(dir)
	if err != nil {
		return "", err
	}
	if m == nil {
		if err := absent(dir, backupDir); err != nil {
			return "", err
		}
		m = &manifest{}
	}
	for _, program := range programs() {
		if !slices.Contains(m.Programs, program) {
			if err := absent(dir, program); err != nil {
				return "", err
			}
			m.Programs = append(m.Programs, program)
		}
		if _, err := os.Stat(beside(self, program)); err != nil {
			return "", fmt.Errorf("%s has to lie beside %s, and nothing was changed: %w", program, self, err)
		}
	}
	for _, name := range xenscripts.Names() {
		if err := takeable(dir, name); err != nil {
			return "", err
		}
		if !slices.Contains(m.Names, name) {
			m.Names = append(m.Names, name)
		}
	}
	slices.Sort(m.Names)
	m.Protocols = m.Protocols || dir == xenscripts.Dir && wantProtocols()
	if dir == xenscripts.Dir && !alone {
		for _, u := range wantUnits() {
			if !slices.Contains(m.Units, u.Path) {
				m.Units = append(m.Units, u.Path)
			}
		}
	}

	if err := writeManifest(dir, m); err != nil {
		return "", err
	}
	kept, err := takeOver(dir, self, m.Names)
	if err != nil {
		return "", err
	}
	if m.Protocols {
		if err := renameio.WriteFile(protocols, []byte(protocolsText), 0o644, renameio.WithTempDir(filepath.Dir(protocols))); err != nil {
			return "", fmt.Errorf("name the routes' protocol: %w", err)
		}
	}
	if err := placeUnits(m.Units); err != nil {
		return "", err
	}
	report = fmt.Sprintf("%s now answers as %s,\n", filepath.Join(dir, xenscripts.HookProgram), strings.Join(xenscripts.PortNames(), ", "))
	report += fmt.Sprintf("and %s as %s.\n", filepath.Join(dir, xenscripts.Program), strings.Join(xenscripts.NetworkNames, ", "))
	if len(kept) > 0 {
		report += fmt.Sprintf("What was there is kept in %s: %s.\n", filepath.Join(dir, backupDir), strings.Join(kept, ", "))
	}
	report += "Antispoofing is off, as it is with Xen's own scripts.\n"
	report += aboutUnits(m.Units)
	back := filepath.Join(dir, xenscripts.Program) + " uninstall"
	if dir != xenscripts.Dir {
		back += " --dir " + dir
	}
	return report + fmt.Sprintf("`%s` gives everything back.\n", back), nil
}

// takeOver puts each program in place and then makes the links to it, so that at
// any moment a script's name leads to a program that answers to it. kept are the
// scripts that had been there before we came.
func takeOver(dir, self string, names []string) (kept []string, err error) {
	for _, program := range programs() {
		if err := place(dir, self, program); err != nil {
			return nil, err
		}
		for _, name := range names {
			if xenscripts.ProgramOf(name) != program {
				continue
			}
			had, err := take(dir, name)
			if err != nil {
				return nil, err
			}
			if had {
				kept = append(kept, name)
			}
		}
	}
	slices.Sort(kept)
	return kept, nil
}
