package lab

import (
	"fmt"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// emulatedNIC is what a device model does for a guest's emulated NIC: it carries the frames between a tap in dom0 and
// the NIC the guest sees, which here is a tap, too. Both are gone when it ends.
type emulatedNIC struct {
	dom0, guest *os.File
	running     sync.WaitGroup
}

// emulate makes a tap in dom0 and the guest's NIC, both down, and carries frames between them from now on.
func emulate(dom0 *Machine, tap string, guest *Machine, nic string) (*emulatedNIC, error) {
	e := &emulatedNIC{}
	var err error
	if e.dom0, err = openTap(dom0, tap); err != nil {
		return nil, err
	}
	if e.guest, err = openTap(guest, nic); err != nil {
		_ = e.dom0.Close()
		return nil, err
	}
	e.running.Go(func() { carry(e.guest, e.dom0) })
	e.running.Go(func() { carry(e.dom0, e.guest) })
	return e, nil
}

// openTap makes a tap that lives as long as it is open.
func openTap(m *Machine, name string) (*os.File, error) {
	var tap *os.File
	err := m.Do(func() error {
		// It belongs to the namespace that the opening thread is in.
		fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
		if err != nil {
			return fmt.Errorf("open /dev/net/tun: %w", err)
		}
		request, err := unix.NewIfreq(name)
		if err == nil {
			request.SetUint16(unix.IFF_TAP | unix.IFF_NO_PI | unix.IFF_TUN_EXCL)
			err = unix.IoctlIfreq(fd, unix.TUNSETIFF, request)
		}
		if err != nil {
			_ = unix.Close(fd)
			return fmt.Errorf("make the tap %s: %w", name, err)
		}
		tap = os.NewFile(uintptr(fd), name)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", m.Name, err)
	}
	return tap, nil
}

// carry copies frames until the tap it reads is closed. A frame that the other side refuses, because it is down, is
// lost, as on any cable.
func carry(to, from *os.File) {
	frame := make([]byte, 1<<16)
	for {
		n, err := from.Read(frame)
		if err != nil {
			return
		}
		_, _ = to.Write(frame[:n])
	}
}

func (e *emulatedNIC) close() {
	_ = e.dom0.Close()
	_ = e.guest.Close()
	e.running.Wait()
}
