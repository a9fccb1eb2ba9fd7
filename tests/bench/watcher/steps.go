package main

import (
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"vifctl/tests/dom0"
)

// lastSteps tells of each tap whose last step is taken, that its guest's IPv6 address is known for good, as the kernel
// tells of it.
func lastSteps(d *dom0.Dom0) (<-chan string, error) {
	steps, events := make(chan string, 4096), make(chan netlink.NeighUpdate, 1<<16)
	err := d.Do(func() error {
		return netlink.NeighSubscribeWithOptions(events, nil, netlink.NeighSubscribeOptions{ReceiveBufferSize: 32 << 20, ReceiveBufferForceSize: true})
	})
	go func() {
		for e := range events {
			if e.Type == unix.RTM_NEWNEIGH && e.Family == unix.AF_INET6 && e.State == unix.NUD_PERMANENT && e.Flags&unix.NTF_PROXY == 0 {
				steps <- e.IP.String()
			}
		}
	}()
	return steps, err
}
