package plan

// Role is what only a router or a server has to say to its neighbours. A guest that is
// checked says none of it, unless its entry allows it to.
type Role string

// The roles that an entry can allow. What else routers and switches say among
// themselves (RIP, EIGRP, HSRP, IS-IS, spanning tree, LLDP and their kind) is never
// allowed to a guest that is checked.
const (
	// RoleVRRP: VRRP and CARP, and their virtual hardware addresses as a source.
	RoleVRRP Role = "vrrp"
	// RoleOSPF: OSPF.
	RoleOSPF Role = "ospf"
	// RoleMulticastRouter: PIM, IGMP and MLD queries, multicast router discovery.
	RoleMulticastRouter Role = "multicast-router"
	// RoleRouter: router advertisements and redirects.
	RoleRouter Role = "router"
	// RoleDHCPServer: DHCP's and DHCPv6's servers and relays.
	RoleDHCPServer Role = "dhcp-server"
)

// Roles lists them.
func Roles() []Role {
	return []Role{RoleVRRP, RoleOSPF, RoleMulticastRouter, RoleRouter, RoleDHCPServer}
}

// may says what a guest with the role may do.
func (r Role) may() string {
	switch r {
	case RoleVRRP:
		return "speak VRRP, from VRRP's hardware addresses, too"
	case RoleOSPF:
		return "speak OSPF"
	case RoleMulticastRouter:
		return "be a router of multicast groups"
	case RoleRouter:
		return "advertise itself as a router"
	case RoleDHCPServer:
		return "lease addresses"
	}
	return string(r)
}
