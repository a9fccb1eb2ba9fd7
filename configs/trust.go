package configs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// Trusted reports, as an error, why path must not be relied on: it or a folder
// above it could be changed by somebody who is neither root nor the user we run
// as. A path that does not exist yet is judged by the folders that do. A
// sticky folder (/tmp) is no risk to what is in it.
func Trusted(path string) error {
	if !filepath.IsAbs(path) {
		return fmt.Errorf("%s is not an absolute path", path)
	}
	for p := filepath.Clean(path); ; p = filepath.Dir(p) {
		info, err := os.Lstat(p)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return err
		default:
			if err := trustedFile(p, info); err != nil {
				return err
			}
		}
		if p == "/" {
			return nil
		}
	}
}

func trustedFile(p string, info fs.FileInfo) error {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return fmt.Errorf("%s: its owner cannot be read", p)
	}
	if uid := int(st.Uid); uid != 0 && uid != os.Geteuid() {
		return fmt.Errorf("%s belongs to user %d", p, uid)
	}
	mode := info.Mode()
	if mode&fs.ModeSymlink == 0 && mode.Perm()&0o022 != 0 && mode&fs.ModeSticky == 0 {
		return fmt.Errorf("%s can be written to by others", p)
	}
	return nil
}
