package kernel

import (
	"encoding/binary"
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

// skipStats is RTEXT_FILTER_SKIP_STATS of linux/rtnetlink.h: the counters are most of
// the answer, and a call has no use for them.
const skipStats = 1 << 3

// Link is one interface with what a call has no use for.
type Link struct {
	plan.Link
	// Kind as the kernel names it: bridge, veth, tun, vlan, …; "device" for a real
	// one.
	Kind string
	// Carrier: the kernel says that frames get through.
	Carrier bool
	// Parent is the ifindex of the link that a VLAN, a macvlan or a veth stands on,
	// 0 for none.
	Parent int
	// VLAN is a VLAN link's number, 0 for other links.
	VLAN int
	// What the host has received from the link and sent to it; zero where the
	// counters were not asked for.
	Received, Sent Count
}

// Count is an amount of traffic.
type Count struct {
	Bytes   uint64 `json:"bytes"`
	Packets uint64 `json:"packets"`
	Dropped uint64 `json:"dropped"`
}

// ParseLink reads the body of an RTM_NEWLINK message: struct ifinfomsg and the
// attributes behind it.
func ParseLink(body []byte) (Link, error) {
	if len(body) < unix.SizeofIfInfomsg {
		return Link{}, ErrCutOff
	}
	flags := binary.NativeEndian.Uint32(body[8:])
	l := Link{
		Link:    plan.Link{Dev: plan.Dev{Index: word(body[4:])}, Up: flags&unix.IFF_UP != 0},
		Kind:    "device",
		Carrier: flags&unix.IFF_LOWER_UP != 0,
	}
	elsewhere := false // the other end is in another namespace
	err := Attributes(body[unix.SizeofIfInfomsg:], func(kind uint16, value []byte) error {
		switch kind {
		case unix.IFLA_IFNAME:
			l.Name = unix.ByteSliceToString(value)
		case unix.IFLA_ADDRESS:
			l.MAC = net.HardwareAddr(value).String()
		case unix.IFLA_MTU:
			l.MTU = word(value)
		case unix.IFLA_MASTER:
			l.Master = word(value)
		case unix.IFLA_LINK:
			l.Parent = word(value)
		case unix.IFLA_LINK_NETNSID:
			elsewhere = true
		case unix.IFLA_STATS64:
			l.count(value)
		case unix.IFLA_LINKINFO:
			return l.info(value)
		}
		return nil
	})
	if err != nil {
		return Link{}, fmt.Errorf("a link the kernel reported: %w", err)
	}
	// What a veth leads to is no link that it stands on.
	if !elsewhere && l.Kind != "veth" && l.Parent != l.Index {
		l.Lower = l.Parent
	}
	return l, nil
}

// info reads IFLA_LINKINFO, in which a kind comes before its data.
func (l *Link) info(data []byte) error {
	ofBridge := false
	return Attributes(data, func(kind uint16, value []byte) error {
		switch {
		case kind == nl.IFLA_INFO_KIND:
			l.Kind = unix.ByteSliceToString(value)
			l.Bridge = l.Kind == "bridge"
		case kind == nl.IFLA_INFO_SLAVE_KIND:
			ofBridge = unix.ByteSliceToString(value) == "bridge"
		case kind == nl.IFLA_INFO_SLAVE_DATA && ofBridge:
			l.GroupForward = groupForward(value)
		case kind == nl.IFLA_INFO_DATA && l.Bridge:
			l.VLANs, l.DefaultPVID = bridgeVLANs(value)
		case kind == nl.IFLA_INFO_DATA && l.Kind == "vlan":
			return Attributes(value, func(kind uint16, value []byte) error {
				if kind == nl.IFLA_VLAN_ID && len(value) >= 2 {
					l.VLAN = int(binary.NativeEndian.Uint16(value))
				}
				return nil
			})
		}
		return nil
	})
}

// count reads struct rtnl_link_stats64 of linux/if_link.h.
func (l *Link) count(data []byte) {
	at := func(i int) uint64 {
		if len(data) < 8*(i+1) {
			return 0
		}
		return binary.NativeEndian.Uint64(data[8*i:])
	}
	l.Received = Count{Packets: at(0), Bytes: at(2), Dropped: at(6)}
	l.Sent = Count{Packets: at(1), Bytes: at(3), Dropped: at(7)}
}

// LinkByName looks one link up; ok is false where there is none.
func (k *Kernel) LinkByName(name string) (link plan.Link, ok bool, err error) {
	return k.link(0, name)
}

// LinkByIndex looks one link up; ok is false where there is none.
func (k *Kernel) LinkByIndex(index int) (link plan.Link, ok bool, err error) {
	return k.link(index, "")
}

func (k *Kernel) link(index int, name string) (link plan.Link, ok bool, err error) {
	for _, l := range k.pretended {
		if l.Index == index || l.Name == name {
			return l, true, nil
		}
	}
	req := linkRequest(unix.RTM_GETLINK, unix.NLM_F_ACK, index)
	if name != "" {
		req.AddData(attr(unix.IFLA_IFNAME, nl.ZeroTerminated(name)))
	}
	req.AddData(attr(unix.IFLA_EXT_MASK, number(skipStats)))
	err = k.conn.ask(req, unix.RTM_NEWLINK, func(m []byte) error {
		l, err := ParseLink(m)
		link = l.Link
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

// linkRequest begins a message about one link, known by its ifindex alone: a name may
// have been given to another interface meanwhile.
func linkRequest(kind, flags, index int) *nl.NetlinkRequest {
	req := nl.NewNetlinkRequest(kind, flags)
	msg := nl.NewIfInfomsg(unix.AF_UNSPEC)
	msg.Index = int32(index)
	req.AddData(msg)
	return req
}

// Links lists every interface, in the order of their ifindexes.
func (k *Kernel) Links() ([]plan.Link, error) {
	found, err := k.links("", skipStats)
	if err != nil {
		return nil, err
	}
	list := make([]plan.Link, 0, len(found))
	for _, index := range slices.Sorted(maps.Keys(found)) {
		list = append(list, found[index].Link)
	}
	return list, nil
}

// bridges lists every bridge in the order of their names. The kernel skips the
// other links.
func (k *Kernel) bridges() (list []plan.Link, err error) {
	found, err := k.links("bridge", skipStats)
	for _, l := range found {
		if l.Bridge {
			list = append(list, l.Link)
		}
	}
	slices.SortFunc(list, func(a, b plan.Link) int { return strings.Compare(a.Name, b.Name) })
	return list, err
}

// links dumps those of a kind, "" for all, by their ifindexes.
func (k *Kernel) links(kind string, mask int) (map[int]Link, error) {
	req := linkRequest(unix.RTM_GETLINK, unix.NLM_F_DUMP, 0)
	if mask != 0 {
		req.AddData(attr(unix.IFLA_EXT_MASK, number(mask)))
	}
	if kind != "" {
		info := attr(unix.IFLA_LINKINFO, nil)
		info.AddRtAttr(nl.IFLA_INFO_KIND, nl.NonZeroTerminated(kind))
		req.AddData(info)
	}
	found := map[int]Link{}
	err := k.conn.ask(req, unix.RTM_NEWLINK, func(m []byte) error {
		l, err := ParseLink(m)
		found[l.Index] = l
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list the interfaces: %w", err)
	}
	return found, nil
}

func (k *Kernel) readLinks(q plan.Query, s *plan.Snapshot) error {
	add := func(l plan.Link, ok bool, err error) error {
		if ok {
			s.Links[l.Index] = l
		}
		return err
	}
	for _, name := range q.Names {
		if err := add(k.LinkByName(name)); err != nil {
			return err
		}
	}
	for _, index := range q.Indexes {
		if _, known := s.Links[index]; known {
			continue
		}
		if err := add(k.LinkByIndex(index)); err != nil {
			return err
		}
	}
	// A port's master is a fact of the port: undoing needs its name.
	for _, index := range q.Indexes {
		master := s.Links[index].Master
		if _, known := s.Links[master]; master == 0 || known {
			continue
		}
		if err := add(k.LinkByIndex(master)); err != nil {
			return err
		}
	}
	if !q.Bridges {
		return nil
	}
	var err error
	s.Bridges, err = k.bridges()
	for _, b := range s.Bridges {
		s.Links[b.Index] = b
	}
	return err
}

// SetLink sets several attributes of one link by one message: steps are of the kinds
// Name, MAC, MTU, Master and Up, about one interface. Each message about a bridge's
// port makes the kernel go through the bridge's other ports, so fewer are faster on a
// full host.
func (k *Kernel) SetLink(steps ...plan.Step) error {
	req := nl.NewNetlinkRequest(unix.RTM_SETLINK, unix.NLM_F_ACK)
	msg := nl.NewIfInfomsg(unix.AF_UNSPEC)
	msg.Index = int32(steps[0].Traits().Dev.Index)
	req.AddData(msg)
	for _, s := range steps {
		if err := addLinkAttribute(req, msg, s); err != nil {
			return err
		}
	}
	return k.conn.ask(req, 0, nil)
}

func addLinkAttribute(req *nl.NetlinkRequest, msg *nl.IfInfomsg, step plan.Step) error {
	switch s := step.(type) {
	case plan.Name:
		req.AddData(attr(unix.IFLA_IFNAME, nl.ZeroTerminated(s.Want)))
	case plan.MAC:
		hw, err := net.ParseMAC(s.Want)
		if err != nil {
			return err
		}
		req.AddData(attr(unix.IFLA_ADDRESS, hw))
	case plan.MTU:
		req.AddData(attr(unix.IFLA_MTU, number(s.Want)))
	case plan.Master:
		req.AddData(attr(unix.IFLA_MASTER, number(s.Bridge.Index)))
	case plan.Up:
		msg.Change |= unix.IFF_UP
		if s.Want {
			msg.Flags |= unix.IFF_UP
		}
	default:
		return fmt.Errorf("%s is no attribute of a link", step.Key())
	}
	return nil
}

// Rename gives an interface its name.
func (k *Kernel) Rename(s plan.Name) error {
	err := k.SetLink(s)
	if errors.Is(err, unix.EBUSY) {
		// Before Linux 6.2 an interface that is up keeps its name.
		err = errors.Join(k.SetLink(plan.Up{Dev: s.Dev}), k.SetLink(s), k.SetLink(plan.Up{Dev: s.Dev, Want: true}))
	}
	if errors.Is(err, unix.EEXIST) {
		// A rename to the name it has is EEXIST to some kernels, too.
		if name, lookErr := k.nameByIndex(s.Dev.Index); lookErr == nil && name == s.Want {
			return nil
		}
		return fmt.Errorf("an interface of that name exists: %w", err)
	}
	return err
}

// nameByIndex asks for no more than the name, which a netlink message would
// bury in a kilobyte of other facts.
func (k *Kernel) nameByIndex(index int) (string, error) {
	// The request's union starts with the index as well as with the flags, so
	// any name makes room for it.
	req, err := unix.NewIfreq("?")
	if err != nil {
		return "", err
	}
	req.SetUint32(uint32(index))
	err = unix.IoctlIfreq(k.names, unix.SIOCGIFNAME, req)
	if errors.Is(err, unix.ENODEV) {
		return "", ErrNoLink
	}
	return req.Name(), err
}

func (k *Kernel) nameOf(index int) string {
	if name, err := k.nameByIndex(index); err == nil {
		return name
	}
	return plan.Dev{Index: index}.String()
}
