package plan

import (
	"maps"
	"net/netip"
	"slices"
)

// Query names the facts a plan looks at. A fact that does not exist (no such
// link, no such sysctl) is a fact, not an error.
type Query struct {
	// Names are links to look up by name.
	Names []string
	// Indexes are links to look up by ifindex.
	Indexes []int
	// Bridges: every bridge of the host.
	Bridges bool
	// Uplink: the host's way out, its addresses and whether the host forwards.
	Uplink *UplinkQuery
	// Addresses and Routes of these ifindexes.
	Addresses []int
	Routes    []int
	// Neighbours and Sysctls, one by one.
	Neighbours []NeighbourKey
	// Permanent neighbour entries, one by one.
	Permanent []NeighbourKey
	Sysctls   []SysctlKey
	// Rules of the firewall: whether each is in force.
	Rules []Rule
	// VLANs of bridges' ports, and Limits, by ifindex.
	VLANs  []int
	Limits []int
	// DHCP: what is leased to each of these.
	DHCP []DHCPHost
	// Switches are names that may be bridges of Open vSwitch's: it is not
	// asked about what the kernel knows as a bridge of its own.
	Switches []string
	// SwitchMembers are ports that may be in one of Switches, by name: they are
	// asked about where it is.
	SwitchMembers []string
	// SwitchPorts by name, SwitchGuards one by one.
	SwitchPorts  []string
	SwitchGuards []SwitchGuard

	// What the host's side of a mode asks besides.

	// AllLinks: every link of the host.
	AllLinks bool
	// AllRoutes, of every table, through these ifindexes, and what another program
	// wrote down of the neighbours behind these.
	AllRoutes, AllNeighbours []int
	// Settings of the host, by their paths below /proc/sys.
	Settings []string
	// Everywhere: these settings of every link there is.
	Everywhere []SysctlName
}

// FallbackUplink is the uplink of a host that has no default route.
const FallbackUplink = "eth0"

// UplinkQuery asks for the uplink by name. With "" it is the device of the
// default route, IPv4's before IPv6's; without one the interface called
// Fallback. Filter: also whether another program filters what is forwarded to it.
type UplinkQuery struct {
	Name, Fallback string
	Filter         bool
	// Whole: its routes of every table, and these settings of it and of new
	// interfaces, as well.
	Whole   bool
	Sysctls []SysctlName
}

// Snapshot is what the kernel had when it was asked. Only what a Query named
// is there.
type Snapshot struct {
	// Links by ifindex.
	Links map[int]Link
	// Bridges in the order of their names.
	Bridges []Link
	// Uplink is nil where it was not asked for or does not exist.
	Uplink *Uplink
	// Addresses and Routes by ifindex.
	Addresses map[int][]Addr
	Routes    map[int][]RouteEntry
	// Neighbours holds the proxy entries that exist.
	Neighbours map[NeighbourKey]bool
	// Permanent holds the hardware addresses of the permanent entries.
	Permanent map[NeighbourKey]string
	// Learnt holds those of the entries that age.
	Learnt map[NeighbourKey]string
	// Sysctls holds the values that exist.
	Sysctls map[SysctlKey]string
	// Rules holds the keys of those that are in force.
	Rules map[string]bool
	// DHCP holds what dnsmasq is told to lease, by hardware address.
	DHCP map[string]string
	// Limits of what comes from an interface, by ifindex.
	Limits map[int]Rate
	// VLANs of bridges' ports by ifindex, ascending, where the kernel knows of
	// any.
	VLANs map[int][]VLANRange
	// Switches are the bridges of Open vSwitch's that exist, SwitchPorts the
	// ports, by their names. NoSwitch says why it could not be asked, "" where
	// it could or was not.
	Switches    map[string]Switch
	SwitchPorts map[string]SwitchMember
	NoSwitch    string
	// SwitchGuards holds the keys of those that are in force.
	SwitchGuards map[string]bool
	// Settings holds the values that exist, by their paths below /proc/sys.
	Settings map[string]string
	// Answering are the gateways that answer on the uplink.
	Answering []netip.Addr
	// Known holds the keys of what the journal says is done for the NIC: by
	// this port's earlier call, or for its sibling.
	Known map[string]bool

	// newIPv6 holds the links whose IPv6 settings a step has made anew.
	newIPv6 map[int]bool
	// newRules holds the keys of the rules that a step of Resolve's has put in force.
	newRules map[string]bool
}

// NewSnapshot returns a snapshot without a fact in it.
func NewSnapshot() *Snapshot {
	return &Snapshot{
		Links:      map[int]Link{},
		Addresses:  map[int][]Addr{},
		Routes:     map[int][]RouteEntry{},
		Neighbours: map[NeighbourKey]bool{},
		Sysctls:    map[SysctlKey]string{},
		Permanent:  map[NeighbourKey]string{},
		Learnt:     map[NeighbourKey]string{},
		Rules:      map[string]bool{},
		Known:      map[string]bool{},
		Settings:   map[string]string{},

		VLANs:        map[int][]VLANRange{},
		Limits:       map[int]Rate{},
		DHCP:         map[string]string{},
		Switches:     map[string]Switch{},
		SwitchPorts:  map[string]SwitchMember{},
		SwitchGuards: map[string]bool{},
	}
}

// Uplink is the host's way out.
type Uplink struct {
	Link
	// Addresses in the kernel's order: the first of a family is its primary.
	Addresses []Addr
	// Forwarding4 and Forwarding6: the host forwards that family at all.
	Forwarding4, Forwarding6 bool
	// Filtered: another program's filter (docker's, ufw's) drops what the host
	// forwards, unless a rule accepts it.
	Filtered bool
}

// First returns the uplink's first usable address of a family that is the host's own, in
// global scope; ok is false where it has none.
func (u *Uplink) First(is6 bool) (a netip.Addr, ok bool) {
	for _, addr := range u.Addresses {
		ip := addr.Prefix.Addr()
		if ip.Is6() == is6 && !ip.IsLinkLocalUnicast() && !addr.Secondary && !addr.Deprecated && !addr.Guests {
			return ip, true
		}
	}
	return netip.Addr{}, false
}

// LinkNamed finds a link of the snapshot by its name.
func (s *Snapshot) LinkNamed(name string) (Link, bool) {
	for _, l := range s.Links {
		if l.Name == name {
			return l, true
		}
	}
	return Link{}, false
}

// clone copies s as deep as pretend changes it.
func (s *Snapshot) clone() *Snapshot {
	c := &Snapshot{
		Bridges:    s.Bridges,
		Uplink:     s.Uplink,
		Links:      map[int]Link{},
		Addresses:  make(map[int][]Addr, len(s.Addresses)),
		Routes:     make(map[int][]RouteEntry, len(s.Routes)),
		Neighbours: map[NeighbourKey]bool{},
		Sysctls:    map[SysctlKey]string{},
		Rules:      map[string]bool{},
		Permanent:  map[NeighbourKey]string{},
		Known:      s.Known,
		Learnt:     s.Learnt,

		Switches:     s.Switches,
		NoSwitch:     s.NoSwitch,
		SwitchPorts:  map[string]SwitchMember{},
		SwitchGuards: map[string]bool{},
		VLANs:        map[int][]VLANRange{},
		Limits:       map[int]Rate{},
		DHCP:         map[string]string{},

		Settings:  maps.Clone(s.Settings),
		Answering: s.Answering,

		newIPv6:  maps.Clone(s.newIPv6),
		newRules: map[string]bool{},
	}
	if c.newIPv6 == nil {
		c.newIPv6 = map[int]bool{}
	}
	if c.Settings == nil {
		c.Settings = map[string]string{}
	}
	maps.Copy(c.Links, s.Links)
	maps.Copy(c.Neighbours, s.Neighbours)
	maps.Copy(c.Sysctls, s.Sysctls)
	maps.Copy(c.Rules, s.Rules)
	maps.Copy(c.Permanent, s.Permanent)
	maps.Copy(c.VLANs, s.VLANs)
	maps.Copy(c.Limits, s.Limits)
	maps.Copy(c.DHCP, s.DHCP)
	maps.Copy(c.SwitchPorts, s.SwitchPorts)
	maps.Copy(c.SwitchGuards, s.SwitchGuards)
	for i, a := range s.Addresses {
		c.Addresses[i] = slices.Clone(a)
	}
	for i, r := range s.Routes {
		c.Routes[i] = slices.Clone(r)
	}
	return c
}
