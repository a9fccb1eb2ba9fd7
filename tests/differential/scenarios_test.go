package differential

import (
	"vifctl/tests/dom0"
)

// bridged is a host whose uplink is a port of xenbr0.
var bridged = dom0.Options{Bridges: []dom0.Bridge{{Name: "xenbr0", Ports: []string{dom0.Uplink}}}}

// routed is a host with forwarding on.
var routed = dom0.Options{Router: true}

// bridgedWith is bridged with another MTU.
func bridgedWith(mtu int) dom0.Options {
	return dom0.Options{Bridges: []dom0.Bridge{{Name: "xenbr0", MTU: mtu, Ports: []string{dom0.Uplink}}}}
}

var (
	guest     = dom0.NIC{Domid: 1, IP: "10.0.0.5"}
	hvm       = dom0.NIC{Domid: 1, IP: "10.0.0.5", HVM: true}
	tapDevice = dom0.NIC{Domid: 1, IP: "10.0.0.5", HVM: true, TapDevice: true}
	named     = dom0.NIC{Domid: 1, IP: "10.0.0.5", Vifname: "alice"}
	namedHVM  = dom0.NIC{Domid: 1, IP: "10.0.0.5", Vifname: "alice", HVM: true}
	noAddress = dom0.NIC{Domid: 1}
	severalIP = dom0.NIC{Domid: 1, IP: "10.0.0.5 10.0.0.6"}
	prefix    = dom0.NIC{Domid: 1, IP: "10.0.8.0/24"}
	withIPv6  = dom0.NIC{Domid: 1, IP: "10.0.0.5 2001:db8::5"}
)

// life is what xl calls for a guest from its creation to its end; for an HVM guest the device model, and the tap with it,
// is gone before the last two.
var (
	life    = []step{online, offline}
	lifeHVM = []step{online, add, tapGone, remove, offline}
)

var tapGone = stores("the device model ends", func(w *world) error { return w.ports[0].UnplugTap() })

var vifGone = stores("the vif goes", func(w *world) error { return w.ports[0].Unplug() })

var bridgeScenarios = []scenario{
	{name: "pv", host: bridged, nics: one(guest), steps: life},
	{name: "hvm", host: bridged, nics: one(hvm), steps: lifeHVM},
	{name: "hvm with a tap device", host: bridged, nics: one(tapDevice), steps: lifeHVM},
	{name: "hvm with its tap to the end", host: bridged, nics: one(hvm), steps: []step{online, add, remove, offline}},
	{name: "vifname", host: bridged, nics: one(named), steps: life},
	{name: "vifname hvm", host: bridged, nics: one(namedHVM), steps: lifeHVM},
	{name: "vifname longer than vif1.0", host: bridged, nics: one(dom0.NIC{Domid: 1, Vifname: "vif-web-01"}), steps: life},
	{name: "several addresses", host: bridged, nics: one(severalIP), steps: life},
	{name: "address with a prefix", host: bridged, nics: one(prefix), steps: life},
	{name: "no address", host: bridged, nics: one(noAddress), steps: life},
	{name: "IPv6 address", host: bridged, nics: one(withIPv6), steps: life},
	{name: "mtu key", host: bridged, nics: one(dom0.NIC{Domid: 1, MTU: 1400}), steps: life},
	{name: "mtu key hvm", host: bridged, nics: one(dom0.NIC{Domid: 1, MTU: 1400, HVM: true}), steps: lifeHVM},
	{name: "mtu key and vifname", host: bridged, nics: one(dom0.NIC{Domid: 1, MTU: 1400, Vifname: "alice"}), steps: life},
	{name: "jumbo bridge", host: bridgedWith(9000), nics: one(guest), steps: life},
	{name: "jumbo bridge and vifname", host: bridgedWith(9000), nics: one(named), steps: life},
	{name: "narrow bridge", host: bridgedWith(1400), nics: one(hvm), steps: lifeHVM},
	{
		name: "no bridge key", host: bridged, steps: life,
		nics: one(dom0.NIC{Domid: 1, Absent: []string{"bridge"}}),
	},
	{
		name: "no bridge key and no port on the only bridge", host: dom0.Options{Bridges: []dom0.Bridge{{Name: "br7"}}},
		nics: one(dom0.NIC{Domid: 1, Absent: []string{"bridge"}}), steps: life,
	},
	{
		name: "no bridge key and two bridges", steps: life,
		host: dom0.Options{Bridges: []dom0.Bridge{{Name: "br7"}, {Name: "xenbr0", Ports: []string{dom0.Uplink}}}},
		nics: one(dom0.NIC{Domid: 1, Absent: []string{"bridge"}}),
	},
	{
		name: "bridge from the environment", host: bridged, nics: one(dom0.NIC{Domid: 1, Absent: []string{"bridge"}}),
		steps: []step{withEnv(map[string]string{"bridge": "xenbr0"}, "online", "type_if=vif"), offline},
	},
	{
		name: "bridge from the arguments", host: bridged, nics: one(dom0.NIC{Domid: 1, Absent: []string{"bridge"}}),
		steps: []step{call("online", "type_if=vif", "bridge=xenbr0"), offline},
	},
	{
		name: "xenbr7 is eth7", host: dom0.Options{Bridges: []dom0.Bridge{{Name: "eth7"}}},
		nics: one(dom0.NIC{Domid: 1, Bridge: "xenbr7"}), steps: life,
	},
	{name: "unknown bridge", host: bridged, nics: one(dom0.NIC{Domid: 1, Bridge: "nowhere"}), steps: life},
	{name: "bridge that is none", host: dom0.Options{}, nics: one(dom0.NIC{Domid: 1, Bridge: dom0.Uplink}), steps: life},
	{name: "online twice", host: bridged, nics: one(guest), steps: []step{online, online, offline}},
	{name: "add twice", host: bridged, nics: one(hvm), steps: []step{online, add, add, tapGone, remove, offline}},
	{name: "offline twice", host: bridged, nics: one(guest), steps: []step{online, offline, offline}},
	{name: "offline without online", host: bridged, nics: one(guest), steps: []step{offline}},
	{name: "remove without add", host: bridged, nics: one(hvm), steps: []step{online, remove, offline}},
	{name: "add without online", host: bridged, nics: one(hvm), steps: []step{add, remove}},
	{name: "the vif is gone before offline", host: bridged, nics: one(guest), steps: []step{online, vifGone, offline}},
	{
		name: "the bridge is gone before offline", host: bridged, nics: one(guest),
		steps: []step{online, happens("the bridge goes", "ip", "link", "delete", "xenbr0"), offline},
	},
	{name: "no interface", host: bridged, nics: one(dom0.NIC{Domid: 1, Vifname: "alice", Unplugged: true}), steps: []step{offline}},
	{
		name: "taken vifname", host: bridged, nics: []dom0.NIC{named, {Domid: 2, Vifname: "alice"}},
		steps: []step{online, callFor(1, "online", "type_if=vif"), callFor(1, "offline", "type_if=vif"), offline},
	},
	{
		name: "two guests", host: bridged, nics: []dom0.NIC{guest, {Domid: 2, IP: "10.0.0.6"}},
		steps: []step{online, callFor(1, "online", "type_if=vif"), offline, callFor(1, "offline", "type_if=vif")},
	},
	{
		name: "calls whose command and type do not belong together", host: bridged, nics: one(hvm),
		steps: []step{call("online", "type_if=tap"), call("add", "type_if=vif"), call("offline", "type_if=tap"), call("remove", "type_if=vif")},
	},
	{name: "no type_if", host: bridged, nics: one(hvm), steps: []step{call("online"), call("offline")}},
	{name: "unknown type_if", host: bridged, nics: one(guest), steps: []step{call("online", "type_if=veth")}},
	{name: "unknown command", host: bridged, nics: one(guest), steps: []step{call("start", "type_if=vif")}},
	{
		name: "the guest removed its frontend", host: bridged, nics: one(dom0.NIC{Domid: 1, MTU: 1400}),
		steps: []step{stores("the guest removes its frontend", removeFrontend), online, offline},
	},
}

var routeScenarios = []scenario{
	{name: "pv", host: routed, nics: one(guest), steps: life},
	{name: "hvm", host: routed, nics: one(hvm), steps: lifeHVM},
	{name: "hvm with a tap device", host: routed, nics: one(tapDevice), steps: lifeHVM},
	{name: "hvm with its tap to the end", host: routed, nics: one(hvm), steps: []step{online, add, remove, offline}},
	{name: "vifname", host: routed, nics: one(named), steps: life},
	{name: "vifname hvm", host: routed, nics: one(namedHVM), steps: lifeHVM},
	{name: "several addresses", host: routed, nics: one(severalIP), steps: life},
	{name: "address with a prefix", host: routed, nics: one(prefix), steps: life},
	{name: "no address", host: routed, nics: one(noAddress), steps: life},
	{name: "IPv6 address", host: routed, nics: one(withIPv6), steps: life},
	{name: "mtu key", host: routed, nics: one(dom0.NIC{Domid: 1, IP: "10.0.0.5", MTU: 1400}), steps: life},
	{
		name: "gatewaydev", host: dom0.Options{Router: true, Bridges: []dom0.Bridge{{Name: "br7", Ports: []string{dom0.Uplink}}}},
		nics: one(dom0.NIC{Domid: 1, IP: "10.0.0.5", Gatewaydev: "br7"}), steps: life,
	},
	{
		name: "gatewaydev is not there", host: routed,
		nics: one(dom0.NIC{Domid: 1, IP: "10.0.0.5", Gatewaydev: "nowhere"}), steps: life,
	},
	{
		name: "the uplink is not eth0", nics: one(guest), steps: life,
		host: dom0.Options{Router: true, Bridges: []dom0.Bridge{{Name: "br7", Ports: []string{dom0.Uplink}}}},
	},
	{
		name: "netdev from the arguments", host: routed, nics: one(guest),
		steps: []step{call("online", "type_if=vif", "netdev=eth0"), call("offline", "type_if=vif", "netdev=eth0")},
	},
	{name: "online twice", host: routed, nics: one(guest), steps: []step{online, online, offline}},
	{name: "offline twice", host: routed, nics: one(guest), steps: []step{online, offline, offline}},
	{name: "offline without online", host: routed, nics: one(guest), steps: []step{offline}},
	{name: "add without online", host: routed, nics: one(hvm), steps: []step{add, remove}},
	{name: "the vif is gone before offline", host: routed, nics: one(guest), steps: []step{online, vifGone, offline}},
	{
		name: "the uplink's address is gone before offline", host: routed, nics: one(guest),
		steps: []step{online, happens("the uplink loses its address", "ip", "-4", "address", "flush", "dev", dom0.Uplink), offline},
	},
	{
		name: "no address on the uplink", host: routed, nics: one(guest),
		steps: []step{happens("the uplink has no address", "ip", "-4", "address", "flush", "dev", dom0.Uplink), online, offline},
	},
	{
		name: "two guests", host: routed, nics: []dom0.NIC{guest, {Domid: 2, IP: "10.0.0.6"}},
		steps: []step{online, callFor(1, "online", "type_if=vif"), offline, callFor(1, "offline", "type_if=vif")},
	},
	{
		name: "one address twice", host: routed, nics: []dom0.NIC{guest, {Domid: 2, IP: "10.0.0.5"}},
		steps: []step{online, callFor(1, "online", "type_if=vif"), callFor(1, "offline", "type_if=vif"), offline},
	},
	{name: "bad address", host: routed, nics: one(dom0.NIC{Domid: 1, IP: "10.0.0.256"}), steps: life},
	{name: "taken vifname", host: routed, nics: []dom0.NIC{named, {Domid: 2, Vifname: "alice", IP: "10.0.0.6"}}, steps: []step{
		online, callFor(1, "online", "type_if=vif"), callFor(1, "offline", "type_if=vif"), offline,
	}},
	{name: "no type_if", host: routed, nics: one(hvm), steps: []step{call("online"), call("offline")}},
}

func one(nic dom0.NIC) []dom0.NIC { return []dom0.NIC{nic} }

func removeFrontend(w *world) error { return w.Remove(w.ports[0].Frontend) }
