package main

import (
	"fmt"
	"strings"

	"vifctl/tests/dom0"
)

// switchScene: vif-openvswitch, with a switch of the lab's own.
var switchScene = scene{
	name:     "openvswitch",
	about:    "guests on a bridge of Open vSwitch's, in VLANs that their bridge= names",
	programs: []string{"ovs-vsctl", "ovsdb-tool", "ovsdb-server"},
	host:     dom0.Options{Switch: "ovs0"},
	guests: []guest{
		switched("green1", 13, "ovs0.10"), switched("green2", 14, "ovs0.10:20:30"), switched("gold", 15, "ovs0.20"),
	},
	acts: func(s *stage) error {
		s.report.note("dom0 has ovs0: ovs-vsctl add-br ovs0")
		if err := s.keepsApart(); err != nil {
			return err
		}
		green := s.guests[0]
		want := fmt.Sprintf("5f2b7a00-0000-4000-8000-%012d.0", green.Domid)
		r := s.Run("ovs-vsctl", "--timeout=10", "get", "Interface", green.Vif, "external_ids:iface-id")
		found := strings.Trim(strings.TrimSpace(r.Stdout), `"`)
		s.report.check(check{
			what: "green1's port is known by its iface-id", found: found, err: unless(found == want, "it is %s", found),
		})
		return nil
	},
}

func switched(name string, domid int, bridge string) guest {
	g := tagged(name, domid, bridge, "")
	g.entry.Script = "vif-openvswitch"
	return g
}
