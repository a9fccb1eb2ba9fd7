package differential

import "vifctl/tests/dom0"

// switched is a host whose uplink is a port of Open vSwitch's ovs0.
var switched = dom0.Options{Switch: "ovs0"}

// on is a guest on a bridge.
func on(bridge string) dom0.NIC { return dom0.NIC{Domid: 1, IP: "10.0.0.5", Bridge: bridge} }

var switchScenarios = []scenario{
	{name: "pv", host: switched, nics: one(on("ovs0")), steps: life},
	{name: "hvm", host: switched, nics: one(dom0.NIC{Domid: 1, Bridge: "ovs0", HVM: true}), steps: []step{online, add, remove, offline}},
	{name: "vifname", host: switched, nics: one(dom0.NIC{Domid: 1, Bridge: "ovs0", Vifname: "alice"}), steps: life},
	{name: "tag and trunks", host: switched, nics: one(on("ovs0.10:20:30")), steps: []step{online, online, offline}},
	{name: "mtu key", host: switched, nics: one(dom0.NIC{Domid: 1, Bridge: "ovs0", MTU: 1400}), steps: life},
	{name: "unknown bridge", host: switched, nics: one(on("nowhere")), steps: life},
	{
		name: "a name of several words", host: switched, steps: life,
		nics: one(dom0.NIC{Domid: 1, Bridge: "ovs0", Guest: "a -- del-port eth0"}),
	},
	{name: "the vif is gone before offline", host: switched, nics: one(on("ovs0")), steps: []step{online, vifGone, offline}},
}
