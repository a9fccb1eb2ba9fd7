package lab

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"vifctl/xenscripts"
)

// Where things are in the lab's dom0.
const (
	// storePath is where xenstored listens. XENSTORED_PATH names it all the same: without, a call made on a real dom0
	// would turn to the real xenstored once ours is gone.
	storePath = "/run/xenstored/socket"
	// labDir holds a copy of our own program, whose own place may be hidden here, and the machine's /etc.
	labDir  = "/run/lab"
	program = labDir + "/vifctl"
	realEtc = labDir + "/etc"
)

// privateView gives the lab its own view of the file system: nothing of the machine's /run and /etc/xen (xenstored,
// journals, configuration, hooks), and a /proc and a /sys that show the lab. Where the last two are refused, as below
// a container's masked ones, the machine's do as well.
func privateView() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make the mounts private: %w", err)
	}
	const harmless = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC
	_ = unix.Mount("proc", "/proc", "proc", harmless, "")
	_ = unix.Mount("sysfs", "/sys", "sysfs", harmless, "")
	programs, err := openPrograms()
	if err != nil {
		return err
	}
	if err := privateFolder("/run"); err != nil {
		return err
	}
	for _, dir := range []string{filepath.Dir(storePath), labDir, realEtc} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			return err
		}
	}
	return errors.Join(privateEtc(), installScripts(programs))
}

func privateFolder(path string) error {
	if err := unix.Mount("tmpfs", path, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=755"); err != nil {
		return fmt.Errorf("mount a private %s: %w", path, err)
	}
	return nil
}

// privateEtc replaces /etc by links to all that is in it, except for /etc/xen, which is empty: an ordinary user could
// not make one on a machine that has none.
func privateEtc() error {
	if err := unix.Mount("/etc", realEtc, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return fmt.Errorf("keep the machine's /etc in sight: %w", err)
	}
	entries, err := os.ReadDir(realEtc)
	if err != nil {
		return err
	}
	if err := privateFolder("/etc"); err != nil {
		return err
	}
	for _, e := range entries {
		if e.Name() == "xen" {
			continue
		}
		if err := os.Symlink(filepath.Join(realEtc, e.Name()), filepath.Join("/etc", e.Name())); err != nil {
			return err
		}
	}
	return os.MkdirAll(xenscripts.HookDir, 0o755)
}

// openPrograms opens our own program, and vif-hook beside it, by what scripts' names lead to.
func openPrograms() (map[string]*os.File, error) {
	self, err := os.Open("/proc/self/exe")
	if err != nil {
		return nil, err
	}
	path, err := os.Executable()
	if err != nil {
		return nil, err
	}
	hook, err := os.Open(filepath.Join(filepath.Dir(path), xenscripts.HookProgram))
	if err != nil {
		return nil, err
	}
	return map[string]*os.File{program: self, filepath.Join(labDir, xenscripts.HookProgram): hook}, nil
}

// installScripts puts our programs where Xen looks for its scripts.
func installScripts(programs map[string]*os.File) error {
	for at, from := range programs {
		if err := copyProgram(from, at); err != nil {
			return fmt.Errorf("copy %s: %w", from.Name(), err)
		}
	}
	for _, name := range xenscripts.Names() {
		if err := os.Symlink(filepath.Join(labDir, xenscripts.ProgramOf(name)), filepath.Join(xenscripts.Dir, name)); err != nil {
			return err
		}
	}
	return nil
}

func copyProgram(from *os.File, at string) error {
	defer from.Close()
	to, err := os.OpenFile(at, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(to, from)
	return errors.Join(err, to.Close())
}

// mounts are the mounts we see, as facts.
func mounts() (state, error) {
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, fmt.Errorf("list the mounts: %w", err)
	}
	var s state
	for line := range strings.Lines(string(text)) {
		// 36 35 98:0 / /mnt rw,noatime master:1 - ext3 /dev/root rw (proc_pid_mountinfo(5))
		if words := strings.Fields(line); len(words) > 5 {
			s = append(s, fact{text: "mount " + words[4] + " " + words[len(words)-2]})
		}
	}
	slices.SortFunc(s, fact.compare)
	return s, nil
}
