package dom0

import (
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"vifctl/tests/speed"
)

// openTap makes a tap device as a device model does: it is there as long as the file is open, and frames go through it.
func (n *Namespace) openTap(name, mac string) (*os.File, error) {
	request, err := unix.NewIfreq(name)
	if err != nil {
		return nil, fmt.Errorf("%s: make %s: %w", n.Name, name, err)
	}
	request.SetUint16(unix.IFF_TAP | unix.IFF_NO_PI)
	address, err := net.ParseMAC(mac)
	if err != nil {
		return nil, err
	}
	var fd int
	err = n.Do(func() (err error) {
		if fd, err = unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0); err != nil {
			return err
		}
		return unix.IoctlIfreq(fd, unix.TUNSETIFF, request)
	})
	if err != nil {
		return nil, fmt.Errorf("%s: make %s: %w", n.Name, name, err)
	}
	file := os.NewFile(uintptr(fd), name)
	link, err := n.nl.LinkByName(name)
	if err == nil {
		err = n.nl.LinkSetHardwareAddr(link, address)
	}
	if err != nil {
		_ = file.Close()
		return nil, fmt.Errorf("%s: %s: %w", n.Name, name, err)
	}
	return file, nil
}

// closeTap ends the device model, and waits until its tap is gone: a process that is just being started holds the file a
// moment longer, until it runs its program.
func (n *Namespace) closeTap(file *os.File) error {
	name, err := tapName(file)
	if err != nil {
		return fmt.Errorf("%s: %s: ask for its name: %w", n.Name, file.Name(), err)
	}
	link, err := n.nl.LinkByName(name)
	if err != nil {
		return fmt.Errorf("%s: %s: %w", n.Name, name, err)
	}
	if err := file.Close(); err != nil {
		return err
	}
	var gone netlink.LinkNotFoundError
	for end := time.Now().Add(speed.Patience); ; time.Sleep(time.Millisecond) {
		if _, err := n.nl.LinkByIndex(link.Attrs().Index); errors.As(err, &gone) {
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("%s: %s does not go", n.Name, name)
		}
	}
}

// tapName is what a tap is called now: a script may have renamed it.
func tapName(file *os.File) (string, error) {
	request, err := unix.NewIfreq("")
	if err != nil {
		return "", err
	}
	c, err := file.SyscallConn()
	if err != nil {
		return "", err
	}
	var asked error
	err = c.Control(func(fd uintptr) { asked = unix.IoctlIfreq(int(fd), unix.TUNGETIFF, request) })
	return request.Name(), errors.Join(err, asked)
}
