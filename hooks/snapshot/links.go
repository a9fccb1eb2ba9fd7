package snapshot

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"vifctl/hooks/plan"
)

// skipStats is RTEXT_FILTER_SKIP_STATS of linux/rtnetlink.h.
const skipStats = 1 << 3

// LinkByName looks one link up; ok is false where there is none.
func (r *Reader) LinkByName(name string) (link plan.Link, ok bool, err error) {
	return r.link(0, name)
}

// LinkByIndex looks one link up; ok is false where there is none.
func (r *Reader) LinkByIndex(index int) (link plan.Link, ok bool, err error) {
	return r.link(index, "")
}

func (r *Reader) link(index int, name string) (link plan.Link, ok bool, err error) {
	for _, l := range r.pretended {
		if l.Index == index || l.Name == name {
			return l, true, nil
		}
	}
	req := nl.NewNetlinkRequest(unix.RTM_GETLINK, unix.NLM_F_ACK)
	msg := nl.NewIfInfomsg(unix.AF_UNSPEC)
	msg.Index = int32(index)
	req.AddData(msg)
	if name != "" {
		req.AddData(attr(unix.IFLA_IFNAME, nl.ZeroTerminated(name)))
	}
	// The counters are most of the answer, and nobody asks for them here.
	req.AddData(attr(unix.IFLA_EXT_MASK, nl.Uint32Attr(skipStats)))
	err = r.kernel.Ask(req, unix.RTM_NEWLINK, func(m []byte) error {
		link, err = parseLink(m)
		return err
	})
	if errors.Is(err, unix.ENODEV) {
		return plan.Link{}, false, nil
	}
	if err != nil {
		return plan.Link{}, false, fmt.Errorf("look up %s: %w", plan.Dev{Name: name, Index: index}, err)
	}
	return link, true, nil
}

// bridges lists every bridge in the order of their names. The kernel skips the
// other links.
func (r *Reader) bridges() ([]plan.Link, error) {
	req := nl.NewNetlinkRequest(unix.RTM_GETLINK, unix.NLM_F_DUMP)
	req.AddData(nl.NewIfInfomsg(unix.AF_UNSPEC))
	req.AddData(attr(unix.IFLA_EXT_MASK, nl.Uint32Attr(skipStats)))
	info := attr(unix.IFLA_LINKINFO, nil)
	info.AddRtAttr(nl.IFLA_INFO_KIND, nl.NonZeroTerminated("bridge"))
	req.AddData(info)
	found := map[int]plan.Link{}
	err := r.kernel.Ask(req, unix.RTM_NEWLINK, func(m []byte) error {
		l, err := parseLink(m)
		if l.Bridge {
			found[l.Index] = l
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list the bridges: %w", err)
	}
	return slices.SortedFunc(maps.Values(found), func(a, b plan.Link) int { return strings.Compare(a.Name, b.Name) }), nil
}

func (r *Reader) readLinks(q plan.Query, s *plan.Snapshot) error {
	for _, name := range q.Names {
		l, ok, err := r.LinkByName(name)
		if err != nil {
			return err
		}
		if ok {
			s.Links[l.Index] = l
		}
	}
	for _, index := range q.Indexes {
		if _, known := s.Links[index]; known {
			continue
		}
		l, ok, err := r.LinkByIndex(index)
		if err != nil {
			return err
		}
		if ok {
			s.Links[l.Index] = l
		}
	}
	// A port's master is a fact of the port: undoing needs its name.
	for _, index := range q.Indexes {
		master := s.Links[index].Master
		if _, known := s.Links[master]; master == 0 || known {
			continue
		}
		l, ok, err := r.LinkByIndex(master)
		if err != nil {
			return err
		}
		if ok {
			s.Links[master] = l
		}
	}
	if q.Bridges {
		var err error
		if s.Bridges, err = r.bridges(); err != nil {
			return err
		}
		for _, b := range s.Bridges {
			s.Links[b.Index] = b
		}
	}
	return nil
}

func parseLink(m []byte) (plan.Link, error) {
	msg := nl.DeserializeIfInfomsg(m)
	attrs, err := nl.ParseRouteAttr(m[msg.Len():])
	if err != nil {
		return plan.Link{}, fmt.Errorf("a link the kernel reported: %w", err)
	}
	l := plan.Link{Dev: plan.Dev{Index: int(msg.Index)}, Up: msg.Flags&unix.IFF_UP != 0}
	elsewhere := false // what it stands on, or leads to
	for _, a := range attrs {
		switch a.Attr.Type {
		case unix.IFLA_IFNAME:
			l.Name = unix.ByteSliceToString(a.Value)
		case unix.IFLA_ADDRESS:
			l.MAC = net.HardwareAddr(a.Value).String()
		case unix.IFLA_MTU:
			l.MTU = int(nl.NativeEndian().Uint32(a.Value))
		case unix.IFLA_MASTER:
			l.Master = int(nl.NativeEndian().Uint32(a.Value))
		case unix.IFLA_LINK:
			l.Lower = int(nl.NativeEndian().Uint32(a.Value))
		case unix.IFLA_LINK_NETNSID:
			elsewhere = true
		case unix.IFLA_LINKINFO:
			infos, err := nl.ParseRouteAttr(a.Value)
			if err != nil {
				return plan.Link{}, fmt.Errorf("%s: what the kernel says of its kind: %w", l.Dev, err)
			}
			for _, i := range infos {
				switch i.Attr.Type {
				case nl.IFLA_INFO_KIND:
					kind := unix.ByteSliceToString(i.Value)
					l.Bridge = kind == "bridge"
					elsewhere = elsewhere || kind == "veth"
				case nl.IFLA_INFO_DATA:
					if l.Bridge { // the kind comes before its data
						l.VLANs, l.DefaultPVID = bridgeVLANs(i.Value)
					}
				}
			}
		}
	}
	if elsewhere || l.Lower == l.Index {
		l.Lower = 0
	}
	return l, nil
}
