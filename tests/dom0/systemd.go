package dom0

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"vifctl/tests/speed"
)

// Systemd is a real systemd in a dom0: the first process of a process namespace of its own, with the network, the /etc and
// the /run of the dom0, a journal and a D-Bus. It knows the units that are written to /etc/systemd/system, and none of the
// machine's.
type Systemd struct {
	dom0    *Dom0
	manager *exec.Cmd
	first   int // the number of its first process, as we see it
}

// skeleton are the units without which no other starts. What a target of Debian's brings in beside is the machine's.
var skeleton = map[string]string{
	"default.target":    "[Unit]\nWants=systemd-journald.service dbus.socket\n",
	"sysinit.target":    "[Unit]\nDescription=nothing to prepare\n",
	"basic.target":      "[Unit]\nRequires=sysinit.target\n",
	"multi-user.target": "[Unit]\nRequires=basic.target\n",
	"sockets.target":    "[Unit]\nDescription=sockets\n",
	"shutdown.target":   "[Unit]\nDefaultDependencies=no\n",
}

// borrowed are the machine's own.
var borrowed = []string{
	"systemd-journald.service", "systemd-journald.socket", "systemd-journald-dev-log.socket", "dbus.service", "dbus.socket",
}

// boot is what happens between the new namespaces and systemd: it must not see, nor change, what is not the dom0's. The
// machine's own files are read-only to it, and so is all below /proc/sys but for the network's.
const boot = `set -e
mount -t proc proc /proc
mount --bind /proc/sys /proc/sys
mount --bind /proc/sys/net /proc/sys/net
mount -o remount,bind,ro /proc/sys
mount -t cgroup2 cgroup2 /sys/fs/cgroup
for d in /tmp /var/tmp /var/lib/systemd /dev/shm; do mount -t tmpfs -o mode=1777 tmpfs $d; done
for f in /dev/console /dev/kmsg; do mount --bind /dev/null $f; done
mount -o remount,bind,ro /
export container=dom0 SYSTEMD_UNIT_PATH=/etc/systemd/system:/run/skeleton
export SYSTEMD_GENERATOR_PATH=/nowhere SYSTEMD_ENVIRONMENT_GENERATOR_PATH=/nowhere
exec /lib/systemd/systemd --system --unit=default.target --log-target=journal --show-status=false
`

// controlGroups is where the groups of a systemd are, as the dom0 sees them.
const controlGroups = "/run/.cgroup"

// Boot starts a systemd, which lives as long as the test.
func (d *Dom0) Boot(t testing.TB) *Systemd {
	t.Helper()
	Need(t, "systemctl", "systemd-run", "journalctl", "dbus-daemon", "unshare", "nsenter")
	s := &Systemd{dom0: d}
	group := fmt.Sprintf("%s/vifctl-test-%d-%d", controlGroups, os.Getpid(), time.Now().UnixNano())
	t.Cleanup(func() { s.close(t, group) })
	if err := s.start(group); err != nil {
		t.Fatalf("dom0: start a systemd: %v", err)
	}
	return s
}

func (s *Systemd) start(group string) error {
	if err := s.dom0.Do(func() error { return prepareBoot(group) }); err != nil {
		return err
	}
	s.manager = s.dom0.command("unshare", "--pid", "--fork", "--kill-child", "--mount", "--propagation=slave", "--cgroup", "--uts", "--ipc", "sh", "-c", boot)
	s.manager.Dir, s.manager.Env, s.manager.Stderr = "/", []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin"}, os.Stderr
	s.manager.SysProcAttr = &unix.SysProcAttr{UseCgroupFD: true, Pdeathsig: unix.SIGKILL}
	err := s.dom0.Do(func() error {
		fd, err := unix.Open(group, unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		s.manager.SysProcAttr.CgroupFD = fd
		return s.manager.Start()
	})
	if err != nil {
		s.manager = nil
		return err
	}
	for end := time.Now().Add(speed.Patience); ; time.Sleep(5 * time.Millisecond) {
		if s.findFirst(); s.first != 0 && strings.TrimSpace(s.Ctl("is-active", "default.target").Stdout) == "active" {
			return nil
		}
		if time.Now().After(end) {
			return errors.New("it did not come up")
		}
	}
}

// prepareBoot makes, in the dom0, what its systemd is to find.
func prepareBoot(group string) error {
	for _, dir := range []string{"/etc/systemd/system", "/run/skeleton", controlGroups} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	if err := unix.Mount("tmpfs", "/etc/systemd/system", "tmpfs", 0, "mode=755"); err != nil {
		return fmt.Errorf("hide the machine's units: %w", err)
	}
	if err := unix.Mount("cgroup2", controlGroups, "cgroup2", 0, ""); err != nil {
		return fmt.Errorf("mount the control groups: %w", err)
	}
	if err := os.Mkdir(group, 0o755); err != nil {
		return err
	}
	for name, text := range skeleton {
		if err := os.WriteFile(filepath.Join("/run/skeleton", name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	for _, name := range borrowed {
		if err := os.Symlink("/lib/systemd/system/"+name, filepath.Join("/run/skeleton", name)); err != nil {
			return err
		}
	}
	return ownProgram(filepath.Join(ScriptsDir, "vifctl"))
}

// ownProgram puts the program itself where a link to it is: a unit may see neither the home nor the /tmp that the tree is in.
func ownProgram(link string) error {
	text, err := os.ReadFile(link)
	if err != nil {
		return err
	}
	if err := os.Remove(link); err != nil {
		return err
	}
	return os.WriteFile(link, text, 0o755)
}

// findFirst finds the first process: the only child of the program that made its namespaces.
func (s *Systemd) findFirst() {
	pid := s.manager.Process.Pid
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	s.first, _ = strconv.Atoi(strings.TrimSpace(string(text)))
}

// Ctl is systemctl.
func (s *Systemd) Ctl(args ...string) Result {
	return s.Run("systemctl", append([]string{"--no-pager"}, args...)...)
}

// Run runs a program where the units run, outside of their sandboxes.
func (s *Systemd) Run(name string, args ...string) Result {
	inside := []string{"--target", strconv.Itoa(s.first), "--pid", "--mount", "--cgroup", "--uts", "--ipc", "--", name}
	return s.dom0.Run("nsenter", append(inside, args...)...)
}

// close kills it, and with it all that it has started.
func (s *Systemd) close(t testing.TB, group string) {
	if s.manager != nil {
		_ = s.manager.Process.Kill()
		_ = s.manager.Wait()
	}
	var err error
	for range 500 {
		if err = s.dom0.Do(func() error { return removeGroups(group) }); err == nil {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("dom0: the control groups of a systemd stay: %v", err)
}

// removeGroups removes a group and those below it, which have to be empty of processes.
func removeGroups(group string) error {
	below, err := os.ReadDir(group)
	if err != nil {
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		return err
	}
	for _, e := range below {
		if e.IsDir() {
			if err := removeGroups(filepath.Join(group, e.Name())); err != nil {
				return err
			}
		}
	}
	return unix.Rmdir(group)
}
