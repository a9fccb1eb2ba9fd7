package dom0

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Paths that scripts and vifctl hard-code, and that the view gives each dom0 for itself.
const (
	ScriptsDir = "/etc/xen/scripts"
	ConfigFile = "/etc/xen/vifctl.toml"
	hotplugLog = "/var/log/xen/xen-hotplug.log"
	storePath  = "/run/xenstored/socket"
)

// mountView gives the calling thread's mount namespace its own /etc (the machine's below, what is written stays here), /run,
// /var/log, and an empty /etc/xen and /etc/iproute2, with the store's socket where Xen's programs look for it. The machine's
// own files are never written. Every step is one that a user namespace's root may take, too.
func mountView(storeSocket string) error {
	// The socket is bound below the new /run, so it has to be held open before the old one disappears under it.
	socket, err := unix.Open(storeSocket, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("the xenstored's socket %s: %w", storeSocket, err)
	}
	defer unix.Close(socket)

	if err := unix.Mount("tmpfs", "/run", "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=755"); err != nil {
		return fmt.Errorf("mount /run: %w", err)
	}
	const upper, work = "/run/.etc/upper", "/run/.etc/work"
	for _, dir := range []string{upper, work, "/run/lock", "/run/vifctl", "/run/xen-hotplug", "/run/xen", filepath.Dir(storePath)} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	// Xen, or vifctl itself, may be installed on the machine. The folders below the new mounts are this view's own: an ordinary
	// user could not make them in the machine's /etc.
	empty := []string{"xen", "iproute2"}
	for _, dir := range empty {
		if err := os.Mkdir(filepath.Join(upper, dir), 0o755); err != nil {
			return err
		}
	}
	overlay := "lowerdir=/etc,upperdir=" + upper + ",workdir=" + work
	if err := unix.Mount("overlay", "/etc", "overlay", 0, overlay); err != nil {
		return fmt.Errorf("mount an overlay on /etc: %w", err)
	}
	covered := []string{"/var/log"}
	for _, dir := range empty {
		covered = append(covered, filepath.Join("/etc", dir))
	}
	// The ways to a real dom0's own xenstored.
	for _, dir := range []string{"/dev/xen", "/proc/xen"} {
		if _, err := os.Stat(dir); err == nil {
			covered = append(covered, dir)
		}
	}
	for _, dir := range covered {
		if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "mode=755"); err != nil {
			return fmt.Errorf("mount %s: %w", dir, err)
		}
	}
	for _, dir := range []string{ScriptsDir, filepath.Dir(hotplugLog)} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	if err := os.WriteFile(storePath, nil, 0o600); err != nil {
		return err
	}
	return bind(fmt.Sprintf("/proc/thread-self/fd/%d", socket), storePath)
}

// hidePrograms takes from the scripts what would make their result depend on the machine: the system's log, and brctl,
// for which they have a second code path.
func hidePrograms() error {
	for program, stand := range map[string]string{
		"/usr/bin/logger": "/bin/true", "/sbin/brctl": "/dev/null", "/usr/sbin/brctl": "/dev/null",
	} {
		if _, err := os.Stat(program); err != nil {
			continue
		}
		if err := bind(stand, program); err != nil {
			return err
		}
	}
	return nil
}

func bind(source, target string) error {
	if err := unix.Mount(source, target, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("bind %s to %s: %w", source, target, err)
	}
	return nil
}
