package dom0

import (
	"fmt"
	"net"
	"os"

	"golang.org/x/sys/unix"
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
