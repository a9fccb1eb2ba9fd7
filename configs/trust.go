package configs

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// ErrCouldBeMade says of a path that is not there yet that its folder is open to all, as /tmp.
var ErrCouldBeMade = errors.New("does not exist, and any user could make it")

// mostLinks is how many links a path may lead through, as in the kernel.
const mostLinks = 40

// Trusted reports, as an error, why path must not be relied on: it, a folder
// above it, or where a link on the way leads, could be changed by a user who
// is neither root nor the user we run as. A path that does not exist yet is
// judged by the folders that do. A sticky folder (/tmp) is no risk to what is
// in it, but to what is not yet.
func Trusted(path string) error {
	if !filepath.IsAbs(path) {
		return fmt.Errorf("%s is not an absolute path", path)
	}
	at, open := "/", false
	root, err := os.Lstat(at)
	if err != nil {
		return err
	}
	if err := trustedFile(at, root, &open); err != nil {
		return err
	}
	links := 0
	todo := strings.Split(path, "/")
	for len(todo) > 0 {
		name := todo[0]
		todo = todo[1:]
		switch name {
		case "", ".":
			continue
		case "..":
			at, open = filepath.Dir(at), false
			continue
		}
		next := filepath.Join(at, name)
		info, err := os.Lstat(next)
		if errors.Is(err, fs.ErrNotExist) {
			if open {
				return fmt.Errorf("%s %w in %s", next, ErrCouldBeMade, at)
			}
			return nil
		}
		if err != nil {
			return err
		}
		if info.Mode()&fs.ModeSymlink == 0 {
			if err := trustedFile(next, info, &open); err != nil {
				return err
			}
			at = next
			continue
		}
		if links++; links > mostLinks {
			return fmt.Errorf("%s leads through too many links", path)
		}
		if err := trustedOwner(next, info); err != nil {
			return err
		}
		target, err := os.Readlink(next)
		if err != nil {
			return err
		}
		if filepath.IsAbs(target) {
			at, open = "/", false
		}
		todo = append(strings.Split(target, "/"), todo...)
	}
	return nil
}

// trustedFile judges what is no link. open tells whether others may make new
// files in it.
func trustedFile(p string, info fs.FileInfo, open *bool) error {
	if err := trustedOwner(p, info); err != nil {
		return err
	}
	mode := info.Mode()
	*open = mode.Perm()&0o022 != 0
	if *open && !(mode.IsDir() && mode&fs.ModeSticky != 0) {
		return fmt.Errorf("%s can be written to by others", p)
	}
	return nil
}

func trustedOwner(p string, info fs.FileInfo) error {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return fmt.Errorf("%s: its owner cannot be read", p)
	}
	if uid := int(st.Uid); uid != 0 && uid != os.Geteuid() && !(uid == overflowUID && inUserNamespace()) {
		return fmt.Errorf("%s belongs to user %d", p, uid)
	}
	return nil
}

// overflowUID stands for all owners from outside a user namespace, root among them
// (/proc/sys/kernel/overflowuid).
const overflowUID = 65534

// inUserNamespace reports whether we are in one that an ordinary user made, as the lab does:
// there we have no rights over the host outside.
func inUserNamespace() bool {
	text, err := os.ReadFile("/proc/self/uid_map")
	return err == nil && strings.Join(strings.Fields(string(text)), " ") != "0 0 4294967295"
}
