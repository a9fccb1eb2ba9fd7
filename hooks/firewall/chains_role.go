package firewall

import (
	"strings"

	"vifctl/hooks/plan"
)

// What only a router or a server says is dropped, but for guests whose role it is: of
// each role there is a set of their ports, and a chain that looks into it.

func roleSets() []setDef {
	return []setDef{
		{roleSet(plan.RoleVRRP), setOf(ifname)},
		{roleSet(plan.RoleOSPF), setOf(ifname)},
		{roleSet(plan.RoleMulticastRouter), setOf(ifname)},
		{roleSet(plan.RoleRouter), setOf(ifname)},
		{roleSet(plan.RoleDHCPServer), setOf(ifname)},
	}
}

func roleSet(r plan.Role) string { return roleWord(r) + "_ports" }

// roleWord is a role in a name of nft's.
func roleWord(r plan.Role) string { return strings.ReplaceAll(string(r), "-", "_") }

// hasRole goes on to the chain that accepts what comes from a guest with the role, and
// drops it from another.
func hasRole(r plan.Role) clause { return goTo("role_" + roleWord(r)) }

func roleChains() (all []chain) {
	for _, role := range plan.Roles() {
		all = append(all, chain{name: "role_" + roleWord(role), rules: []rule{
			{in(roleSet(role), iifname), accept()},
			{drop(serverRole)},
		}})
	}
	return all
}

// VRRP's hardware addresses (RFC 5798, section 7.3), for IPv4 and IPv6, without the
// number of the virtual router, which is the last of their six bytes.
var virtualMACs = []string{"\x00\x00\x5e\x00\x01\x00", "\x00\x00\x5e\x00\x02\x00"}

const virtualBits = 40

// virtualChain goes back with a source that is not the guest's own where it is a virtual
// router's, and the guest may be one; virtualARPChain with a sender of ARP's.
func virtualChain(d dialect) chain {
	return chain{name: "virtual", rules: []rule{
		d.ether.then(in("vmac", iifname, etherSource.prefix(virtualBits)), backAgain()),
		{drop(spoofedMAC)},
	}}
}

func virtualARPChain(d dialect) chain {
	return chain{name: "virtual_arp", rules: []rule{
		d.arp.then(in("vmac", iifname, arpSenderMAC.prefix(virtualBits)), backAgain()),
		{drop(spoofedNeighbour)},
	}}
}
