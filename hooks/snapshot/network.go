package snapshot

import (
	"fmt"
	"maps"
	"net/netip"
	"path/filepath"
	"slices"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"vifctl/hooks/plan"
)

// settings is where the kernel keeps those of the whole host, and those of the
// network of the calling thread's namespace.
const settings = "/proc/sys"

// readHost adds what the host's side of a mode asks besides a port's.
func (r *Reader) readHost(q plan.Query, s *plan.Snapshot) error {
	if q.AllLinks || len(q.Everywhere) > 0 {
		links, err := r.Links()
		if err != nil {
			return err
		}
		for _, l := range links {
			s.Links[l.Index] = l
		}
	}
	for _, path := range q.Settings {
		value, ok, err := Setting(filepath.Join(settings, path))
		if err != nil {
			return err
		}
		if ok {
			s.Settings[path] = value
		}
	}
	for _, name := range q.Everywhere {
		for _, index := range slices.Sorted(maps.Keys(s.Links)) {
			if err := r.readSysctls(plan.Query{Sysctls: []plan.SysctlKey{name.Of(index)}}, s); err != nil {
				return err
			}
		}
	}
	for _, index := range q.AllRoutes {
		list, err := r.AllRoutes(index)
		if err != nil {
			return err
		}
		s.Routes[index] = list
	}
	for _, index := range q.AllNeighbours {
		if err := r.neighboursOf(index, s); err != nil {
			return err
		}
	}
	if q.Uplink == nil || !q.Uplink.Whole || s.Uplink == nil {
		return nil
	}
	u := s.Uplink.Index
	more := plan.Query{AllRoutes: []int{u}, AllNeighbours: []int{u}, Addresses: []int{u}}
	for _, name := range q.Uplink.Sysctls {
		more.Settings = append(more.Settings, name.Default())
		more.Sysctls = append(more.Sysctls, name.Of(u))
	}
	for _, step := range []func(plan.Query, *plan.Snapshot) error{r.readAddresses, r.readSysctls, r.readHost} {
		if err := step(more, s); err != nil {
			return err
		}
	}
	return nil
}

// neighboursOf adds the permanent entries of an interface and those that it
// answers for.
func (r *Reader) neighboursOf(index int, s *plan.Snapshot) error {
	for _, flags := range []uint8{0, unix.NTF_PROXY} {
		for _, family := range []uint8{unix.AF_INET, unix.AF_INET6} {
			req := nl.NewNetlinkRequest(unix.RTM_GETNEIGH, unix.NLM_F_DUMP)
			req.AddData(&netlink.Ndmsg{Family: family, Flags: flags})
			if flags == 0 { // a dump of the others takes no filter
				req.AddData(attr(unix.NDA_IFINDEX, nl.Uint32Attr(uint32(index))))
			}
			err := r.kernel.Ask(req, unix.RTM_NEWNEIGH, func(m []byte) error {
				n, err := netlink.NeighDeserialize(m)
				if err != nil || n.LinkIndex != index {
					return err
				}
				ip, _ := netip.AddrFromSlice(n.IP)
				key := plan.NeighbourKey{Index: index, IP: ip.Unmap()}
				switch {
				case flags != 0:
					s.Neighbours[key] = true
				case n.State&unix.NUD_PERMANENT != 0:
					s.Permanent[key] = n.HardwareAddr.String()
				}
				return nil
			})
			if err != nil {
				return fmt.Errorf("list the neighbours of %s: %w", plan.Dev{Index: index}, err)
			}
		}
	}
	return nil
}

// Links lists every interface.
func (r *Reader) Links() ([]plan.Link, error) {
	req := nl.NewNetlinkRequest(unix.RTM_GETLINK, unix.NLM_F_DUMP)
	req.AddData(nl.NewIfInfomsg(unix.AF_UNSPEC))
	req.AddData(attr(unix.IFLA_EXT_MASK, nl.Uint32Attr(skipStats)))
	found := map[int]plan.Link{}
	err := r.kernel.Ask(req, unix.RTM_NEWLINK, func(m []byte) error {
		l, err := parseLink(m)
		found[l.Index] = l
		return err
	})
	if err != nil {
		return nil, err
	}
	list := make([]plan.Link, 0, len(found))
	for _, index := range slices.Sorted(maps.Keys(found)) {
		list = append(list, found[index])
	}
	return list, nil
}
