package kernel

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"vifctl/hooks/plan"
)

// settings is where the kernel keeps those of the whole host, and those of the
// network of the calling thread's namespace; sysctls is the network's part.
const (
	settings = "/proc/sys"
	sysctls  = settings + "/net"
)

func (k *Kernel) readSysctls(q plan.Query, s *plan.Snapshot) error {
	for _, key := range q.Sysctls {
		link, ok := s.Links[key.Index]
		if !ok {
			var err error
			if link, ok, err = k.LinkByIndex(key.Index); err != nil {
				return err
			} else if !ok {
				continue
			}
			s.Links[key.Index] = link
		}
		read := func(name string) (string, bool, error) { return readSysctl(key.Table, name, key.Name) }
		if _, pretended := k.pretended[key.Index]; pretended {
			read = func(string) (string, bool, error) { return StandardSysctl(key) }
		}
		value, ok, err := read(link.Name)
		if err != nil {
			return err
		}
		if ok {
			s.Sysctls[key] = value
		}
	}
	return nil
}

// readSysctl reads one setting of the network's.
func readSysctl(parts ...string) (value string, ok bool, err error) {
	return Setting(filepath.Join(append([]string{sysctls}, parts...)...))
}

// Setting reads a file of /proc; ok is false where there is none.
func Setting(path string) (value string, ok bool, err error) {
	// Not os.ReadFile: its preparations for waiting, which a setting never
	// asks for, are most of the time this takes.
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if errors.Is(err, unix.ENOENT) {
		return "", false, nil
	}
	if err != nil {
		return "", false, fmt.Errorf("read the kernel setting %s: %w", path, err)
	}
	defer unix.Close(fd)
	var data [128]byte
	n, err := unix.Read(fd, data[:])
	if err != nil {
		return "", false, fmt.Errorf("read the kernel setting %s: %w", path, err)
	}
	return strings.TrimSpace(string(data[:n])), true, nil
}

// SetSysctl writes one setting below the name the interface has now, which a
// rename may have changed since the step was written down.
func (k *Kernel) SetSysctl(s plan.Sysctl) error {
	name, err := k.nameByIndex(s.Dev.Index)
	if err != nil {
		return say(s.Dev, "set "+s.Name, err)
	}
	path := filepath.Join(sysctls, s.Table, name, s.Name)
	err = writeSetting(path, s.Want)
	switch {
	case errors.Is(err, unix.ENOENT) && s.Optional:
		return nil
	case errors.Is(err, unix.ENOENT):
		return say(s.Dev, "set "+s.Name, fmt.Errorf("this kernel has no %s", path))
	}
	return say(s.Dev, fmt.Sprintf("set %s to %s", s.Name, s.Want), err)
}

// SetSetting writes one setting of the whole host.
func (*Kernel) SetSetting(s plan.Setting) error {
	err := writeSetting(filepath.Join(settings, s.Path), s.Want)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, unix.ENOENT):
		return fmt.Errorf("set %s: this kernel has no such setting", s.Path)
	}
	return fmt.Errorf("set %s to %s: %w", s.Path, s.Want, err)
}

// writeSetting is os.WriteFile without its preparations for waiting. A container's
// read-only /proc/sys is fine where the value is right.
func writeSetting(path, value string) error {
	fd, err := unix.Open(path, unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err == nil {
		_, err = unix.Write(fd, []byte(value))
		err = errors.Join(err, unix.Close(fd))
	}
	if err == nil || errors.Is(err, unix.ENOENT) {
		return err
	}
	if now, readErr := os.ReadFile(path); readErr == nil && strings.TrimRight(string(now), "\n") == value {
		return nil
	}
	return err
}
