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

// mountView gives the calling thread's mount namespace its own /etc (the host's below but for /etc/xen and /etc/iproute2,
// what is written stays here), /run and /var/log, with the store's socket where Xen's programs look for it. The machine's own files are never written.
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
	// Empty, and nothing of the machine's shines through: Xen, or vifctl itself, may be installed there.
	for _, dir := range []string{upper + "/xen", upper + "/iproute2"} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			return err
		}
		if err := unix.Setxattr(dir, "trusted.overlay.opaque", []byte("y"), 0); err != nil {
			return fmt.Errorf("hide the machine's %s: %w", filepath.Base(dir), err)
		}
	}
	overlay := "lowerdir=/etc,upperdir=" + upper + ",workdir=" + work
	if err := unix.Mount("overlay", "/etc", "overlay", 0, overlay); err != nil {
		return fmt.Errorf("mount an overlay on /etc: %w", err)
	}
	if err := unix.Mount("tmpfs", "/var/log", "tmpfs", 0, "mode=755"); err != nil {
		return fmt.Errorf("mount /var/log: %w", err)
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
	if err := bind("/bin/true", "/usr/bin/logger"); err != nil {
		return err
	}
	for _, brctl := range []string{"/sbin/brctl", "/usr/sbin/brctl"} {
		if _, err := os.Stat(brctl); err != nil {
			continue
		}
		if err := bind("/dev/null", brctl); err != nil {
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
