package differential

import "vifctl/tests/dom0"

// private is a guest with a private address, and what vif-nat makes of its last part: 127 more is its gateway.
var private = dom0.NIC{Domid: 1, IP: "192.168.1.2"}

// Debian's vif-nat knows no tap: a guest's emulated NIC gets nothing, in either world's dom0 that is compared here.
var natScenarios = []scenario{
	{name: "pv", host: routed, nics: one(private), steps: life},
	{name: "no address", host: routed, nics: one(dom0.NIC{Domid: 300, Devid: 1}), steps: life},
	{name: "vifname", host: routed, nics: one(dom0.NIC{Domid: 1, IP: "192.168.1.2", Vifname: "alice"}), steps: life},
	{name: "a large last part", host: routed, nics: one(dom0.NIC{Domid: 1, IP: "192.168.1.200"}), steps: life},
	{name: "online twice", host: routed, nics: one(private), steps: []step{online, online, offline}},
	{
		name: "two guests", host: routed, nics: []dom0.NIC{private, {Domid: 2, IP: "192.168.1.3"}},
		steps: []step{online, callFor(1, "online", "type_if=vif"), offline, callFor(1, "offline", "type_if=vif")},
	},
	{
		name: "NICs 10 and 1", host: routed,
		nics:  []dom0.NIC{{Domid: 1, Devid: 10, IP: "192.168.1.10"}, {Domid: 1, Devid: 1, IP: "192.168.1.11"}},
		steps: []step{online, callFor(1, "online", "type_if=vif")},
	},
	{name: "offline without online", host: routed, nics: one(private), steps: []step{offline}},
	{name: "the vif is gone before offline", host: routed, nics: one(private), steps: []step{online, vifGone, offline}},
	{name: "several addresses", host: routed, nics: one(dom0.NIC{Domid: 1, IP: "192.168.1.2 192.168.1.3"}), steps: life},
	{name: "IPv6 address", host: routed, nics: one(dom0.NIC{Domid: 1, IP: "192.168.1.2 2001:db8::5"}), steps: life},
}
