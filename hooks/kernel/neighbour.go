package kernel

import (
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"vifctl/hooks/plan"
)

// readNeighbours asks for each entry alone: an uplink has one for every IPv6
// guest, and a dump would read them all.
func (k *Kernel) readNeighbours(q plan.Query, s *plan.Snapshot) error {
	for _, key := range q.Neighbours {
		if _, found, err := k.neighbour(key, unix.NTF_PROXY); err != nil {
			return err
		} else if found {
			s.Neighbours[key] = true
		}
	}
	for _, key := range q.Permanent {
		n, found, err := k.neighbour(key, 0)
		if err != nil {
			return err
		}
		switch {
		case found && n.State&unix.NUD_PERMANENT != 0:
			s.Permanent[key] = n.HardwareAddr.String()
		case found && n.State&(unix.NUD_FAILED|unix.NUD_INCOMPLETE) == 0:
			s.Learnt[key] = n.HardwareAddr.String()
		}
	}
	return nil
}

// neighbour asks for one entry.
func (k *Kernel) neighbour(key plan.NeighbourKey, flags uint8) (n netlink.Neigh, found bool, err error) {
	req := nl.NewNetlinkRequest(unix.RTM_GETNEIGH, unix.NLM_F_ACK)
	req.AddData(&netlink.Ndmsg{Family: uint8(family(key.IP)), Index: uint32(key.Index), Flags: flags})
	req.AddData(attr(unix.NDA_DST, key.IP.AsSlice()))
	err = k.conn.ask(req, unix.RTM_NEWNEIGH, func(m []byte) error {
		one, err := netlink.NeighDeserialize(m)
		if err == nil {
			n, found = *one, true
		}
		return err
	})
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENODEV) {
		return n, false, nil
	}
	if err != nil {
		return n, false, fmt.Errorf("ask for the neighbour entry of %s: %w", key.IP, err)
	}
	return n, found, nil
}

// neighbours lists the entries of a family; index, where it is not 0, leaves those of
// other interfaces out. flags is NTF_PROXY for what the host answers for, else 0.
func (k *Kernel) neighbours(fam, index int, flags uint8, take func(netlink.Neigh)) error {
	req := nl.NewNetlinkRequest(unix.RTM_GETNEIGH, unix.NLM_F_DUMP)
	req.AddData(&netlink.Ndmsg{Family: uint8(fam), Flags: flags})
	if flags == 0 && index != 0 { // a dump of the others takes no filter
		req.AddData(attr(unix.NDA_IFINDEX, number(index)))
	}
	err := k.conn.ask(req, unix.RTM_NEWNEIGH, func(m []byte) error {
		n, err := netlink.NeighDeserialize(m)
		if err == nil && (index == 0 || n.LinkIndex == index) {
			take(*n)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("list the neighbours: %w", err)
	}
	return nil
}

// neighboursOf adds the permanent entries of an interface and those that it
// answers for.
func (k *Kernel) neighboursOf(index int, s *plan.Snapshot) error {
	for _, flags := range []uint8{0, unix.NTF_PROXY} {
		for _, fam := range []int{unix.AF_INET, unix.AF_INET6} {
			err := k.neighbours(fam, index, flags, func(n netlink.Neigh) {
				ip, _ := netip.AddrFromSlice(n.IP)
				key := plan.NeighbourKey{Index: index, IP: ip.Unmap()}
				switch {
				case flags != 0:
					s.Neighbours[key] = true
				case n.State&unix.NUD_PERMANENT != 0:
					s.Permanent[key] = n.HardwareAddr.String()
				}
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// SetProxyNeighbour makes an interface answer for an address, or no longer.
func (k *Kernel) SetProxyNeighbour(s plan.ProxyNeighbour) error {
	msg := netlink.Ndmsg{Flags: unix.NTF_PROXY}
	if s.Absent {
		return say(s.Dev, "stop answering for "+s.IP.String(), k.setNeighbour(s.Dev, s.IP, nil, msg, true))
	}
	msg.State = unix.NUD_PERMANENT
	return say(s.Dev, "answer for "+s.IP.String(), k.setNeighbour(s.Dev, s.IP, nil, msg, false))
}

// SetNeighbour writes down an address's hardware address, or forgets it.
func (k *Kernel) SetNeighbour(s plan.Neighbour) error {
	hw, err := net.ParseMAC(s.MAC)
	if err != nil {
		return say(s.Dev, "learn "+s.IP.String(), err)
	}
	msg := netlink.Ndmsg{State: unix.NUD_PERMANENT}
	if s.Absent {
		return say(s.Dev, "forget "+s.IP.String(), k.setNeighbour(s.Dev, s.IP, nil, msg, true))
	}
	return say(s.Dev, "learn that "+s.IP.String()+" is "+s.MAC, k.setNeighbour(s.Dev, s.IP, hw, msg, false))
}

func (k *Kernel) setNeighbour(d plan.Dev, ip netip.Addr, hw net.HardwareAddr, msg netlink.Ndmsg, absent bool) error {
	kind, flags := unix.RTM_NEWNEIGH, unix.NLM_F_CREATE|unix.NLM_F_REPLACE
	if absent {
		kind, flags = unix.RTM_DELNEIGH, 0
	}
	msg.Index, msg.Family = uint32(d.Index), uint8(family(ip))
	req := nl.NewNetlinkRequest(kind, flags|unix.NLM_F_ACK)
	req.AddData(&msg)
	req.AddData(attr(unix.NDA_DST, ip.AsSlice()))
	if hw != nil {
		req.AddData(attr(unix.NDA_LLADDR, hw))
	}
	err := k.conn.ask(req, 0, nil)
	if absent && errors.Is(err, unix.ENOENT) {
		return nil
	}
	return err
}
