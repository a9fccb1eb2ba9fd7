package session

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"vifctl/configs"
	"vifctl/xenscripts"
)

// setup decides what vif-setup stands for: the script that the toolstack names,
// else vif-bridge. It returns one of our own names, or the foreign script that
// is to take our place, which only root can have put there.
func setup(script string) (name, foreign string, err error) {
	name = filepath.Base(script)
	switch {
	case script == "" || name == "vif-setup":
		return "vif-bridge", "", nil
	case slices.Contains(xenscripts.PortNames(), name) && isUs(script):
		return name, "", nil
	case !filepath.IsAbs(script):
		return "", "", fmt.Errorf("script=%q cannot be used: it must be an absolute path, or one of the scripts' names", script)
	}
	if err := configs.Trusted(script); err != nil {
		return "", "", fmt.Errorf("script=%q is not run: %w", script, err)
	}
	return "", script, nil
}

// isUs reports whether a script of one of our names leads to vif-hook, or to no
// program at all: an administrator's own vif-route elsewhere stays his.
func isUs(script string) bool {
	there, err := os.Stat(script)
	if err != nil {
		return true
	}
	self, err := os.Executable()
	if err != nil {
		return false
	}
	// vifctl, which plans the call, has vif-hook beside it.
	for _, program := range []string{self, filepath.Join(filepath.Dir(self), xenscripts.HookProgram)} {
		if ours, err := os.Stat(program); err == nil && os.SameFile(there, ours) {
			return true
		}
	}
	return false
}
