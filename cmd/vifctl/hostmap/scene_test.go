package hostmap_test

import (
	"fmt"
	"net/netip"

	"vifctl/configs"
	"vifctl/hooks/doctor/inventory"
	"vifctl/hooks/kernel"
	"vifctl/hooks/plan"
)

// hosting is a host with everything a picture can show: ways out and a bridge
// that leads nowhere, names and addresses as long as they come, public addresses
// and forwards, and things that are broken, beside things that are not.
func hosting() *inventory.Facts {
	links := map[int]kernel.Link{}
	link := func(index, master int, name string, up bool) *kernel.Link {
		l := kernel.Link{
			Link:    plan.Link{Dev: plan.Dev{Name: name, Index: index}, MTU: 1500, Master: master, Up: up, Bridge: name == "xenbr0" || name == "storage-bridge0"},
			Carrier: up,
		}
		links[index] = l
		return &l
	}
	link(1, 0, "eth0", true)
	link(2, 3, "eth1", true)
	link(3, 0, "xenbr0", true)
	link(4, 0, "storage-bridge0", true)
	prefixes := func(all ...string) (list []netip.Prefix) {
		for _, s := range all {
			list = append(list, netip.MustParsePrefix(s))
		}
		return list
	}
	addresses := func(all ...string) (list []plan.Addr) {
		for _, p := range prefixes(all...) {
			list = append(list, plan.Addr{Prefix: p})
		}
		return list
	}
	f := &inventory.Facts{
		Host: &kernel.Host{
			Links: links,
			Addresses: map[int][]plan.Addr{
				1: addresses("203.0.113.2/24", "203.0.113.44/32", "203.0.113.45/32", "2001:db8:1234:5678:9abc:def0:1234:5678/64"),
				3: addresses("10.0.0.2/24"),
			},
			Routes: []kernel.Route{{RouteEntry: plan.RouteEntry{Dst: netip.MustParsePrefix("0.0.0.0/0")}, Through: []int{1}}},
		},
		Settings: map[string]string{"ipv4/ip_forward": "1"},
	}
	add := func(domid int, guest, mode string, entry configs.Guest, vif, tap *kernel.Link, backend map[string]string) {
		n := inventory.NIC{
			NIC: plan.NIC{Domid: domid}, Guest: guest, Alive: true, Mode: mode, Entry: entry, Backend: backend,
			Addresses: entry.Addresses, Public: entry.Public,
		}
		n.Vif = &inventory.Port{Kind: plan.Vif, Name: "vif" + n.NIC.String(), Link: vif}
		if tap != nil {
			n.Tap = &inventory.Port{Kind: plan.Tap, Name: tap.Name, Link: tap}
		}
		f.NICs = append(f.NICs, n)
	}
	up := map[string]string{"hotplug-status": "connected", "state": "4"}
	add(1, "web", "bridge", configs.Guest{Addresses: prefixes("10.0.0.5/32")}, link(11, 3, "vif1.0", true), nil, up)
	add(2, "customer-production-database-replica-frankfurt-am-main-02-standby", "bridge",
		configs.Guest{Addresses: prefixes("10.0.0.6/32", "2001:db8:aaaa:bbbb:cccc:dddd:eeee:1/128", "2001:db8:aaaa:bbbb:cccc:dddd:eeee:2/128", "2001:db8:aaaa:bbbb:cccc:dddd:eeee:3/128")},
		link(12, 3, "vif2.0", false), nil, up)
	add(3, "win2008-1", "nat", configs.Guest{
		Addresses: prefixes("192.168.1.2/32"), Public: []netip.Addr{netip.MustParseAddr("203.0.113.44")},
		Forwards: []configs.Forward{
			{Listen: netip.MustParseAddr("203.0.113.40"), First: 3389, Last: 3389, To: 3389, Protocols: []string{"tcp"}},
			{First: 8080, Last: 8080, To: 80, Protocols: []string{"tcp", "udp"}},
		},
	}, link(13, 0, "vif3.0", true), link(23, 0, "vif3.0-emu", true), up)
	add(4, "db", "route", configs.Guest{Addresses: prefixes("203.0.113.7/32", "2001:db8::7/128")}, link(14, 0, "vif4.0", true), nil, up)
	add(5, "shop", "bridge", configs.Guest{Bridge: "xenbr7"}, link(15, 0, "vif5.0", false), nil,
		map[string]string{"hotplug-status": "error", "hotplug-error": "vif5.0: attach to xenbr7: no such bridge", "bridge": "xenbr7"})
	add(6, "backup", "bridge", configs.Guest{}, link(16, 4, "vif6.0", true), nil,
		map[string]string{"hotplug-status": "connected", "state": "2"})
	return f
}

// crowd is a host with so many guests in one bridge, of which nothing is wrong.
func crowd(guests int) *inventory.Facts {
	bridge := kernel.Link{Link: plan.Link{Dev: plan.Dev{Name: "xenbr0", Index: 1}, MTU: 1500, Up: true, Bridge: true}, Carrier: true}
	f := &inventory.Facts{Host: &kernel.Host{Links: map[int]kernel.Link{1: bridge}}}
	for i := range guests {
		name := fmt.Sprintf("vif%d.0", i+1)
		l := kernel.Link{Link: plan.Link{Dev: plan.Dev{Name: name, Index: 10 + i}, MTU: 1500, Master: 1, Up: true}, Carrier: true}
		f.Host.Links[10+i] = l
		f.NICs = append(f.NICs, inventory.NIC{
			NIC: plan.NIC{Domid: i + 1}, Guest: fmt.Sprintf("guest %d", i), Alive: true, Mode: "bridge",
			Addresses: []netip.Prefix{netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(i + 10)}), 32)},
			Vif:       &inventory.Port{Kind: plan.Vif, Name: name, Link: &l},
		})
	}
	return f
}
