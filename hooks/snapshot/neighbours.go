package snapshot

import (
	"errors"
	"fmt"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"vifctl/hooks/plan"
)

// readNeighbours asks for each proxy entry alone: an uplink has one for every
// IPv6 guest, and a dump would read them all.
func (r *Reader) readNeighbours(q plan.Query, s *plan.Snapshot) error {
	for _, key := range q.Neighbours {
		family := unix.AF_INET
		if key.IP.Is6() {
			family = unix.AF_INET6
		}
		req := nl.NewNetlinkRequest(unix.RTM_GETNEIGH, unix.NLM_F_ACK)
		req.AddData(&netlink.Ndmsg{Family: uint8(family), Index: uint32(key.Index), Flags: unix.NTF_PROXY})
		req.AddData(attr(unix.NDA_DST, key.IP.AsSlice()))
		err := r.ask(req, unix.RTM_NEWNEIGH, func([]byte) error {
			s.Neighbours[key] = true
			return nil
		})
		if err != nil && !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.ENODEV) {
			return fmt.Errorf("ask for the proxy neighbour entry of %s: %w", key.IP, err)
		}
	}
	return nil
}
