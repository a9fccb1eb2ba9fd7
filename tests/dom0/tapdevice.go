package dom0

import (
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// openTap makes a tap device as a device model does: it is there as long as the file is open, and frames go through it. It
// returns the interface's number as well.
func (n *Namespace) openTap(name, mac string) (*os.File, int, error) {
	request, err := unix.NewIfreq(name)
	if err != nil {
		return nil, 0, fmt.Errorf("%s: make %s: %w", n.Name, name, err)
	}
	request.SetUint16(unix.IFF_TAP | unix.IFF_NO_PI)
	address, err := net.ParseMAC(mac)
	if err != nil {
		return nil, 0, err
	}
	var fd int
	err = n.Do(func() (err error) {
		if fd, err = unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0); err != nil {
			return err
		}
		return unix.IoctlIfreq(fd, unix.TUNSETIFF, request)
	})
	if err != nil {
		return nil, 0, fmt.Errorf("%s: make %s: %w", n.Name, name, err)
	}
	file := os.NewFile(uintptr(fd), name)
	link, err := n.nl.LinkByName(name)
	if err == nil {
		err = n.nl.LinkSetHardwareAddr(link, address)
	}
	if err != nil {
		_ = file.Close()
		return nil, 0, fmt.Errorf("%s: %s: %w", n.Name, name, err)
	}
	return file, link.Attrs().Index, nil
}

// gone waits until an interface is, whose file was closed: a program that this process is starting holds every file until it
// is executed.
func (n *Namespace) gone(index int) error {
	for end := time.Now().Add(settling); ; time.Sleep(time.Millisecond) {
		_, err := n.nl.LinkByIndex(index)
		var gone netlink.LinkNotFoundError
		if errors.As(err, &gone) {
			return nil
		}
		if err != nil || time.Now().After(end) {
			return errors.Join(err, fmt.Errorf("%s: the interface %d stays, though its file is closed", n.Name, index))
		}
	}
}
