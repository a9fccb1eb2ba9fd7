package snapshot

import (
	"errors"
	"fmt"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"vifctl/hooks/plan"
)

// readNeighbours asks for each entry alone: an uplink has one for every IPv6
// guest, and a dump would read them all.
func (r *Reader) readNeighbours(q plan.Query, s *plan.Snapshot) error {
	for _, key := range q.Neighbours {
		err := r.neighbour(key, unix.NTF_PROXY, func(netlink.Neigh) { s.Neighbours[key] = true })
		if err != nil {
			return err
		}
	}
	for _, key := range q.Permanent {
		err := r.neighbour(key, 0, func(n netlink.Neigh) {
			if n.State&unix.NUD_PERMANENT != 0 {
				s.Permanent[key] = n.HardwareAddr.String()
			}
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// neighbour asks for one entry and hands it to take, if there is one.
func (r *Reader) neighbour(key plan.NeighbourKey, flags uint8, take func(netlink.Neigh)) error {
	family := unix.AF_INET
	if key.IP.Is6() {
		family = unix.AF_INET6
	}
	req := nl.NewNetlinkRequest(unix.RTM_GETNEIGH, unix.NLM_F_ACK)
	req.AddData(&netlink.Ndmsg{Family: uint8(family), Index: uint32(key.Index), Flags: flags})
	req.AddData(attr(unix.NDA_DST, key.IP.AsSlice()))
	err := r.kernel.Ask(req, unix.RTM_NEWNEIGH, func(m []byte) error {
		n, err := netlink.NeighDeserialize(m)
		if err == nil {
			take(*n)
		}
		return err
	})
	if err != nil && !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.ENODEV) {
		return fmt.Errorf("ask for the neighbour entry of %s: %w", key.IP, err)
	}
	return nil
}
