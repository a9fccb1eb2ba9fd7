package main

import (
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"vifctl/tests/dom0"
)

// A step is the last one that a tap of mode route is given: that its guest's IPv6 address is known for good. An interface that
// comes again is another, with an index of its own: what is still told of the one before is not taken for it.
type step struct {
	index int
	// at is when the kernel told of it.
	at time.Time
}

// lastSteps tells of each interface's, as the kernel does.
func lastSteps(d *dom0.Dom0) (<-chan step, error) {
	steps, events := make(chan step, 1<<16), make(chan netlink.NeighUpdate, 1<<16)
	err := d.Do(func() error {
		return netlink.NeighSubscribeWithOptions(events, nil, netlink.NeighSubscribeOptions{ReceiveBufferSize: 32 << 20, ReceiveBufferForceSize: true})
	})
	go func() {
		for e := range events {
			if e.Type == unix.RTM_NEWNEIGH && e.Family == unix.AF_INET6 && e.State == unix.NUD_PERMANENT && e.Flags&unix.NTF_PROXY == 0 {
				steps <- step{index: e.LinkIndex, at: time.Now()}
			}
		}
	}()
	return steps, err
}
